package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/nodecolumns"
)

// describeNode prints a node in the shape of kubectl describe (k8s.io/kubectl/pkg/describe).
func describeNode(p page, f nodeFacts) error {
	n := f.node
	printFields(p, "", []field{
		{"Name", []string{n.Name}},
		{"Roles", []string{nodecolumns.Roles(n)}},
		{"Labels", pairs(n.Labels, "=")},
		{"Annotations", pairs(n.Annotations, ": ")},
		{"CreationTimestamp", []string{longTime(n.CreationTimestamp.Time)}},
		{"Taints", taintTexts(n.Spec.Taints)},
		{"Unschedulable", []string{fmt.Sprint(n.Spec.Unschedulable)}},
	})
	p.printf("Conditions:\n")
	if err := printNested(p, conditionTable(n.Status.Conditions)); err != nil {
		return err
	}
	printGroup(p, "Addresses", addressFields(n.Status.Addresses))
	printResources(p, "Capacity", n.Status.Capacity)
	printResources(p, "Allocatable", n.Status.Allocatable)
	printGroup(p, "System Info", systemFields(n.Status.NodeInfo))
	printNodeGossip(p, f)
	return printNodeEvents(p, f.events)
}

// field is one name with its values, which stand below each other.
type field struct {
	name   string
	values []string
}

// printFields aligns the values of the fields.
func printFields(p page, indent string, fields []field) {
	width := 0
	for _, f := range fields {
		width = max(width, utf8.RuneCountInString(f.name)+1)
	}
	for _, f := range fields {
		name := f.name + ":"
		for _, value := range append(f.values, make([]string, max(1-len(f.values), 0))...) {
			p.printf("%s%-*s  %s\n", indent, width, name, cellText(value))
			name = ""
		}
	}
}

func printGroup(p page, title string, fields []field) {
	if len(fields) == 0 {
		p.printf("%s:  %s\n", title, none)
		return
	}
	p.printf("%s:\n", title)
	printFields(p, "  ", fields)
}

// printNested prints a table below a title, with its headers underlined.
func printNested(p page, t *table) error {
	if len(t.rows) == 0 {
		p.printf("  %s\n", none)
		return nil
	}
	dashes := make([]string, len(t.header))
	for i, h := range t.header {
		dashes[i] = strings.Repeat("-", len(h))
	}
	t.rows = append([][]string{dashes}, t.rows...)
	var buf bytes.Buffer
	if err := t.write(&buf, 0); err != nil {
		return err
	}
	for line := range strings.Lines(buf.String()) {
		if _, err := io.WriteString(p, "  "+line); err != nil {
			return err
		}
	}
	return nil
}

func pairs(m map[string]string, between string) []string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		out = append(out, key+between+m[key])
	}
	return out
}

func taintTexts(taints []corev1.Taint) []string {
	var out []string
	for _, t := range taints {
		out = append(out, taintText(t.Key, t.Value, string(t.Effect)))
	}
	slices.Sort(out)
	return out
}

// longTime is kubectl's form of a moment, in UTC wherever it is read.
func longTime(t time.Time) string {
	if t.IsZero() {
		return unknown
	}
	return t.UTC().Format(time.RFC1123Z)
}

func conditionTable(conditions []corev1.NodeCondition) *table {
	t := newTable("Type", "Status", "LastHeartbeatTime", "LastTransitionTime", "Reason", "Message")
	for _, c := range conditions {
		t.add(string(c.Type), string(c.Status), longTime(c.LastHeartbeatTime.Time), longTime(c.LastTransitionTime.Time),
			c.Reason, c.Message)
	}
	return t
}

func addressFields(addresses []corev1.NodeAddress) []field {
	var out []field
	for _, a := range addresses {
		out = append(out, field{string(a.Type), []string{a.Address}})
	}
	return out
}

// printResources leaves out what no host tells.
func printResources(p page, title string, resources corev1.ResourceList) {
	if len(resources) == 0 {
		return
	}
	var fields []field
	for _, name := range slices.Sorted(maps.Keys(resources)) {
		quantity := resources[name]
		fields = append(fields, field{string(name), []string{quantity.String()}})
	}
	printGroup(p, title, fields)
}

func systemFields(i corev1.NodeSystemInfo) []field {
	return []field{
		{"Machine ID", []string{i.MachineID}},
		{"System UUID", []string{i.SystemUUID}},
		{"Boot ID", []string{i.BootID}},
		{"Kernel Version", []string{i.KernelVersion}},
		{"OS Image", []string{i.OSImage}},
		{"Operating System", []string{i.OperatingSystem}},
		{"Architecture", []string{i.Architecture}},
		{"Container Runtime Version", []string{i.ContainerRuntimeVersion}},
		{"Kubelet Version", []string{i.KubeletVersion}},
	}
}

// printNodeGossip says where what is known of the node comes from, and how good it is.
func printNodeGossip(p page, f nodeFacts) {
	switch {
	case f.off != "":
		p.printf("Gossip:  %s\n", cellText(f.off))
	case len(f.members) == 0:
		p.printf("Gossip:  no member has this name\n")
	}
	for i := range f.members {
		printGroup(p, "Gossip", memberFields(&f.members[i]))
	}
}

func memberFields(m *api.Member) []field {
	heard := age(m.LastHeard) + " ago"
	switch {
	case m.Self:
		heard = "this host itself"
	case m.LastHeard.IsZero():
		heard = "not since the agent started"
	}
	fields := []field{
		{"Member ID", []string{m.ID}},
		{"State", []string{stateFor(m)}},
		{"Standing", []string{m.Standing}},
		{"Address", []string{m.Address}},
		{"Last Heard", []string{heard}},
		{"Round Trip", []string{roundTrip(m.RoundTripSeconds)}},
		{"Key", []string{m.KeyFingerprint}},
		{"Records", recordTexts(m.Records)},
		{"Agent Version", []string{m.AgentVersion}},
		{"Agent Started", []string{longTime(m.AgentStartedAt)}},
		{"Kubelet", []string{m.Kubelet}},
	}
	for _, extra := range []field{{"Not Told", nonEmpty(m.LeftOut)}, {"Same Name", m.Conflicts}, {"Notes", m.Notes}} {
		if len(extra.values) > 0 {
			fields = append(fields, extra)
		}
	}
	return fields
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// recordTexts is how old what a member told is.
func recordTexts(records []api.MemberRecord) []string {
	var out []string
	for _, r := range records {
		received := "received " + age(r.ReceivedAt) + " ago"
		if r.ReceivedAt.IsZero() {
			received = "received at an unknown time"
		}
		out = append(out, fmt.Sprintf("%s: %s, generation %d, version %d, %d bytes", r.Section, received, r.Generation,
			r.Version, r.Bytes))
	}
	slices.Sort(out)
	return out
}

func printNodeEvents(p page, events []corev1.Event) error {
	if len(events) == 0 {
		p.printf("Events:  %s\n", none)
		return nil
	}
	p.printf("Events:\n")
	t := newTable("Type", "Reason", "Age", "From", "Message")
	for i := range events {
		e := &events[i]
		seen := age(e.LastTimestamp.Time)
		if e.Count > 1 {
			seen = fmt.Sprintf("%s (x%d over %s)", seen, e.Count, age(e.FirstTimestamp.Time))
		}
		t.add(e.Type, e.Reason, seen, e.Source.Component, e.Message)
	}
	return printNested(p, t)
}
