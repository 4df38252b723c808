package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/apitest"
	"github.com/daemonsetd/daemonsetd/agent/registry"
)

// Ages that stay as they are printed while a test runs.
const (
	minutes30 = 30*time.Minute + 10*time.Second
	days3     = 72*time.Hour + 30*time.Minute
)

func before(d time.Duration) time.Time { return time.Now().Add(-d) }

// memberOf is a trusted member that is alive, its key made from its name and its number.
func memberOf(name string, n byte) api.Member {
	key := ed25519.PublicKey(bytes.Repeat([]byte{n}, ed25519.PublicKeySize))
	return api.Member{
		Name: name, ID: strings.Repeat(string(rune('a'+n)), 26), State: api.MemberAlive, Standing: api.StandingTrusted,
		Address: "192.0.2." + string(rune('0'+n)) + ":7947", Key: api.MemberKey(key), KeyFingerprint: api.KeyFingerprint(key),
		Since: before(days3), LastHeard: before(minutes30), RoundTripSeconds: 0.0012345, AgentVersion: "v0.2.0",
		AgentStartedAt: apitest.Start(), Kubelet: api.KubeletAnswering,
		Records: []api.MemberRecord{
			{Section: "specs", Generation: 1790000000, Version: 2, Bytes: 99, ReceivedAt: before(days3)},
			{Section: "node", Generation: 1790000000, Version: 7, Bytes: 812, ReceivedAt: before(minutes30)},
		},
	}
}

// someMembers has one of every kind.
func someMembers() []api.Member {
	self, failed, held, left := memberOf("edge-1", 1), memberOf("edge-2", 2), memberOf("edge-2", 3), memberOf("edge-4", 4)
	self.Self, self.RoundTripSeconds, self.LastHeard = true, 0, time.Time{}
	failed.State, failed.RoundTripSeconds, failed.Conflicts = api.MemberFailed, 0, []string{held.ID}
	held.Standing, held.Conflicts = api.StandingUntrusted, []string{failed.ID}
	held.Notes = []string{"the name edge-2 is pinned to " + failed.ID, "it says\nso since 3d"}
	left.State, left.Standing, left.RoundTripSeconds = api.MemberLeft, api.StandingNotInRoster, 1.234567
	unseen := api.Member{Name: "edge-" + strings.Repeat("long-", 12) + "name", State: api.MemberUnknown, Standing: api.StandingTrusted}
	return []api.Member{self, failed, held, left, unseen}
}

// fleetNode is a node as the agent shows it of another host.
func fleetNode(name string, ready corev1.ConditionStatus) *corev1.Node {
	at := metav1.NewTime(apitest.Start())
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, CreationTimestamp: metav1.NewTime(before(days3)),
			Labels: map[string]string{
				"disktype": "ssd", "node-role.kubernetes.io/storage": "", "node-role.kubernetes.io/edge": "", "kubernetes.io/hostname": name,
			},
			Annotations: map[string]string{"example.com/rack": "r7", "example.com/note": "two\nlines \x1b[31m"},
		},
		Spec: corev1.NodeSpec{Taints: []corev1.Taint{{Key: "tier", Value: "gold", Effect: corev1.TaintEffectNoSchedule}}},
		Status: corev1.NodeStatus{
			Conditions: []corev1.NodeCondition{
				{Type: corev1.NodeDiskPressure, Status: corev1.ConditionFalse, Reason: "KubeletHasNoDiskPressure", LastTransitionTime: at},
				{Type: corev1.NodeReady, Status: ready, Reason: "KubeletReady", Message: "kubelet is posting ready status", LastHeartbeatTime: at, LastTransitionTime: at},
			},
			Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "192.0.2.1"}, {Type: corev1.NodeHostName, Address: name}},
			Capacity:  corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("4")},
			NodeInfo: corev1.NodeSystemInfo{
				KubeletVersion: "v1.37.2", OSImage: "Debian GNU/Linux 13 (trixie)", KernelVersion: "6.12.9", Architecture: "amd64",
				OperatingSystem: "linux", ContainerRuntimeVersion: "containerd://2.1.0", MachineID: "0123456789abcdef",
			},
		},
	}
}

func names(names ...string) api.NameList { return api.NameList{Count: len(names), Names: names} }

func someSpecs() api.SpecFileList {
	return api.SpecFileList{
		Told: 5,
		Items: []api.SpecFile{
			{File: "cni.yaml", Digest: "0a0a0a0a0a0a0a0a", Have: 5},
			{File: "extra.yaml", Digest: "0d0d0d0d0d0d0d0d", Have: 1, Lack: names("edge-1", "edge-3", "edge-4", "edge-5")},
			{
				File: "web.yaml", Digest: "0b0b0b0b0b0b0b0b", Have: 3, Lack: names("edge-4"), Bad: names("edge-1"),
				Differ: api.HostDigests{Count: 1, Hosts: []api.HostDigest{{Host: "edge-2", Digest: "0c0c0c0c0c0c0c0c"}}},
			},
		},
		Hosts: []api.HostSpecs{
			{Host: "edge-1", Self: true, State: api.MemberAlive, Told: true, Digest: "1111111111111111", Files: 2, Bad: names("web.yaml")},
			{
				Host: "edge-2", State: api.MemberFailed, Told: true, Digest: "2222222222222222", Files: 3, ReceivedAt: before(days3),
				Differs: names("web.yaml"), Extra: names("extra.yaml"),
			},
			{Host: "edge-3", State: api.MemberAlive, Told: true, Digest: "3333333333333333", Files: 2, ReceivedAt: before(minutes30)},
			{
				Host: "edge-4", State: api.MemberAlive, Told: true, Files: 9, LeftOut: 8, ReceivedAt: before(minutes30),
				Lacks: api.NameList{Count: 6, Names: []string{"a.yaml", "b.yaml", "c.yaml", "web.yaml"}},
			},
			{Host: "edge-5", State: api.MemberAlive, Told: true, Files: 2, Unreadable: true, ReceivedAt: before(minutes30)},
			{Host: "edge-6", State: api.MemberUnknown},
		},
	}
}

// gossiping is the status of gossip on a host of a fleet of 12.
func gossiping() *api.GossipStatus {
	return &api.GossipStatus{
		State: api.GossipOn, Cluster: "prod", ID: strings.Repeat("b", 26), KeyFingerprint: memberOf("", 1).KeyFingerprint,
		Bind: "0.0.0.0:7947", Advertise: "192.0.2.1:7947", GossipKeys: []string{"1a2b3c4d", "5e6f7a8b"}, Settled: true,
		Members: api.MemberCounts{Total: 12, Alive: 11, Failed: 1},
	}
}

// fleet is a backend of a host in a fleet, with an answer to everything.
func fleetBackend() *apitest.Backend {
	b := filled()
	b.Fleet = api.MemberList{Cluster: "prod", Settled: true, Items: someMembers()}
	b.FleetSpecs = someSpecs()
	b.StatusAnswer.Gossip = gossiping()
	cordoned := fleetNode("edge-2", corev1.ConditionUnknown)
	cordoned.Spec.Unschedulable, cordoned.Labels = true, map[string]string{"disktype": "hdd"}
	b.Reg.SetNodes([]*corev1.Node{
		fleetNode("edge-1", corev1.ConditionTrue), cordoned,
		{ObjectMeta: metav1.ObjectMeta{Name: "edge-3", CreationTimestamp: metav1.NewTime(before(days3))}},
	})
	failed, renewed := someMembers()[1], memberOf("edge-2", 3)
	b.ForgetAnswer = api.ForgetResult{Forgotten: failed, Roster: "/etc/daemonsetd/members.yaml", Warnings: []string{"edge-2 is held now"}}
	b.TrustAnswer = api.TrustResult{
		Name: "edge-2", Changed: true, Roster: "/etc/daemonsetd/members.yaml",
		Old: &api.PinnedKey{ID: failed.ID, Key: failed.Key, KeyFingerprint: failed.KeyFingerprint},
		New: api.PinnedKey{ID: renewed.ID, Key: renewed.Key, KeyFingerprint: renewed.KeyFingerprint},
	}
	return b
}

// TestFleetVerbs has the whole output of each verb of the fleet.
func TestFleetVerbs(t *testing.T) {
	off := func(b *apitest.Backend) {
		b.Err = api.Errorf(api.CodeUnavailable, "gossip is off: neither a key file nor join addresses are set").WithRemedy("set gossip.join")
	}
	const isOff = "dsctl: error: gossip is off: neither a key file nor join addresses are set\n  hint: set gossip.join\n"
	const hint = "  hint: dsctl get nodes lists those that it knows; dsctl status says whether it is part of a fleet\n"
	const rosterNote = "dsctl: 3 members listed, 2 left out that are not trusted or have left; see that every host is there, and nobody else\n"
	const forgetNote = "dsctl: the other hosts still wait for it; run the command there too, or list its id under forgotten in /etc/daemonsetd/members.yaml on each of them\n"
	for _, c := range []struct {
		name string
		args []string
		code int
		edit func(*apitest.Backend)
		err  string
	}{
		{"nodes", []string{"get", "nodes"}, exitOK, nil, ""},
		{"nodes-wide", []string{"get", "no", "-o", "wide"}, exitOK, nil, ""},
		{"nodes-name", []string{"get", "nodes", "-o", "name"}, exitOK, nil, ""},
		{"nodes-selected", []string{"get", "nodes", "-l", "disktype=ssd,disktype!=hdd"}, exitOK, nil, ""},
		{"nodes-columns", []string{"get", "nodes", "-o", "custom-columns=N:.metadata.name,D:.metadata.labels.disktype"}, exitOK, nil, ""},
		{"nodes-path", []string{"get", "nodes", "-o", "jsonpath={.items[*].metadata.name}"}, exitOK, nil, ""},
		{"nodes-one-path", []string{"get", "nodes", "edge-2", "-o", "jsonpath={.kind} {.metadata.name}"}, exitOK, nil, ""},
		{"nodes-some-missing", []string{"get", "nodes", "edge-3", "x", "edge-1", "y,z"}, exitFailed, nil, "dsctl: error: this host knows no node \"x\", \"y,z\"\n" + hint},
		{"nodes-missing", []string{"get", "nodes", "x=y"}, exitFailed, nil, "dsctl: error: this host knows no node \"x=y\"\n" + hint},
		{"nodes-none", []string{"get", "nodes", "-l", "a=b"}, exitOK, nil, "dsctl: there are no such nodes\n"},
		{"nodes-none-json", []string{"get", "nodes", "-l", "a=b", "-o", "jsonpath={.items}"}, exitOK, nil, ""},
		{"describe-node", []string{"describe", "node", "edge-1"}, exitOK, longAgo, ""},
		{"describe-nodes", []string{"describe", "nodes", "edge-2", "edge-3", "x"}, exitFailed, longAgo, "dsctl: error: this host knows no node \"x\"\n" + hint},
		{"members", []string{"members"}, exitOK, nil, ""},
		{"members-wide", []string{"members", "-o", "wide"}, exitOK, nil, ""},
		{"members-of-a-name", []string{"members", "edge-2", "-o", "custom-columns=ID:.id,S:.standing"}, exitOK, nil, ""},
		{"members-name", []string{"members", "-o", "name"}, exitOK, nil, ""},
		{"members-missing", []string{"members", "x"}, exitFailed, nil, "dsctl: error: this host knows no member \"x\"\n  hint: dsctl members lists those that it knows\n"},
		{"members-none", []string{"members"}, exitOK, func(b *apitest.Backend) { b.Fleet.Items = nil }, "dsctl: there are no members\n"},
		{"members-young", []string{"members", strings.Repeat("c", 26)}, exitOK, func(b *apitest.Backend) { b.Fleet.Settled = false }, "dsctl: this host has just started, and others may know more members\n"},
		{"members-off", []string{"members"}, exitFailed, off, isOff},
		{"specs", []string{"get", "specs"}, exitOK, nil, ""},
		{"specs-wide", []string{"get", "spec", "-o", "wide"}, exitOK, nil, ""},
		{"specs-json", []string{"get", "specs", "-o", "json"}, exitOK, func(b *apitest.Backend) {
			b.FleetSpecs.Items, b.FleetSpecs.Hosts = b.FleetSpecs.Items[2:], b.FleetSpecs.Hosts[:1]
		}, ""},
		{"specs-name", []string{"get", "specs", "-o", "name"}, exitOK, nil, ""},
		{"specs-none", []string{"get", "specs"}, exitOK, func(b *apitest.Backend) { b.FleetSpecs = api.SpecFileList{} }, "dsctl: no host has told of a spec file\n"},
		{"specs-dropped", []string{"get", "specs"}, exitOK, func(b *apitest.Backend) {
			b.FleetSpecs = api.SpecFileList{Told: 1, Dropped: 2, Items: b.FleetSpecs.Items[:1], Hosts: b.FleetSpecs.Hosts[2:3]}
		}, "dsctl: warning: 2 files are not compared: there are too many different names\n"},
		{"specs-off", []string{"get", "specs"}, exitFailed, off, isOff},
		{"forget", []string{"forget", "edge-2"}, exitOK, nil, "dsctl: warning: edge-2 is held now\n" + forgetNote},
		{"forget-unseen", []string{"forget", "edge-9"}, exitOK, func(b *apitest.Backend) {
			b.ForgetAnswer = api.ForgetResult{Forgotten: api.Member{ID: strings.Repeat("z", 26), State: api.MemberUnknown}}
		}, strings.Replace(forgetNote, "/etc/daemonsetd/", "", 1)},
		{"forget-name", []string{"forget", "edge-2", "-o", "name"}, exitOK, func(b *apitest.Backend) { b.ForgetAnswer.Warnings = nil }, forgetNote},
		{"forget-several", []string{"forget", "edge-2", "edge-3"}, exitOK, func(b *apitest.Backend) { b.ForgetAnswer.Warnings = nil }, forgetNote},
		{"forget-never-seen", []string{"forget", "--never-seen"}, exitOK, func(b *apitest.Backend) {
			b.ForgetAnswer = api.ForgetResult{IDs: []string{strings.Repeat("y", 26), strings.Repeat("z", 26)}}
		}, "dsctl: the other hosts still know them: run the command there too\n"},
		{"forget-never-seen-name", []string{"forget", "--never-seen", "-o", "name"}, exitOK, func(b *apitest.Backend) {
			b.ForgetAnswer = api.ForgetResult{IDs: []string{strings.Repeat("y", 26)}}
		}, "dsctl: the other hosts still know them: run the command there too\n"},
		{"members-roster", []string{"members", "--write-roster"}, exitOK, nil, rosterNote},
		{"leave", []string{"leave", "--force"}, exitOK, func(b *apitest.Backend) {
			b.LeaveAnswer = api.LeaveResult{Name: "edge-1", ID: "aaa", Told: 2, Pods: []string{"default/web"}}
		}, "dsctl: warning: pods of default/web still run here\ndsctl: stop the agent now; its next start takes the host back\n"},
		{"trust", []string{"trust", "edge-2"}, exitOK, nil, "dsctl: this is for this host alone: hosts that hold it back need the same command, or its key in /etc/daemonsetd/members.yaml; " +
			"dsctl members --write-roster prints such a file\n"},
		{"trust-json", []string{"trust", "edge-2", "-o", "jsonpath={.old.id} {.new.id}"}, exitOK, func(b *apitest.Backend) { b.TrustAnswer.Changed = false }, ""},
		{"trust-already", []string{"trust", "edge-2"}, exitOK, func(b *apitest.Backend) { b.TrustAnswer.Changed = false }, ""},
		{"trust-off", []string{"trust", "edge-2"}, exitFailed, off, isOff},
		{"explain-node", []string{"explain", "web", "--node", "edge-2"}, exitOK, elsewhere, ""},
		{"explain-node-path", []string{"explain", "web", "--node", "edge-2", "-o", "jsonpath={[0].facts.state}"}, exitOK, elsewhere, ""},
		{"status-fleet", []string{"status", "-o", "wide"}, exitOK, nil, ""},
	} {
		b := fleetBackend()
		if c.edit != nil {
			c.edit(b)
		}
		agedPod(b)
		got := invoke(t, apitest.Serve(t, b, nil), c.args...)
		got.err = withoutVersionWarning(got.err)
		if got.code != c.code || got.err != c.err {
			t.Errorf("%s: exit %d, stderr %q; want %d, %q", c.name, got.code, got.err, c.code, c.err)
		}
		if strings.ContainsAny(got.out, "\x1b\r\t") {
			t.Errorf("%s: control characters in the output: %q", c.name, got.out)
		}
		golden(t, "fleet/"+c.name+".txt", got.out)
	}
}

// longAgo gives the nodes a moment that can stand in a file.
func longAgo(b *apitest.Backend) {
	var nodes []*corev1.Node
	list, _ := b.Reg.List(registry.Nodes)
	for _, obj := range list {
		n := obj.DeepCopyObject().(*corev1.Node)
		n.CreationTimestamp = metav1.NewTime(apitest.Start())
		nodes = append(nodes, n)
	}
	b.Reg.SetNodes(nodes)
}

// elsewhere is what is said of another host.
func elsewhere(b *apitest.Backend) {
	b.Explanations[0].Node = "edge-2"
	b.Explanations[0].Facts = &api.NodeFacts{
		ReceivedAt: before(days3), LastHeard: before(minutes30), State: api.MemberFailed, Standing: api.StandingTrusted,
	}
	more := b.Explanations[0]
	more.ShouldRun, more.Facts = true, &api.NodeFacts{State: api.MemberUnknown, Standing: api.StandingUntrusted, LeftOut: "12 labels"}
	last := more
	last.Facts, last.ShouldRun, last.ShouldContinueRunning = b.Explanations[0].Facts, false, true
	b.Explanations = append(b.Explanations, more, last)
}

func TestFleetRequestsOfArguments(t *testing.T) {
	for _, c := range []struct {
		args []string
		want any
	}{
		{[]string{"forget", "edge-2"}, api.ForgetRequest{Member: "edge-2"}},
		{[]string{"forget", "edge-2", "--force"}, api.ForgetRequest{Member: "edge-2", Force: true}},
		{[]string{"forget", "--never-seen"}, api.ForgetRequest{NeverSeen: true, OlderSeconds: 3600}},
		{[]string{"forget", "--never-seen", "--older", "0s"}, api.ForgetRequest{NeverSeen: true}},
		{[]string{"leave"}, api.LeaveRequest{}},
		{[]string{"leave", "--force"}, api.LeaveRequest{Force: true}},
		{[]string{"trust", "abc"}, api.TrustRequest{Member: "abc"}},
		{[]string{"explain", "web", "--node", "edge-2"}, api.ExplainRequest{DaemonSet: "web", Node: "edge-2"}},
		{[]string{"explain", "--node", "edge-2"}, api.ExplainRequest{Node: "edge-2"}},
	} {
		b := fleetBackend()
		if got := invoke(t, apitest.Serve(t, b, nil), c.args...); got.code != exitOK {
			t.Errorf("%v: exit %d: %s", c.args, got.code, got.err)
		}
		if diff := cmp.Diff([]any{c.want}, b.Asked()); diff != "" {
			t.Errorf("%v (-want +got)\n%s", c.args, diff)
		}
	}
}

func TestFleetErrorsHaveTheirCodes(t *testing.T) {
	reader := &api.Peer{UID: 4_000_000, Groups: []uint32{uint32(os.Getegid())}}
	alive := api.Errorf(api.CodeConflict, "member edge-1 is alive").WithRemedy("stop its agent, or use --force")
	several := api.Errorf(api.CodeConflict, "2 untrusted members have the name edge-2: %s, %s", "aaa", "bbb").WithRemedy("give the id")
	const mayNot = "dsctl: error: user 4000000 may not change anything here\n  hint: run the command as root, for example with sudo\n"
	for _, c := range []struct {
		name string
		err  error
		peer *api.Peer
		args []string
		code int
		text string
	}{
		{"alive", alive, nil, []string{"forget", "edge-1"}, exitFailed, "dsctl: error: member edge-1 is alive\n  hint: stop its agent, or use --force\n"},
		{"several", several, nil, []string{"trust", "edge-2"}, exitFailed, "dsctl: error: 2 untrusted members have the name edge-2: aaa, bbb\n  hint: give the id\n"},
		{"reader forgets", nil, reader, []string{"forget", "edge-2"}, exitForbidden, mayNot},
		{"reader leaves", nil, reader, []string{"leave"}, exitForbidden, mayNot},
		{"reader trusts", nil, reader, []string{"trust", "edge-2"}, exitForbidden, mayNot},
		{"reader reads", nil, reader, []string{"members", "-o", "name"}, exitOK, ""},
		{"reader lists", nil, reader, []string{"get", "specs", "-o", "name"}, exitOK, ""},
		{"never seen and a name", nil, nil, []string{"forget", "--never-seen", "edge-1"}, exitUsage, "dsctl: error: --never-seen chooses the members itself: give no other, and no --force\n  hint: see dsctl forget --help\n"},
		{"older alone", nil, nil, []string{"forget", "edge-1", "--older", "1h"}, exitUsage, "dsctl: error: --older is for --never-seen alone\n  hint: see dsctl forget --help\n"},
		{"no member", nil, nil, []string{"forget"}, exitUsage, "dsctl: error: wanted a member: NODE or ID\n  hint: see dsctl forget --help\n"},
		{"an empty member", nil, nil, []string{"trust", ""}, exitFailed, "dsctl: error: no member is named\n  hint: give the name of a node or the id of a member\n"},
		{"a long member", nil, nil, []string{"forget", strings.Repeat("x", 254)}, exitFailed, "dsctl: error: the member's name has 254 bytes, a name or an id has at most 253\n"},
		{"name and selector", nil, nil, []string{"get", "nodes", "edge-1", "-l", "a=b"}, exitUsage, "dsctl: error: a name cannot be given together with a selector\n  hint: see dsctl get nodes --help\n"},
		{"bad selector", nil, nil, []string{"get", "nodes", "-l", "a b"}, exitFailed, "dsctl: error: labelSelector: unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt\n"},
		{"describe what", nil, nil, []string{"describe"}, exitUsage, "dsctl: error: a resource is required: daemonset, node, pod\n  hint: see dsctl describe --help\n"},
		{"describe configs", nil, nil, []string{"describe", "configs"}, exitUsage, "dsctl: error: unknown resource \"configs\", want daemonset, node, pod\n  hint: see dsctl describe --help\n"},
		{"describe for programs", nil, nil, []string{"describe", "node", "edge-1", "-o", "json"}, exitUsage, "dsctl: error: describe is for people to read; use dsctl get nodes edge-1 -o json\n  hint: see dsctl describe node --help\n"},
		{"get what", nil, nil, []string{"get"}, exitUsage, "dsctl: error: a resource is required: configs, daemonsets, events, nodes, pods, specs\n  hint: see dsctl get --help\n"},
		{"two kinds of nodes", nil, nil, []string{"explain", "-f", "x.yaml", "--node", "a", "--node-file", "b"}, exitUsage, "dsctl: error: --node names a node of the fleet and --node-file has nodes; give one of them\n  hint: see dsctl explain --help\n"},
	} {
		b := fleetBackend()
		b.Err = c.err
		got := invoke(t, apitest.Serve(t, b, c.peer), c.args...)
		if got.code != c.code || withoutVersionWarning(got.err) != c.text {
			t.Errorf("%s: exit %d, %q; want %d, %q", c.name, got.code, got.err, c.code, c.text)
		}
		if c.code == exitForbidden && len(b.Asked()) > 0 {
			t.Errorf("%s: the agent was asked", c.name)
		}
	}
}

// A node is described from what there is, whether gossip is on or not.
func TestDescribeWithoutGossip(t *testing.T) {
	b := fleetBackend()
	b.Err = api.Errorf(api.CodeUnavailable, "gossip is off: no key")
	b.Reg.Record(registry.EventInput{
		Object: corev1.ObjectReference{Kind: "Node", Name: "edge-1"}, Type: "Warning", Reason: "Rebooted", Message: "it did\nso",
	})
	b.Reg.Record(registry.EventInput{
		Object: corev1.ObjectReference{Kind: "Node", Name: "edge-2"}, Type: "Warning", Reason: "Other", Message: "of another node",
	})
	got := invoke(t, apitest.Serve(t, b, nil), "describe", "node", "edge-1")
	if got.code != exitOK || !strings.Contains(got.out, "Gossip:  gossip is off: no key\n") || !strings.Contains(got.out, "Rebooted") ||
		!strings.Contains(got.out, "it did so\n") || strings.Contains(got.out, "of another node") {
		t.Errorf("exit %d: %s%s", got.code, got.err, got.out)
	}
	b.Err = api.Errorf(api.CodeInternal, "disk on fire")
	if got := invoke(t, apitest.Serve(t, b, nil), "describe", "node", "edge-1"); got.code != exitFailed || !strings.Contains(got.err, "disk on fire") {
		t.Errorf("exit %d: %s", got.code, got.err)
	}
}

func TestGossipLine(t *testing.T) {
	for _, c := range []struct {
		want string
		edit func(*api.GossipStatus)
	}{
		{"12 members, 11 alive, 1 failed, cluster prod", func(*api.GossipStatus) {}},
		{"off: neither a key file nor join addresses", func(g *api.GossipStatus) {
			*g = api.GossipStatus{State: api.GossipOff, Reason: "neither a key file nor join addresses"}
		}},
		{"off", func(g *api.GossipStatus) { *g = api.GossipStatus{State: api.GossipOff} }},
		{"loopback only: no key; 1 member, 1 alive", func(g *api.GossipStatus) {
			*g = api.GossipStatus{State: api.GossipLoopback, Reason: "no key", Settled: true, Members: api.MemberCounts{Total: 1, Alive: 1}}
		}},
		{"9 members, 2 alive, 3 left, 4 unknown, 5 untrusted, 6 not in the roster (still learning of others)", func(g *api.GossipStatus) {
			g.Cluster, g.Settled = "", false
			g.Members = api.MemberCounts{Total: 9, Alive: 2, Left: 3, Unknown: 4, Held: 5, NotInRoster: 6}
		}},
	} {
		g := gossiping()
		c.edit(g)
		if got := gossipLine(page{}, g); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	if got := gossipLine(page{color: true}, gossiping()); !strings.HasPrefix(got, "\x1b[33m") {
		t.Errorf("a failed member is not told by colour: %q", got)
	}
}

func TestRoundTrip(t *testing.T) {
	for seconds, want := range map[float64]string{
		0: none, -1: none, 0.0000123: "12µs", 0.0012345: "1.23ms", 0.9999: "999.9ms", 1.234567: "1.23s",
	} {
		if got := roundTrip(seconds); got != want {
			t.Errorf("%v: %q, want %q", seconds, got, want)
		}
	}
}

// What is asked of the agent's own node is not asked of the fleet.
func TestFilesAreHeldAgainstTheOwnNode(t *testing.T) {
	good, _ := canaryFiles(t)
	socket := apitest.Serve(t, fleetBackend(), nil)
	path := "jsonpath={[*].node}"
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"explain", "-f", good[0], "-o", path}, "edge-1"},
		{[]string{"explain", "-f", good[0], "--node", "edge-2", "-o", path}, "edge-2"},
	} {
		if got := invoke(t, socket, c.args...); got.code != exitOK || got.out != c.want {
			t.Errorf("%v: exit %d, %q, %s; want %q", c.args, got.code, got.out, got.err, c.want)
		}
	}
	if got := invoke(t, socket, "explain", "-f", good[0], "--node", "edge-9"); got.code != exitFailed || !strings.Contains(got.err, `no node "edge-9"`) {
		t.Errorf("exit %d, %s", got.code, got.err)
	}
}

func TestFleetIsCompleted(t *testing.T) {
	socket := apitest.Serve(t, fleetBackend(), nil)
	b, c := strings.Repeat("c", 26), strings.Repeat("d", 26)
	long := someMembers()[4].Name
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"get", "nodes", "edge-2", ""}, "edge-1\nedge-3\n:4\n"},
		{[]string{"describe", "node", ""}, "edge-1\nedge-2\nedge-3\n:4\n"},
		{[]string{"explain", "--node", ""}, "edge-1\nedge-2\nedge-3\n:4\n"},
		{[]string{"members", ""}, "edge-1\n" + b + "\n" + c + "\nedge-4\n" + long + "\n:4\n"},
		{[]string{"forget", ""}, b + "\nedge-4\n" + long + "\n:4\n"},
		{[]string{"trust", ""}, c + "\n:4\n"},
		{[]string{"trust", "x", ""}, ":4\n"},
	} {
		args := append([]string{"__complete", "--socket", socket}, test.args...)
		got := invokeWith(t, streams{in: strings.NewReader("")}, args...)
		if got.code != exitOK || got.out != test.want {
			t.Errorf("%v: exit %d, %q, want %q", test.args, got.code, got.out, test.want)
		}
	}
}

// watching runs a verb that does not end, and gives its lines.
type watching struct {
	t     *testing.T
	lines chan string
	rest  string
	code  chan int
	errs  *bytes.Buffer
	stop  context.CancelFunc
}

func startWatch(t *testing.T, b *apitest.Backend, args ...string) *watching {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	w := &watching{t: t, lines: make(chan string, 100), code: make(chan int, 1), stop: cancel}
	w.errs = new(bytes.Buffer)
	s := streams{in: strings.NewReader(""), out: lineWriter{w.lines}, err: w.errs}
	args = append([]string{"--socket", apitest.Serve(t, b, nil)}, args...)
	go func() { w.code <- run(ctx, args, s, func(string) string { return "" }) }()
	t.Cleanup(cancel)
	return w
}

// wants takes the next lines, with runs of spaces made one.
func (w *watching) wants(lines ...string) {
	w.t.Helper()
	for _, want := range lines {
		for !strings.Contains(w.rest, "\n") {
			select {
			case text := <-w.lines:
				w.rest += text
			case code := <-w.code:
				w.t.Fatalf("it ended with %d before it said %q; stderr %s", code, want, w.errs)
			}
		}
		line, rest, _ := strings.Cut(w.rest, "\n")
		w.rest = rest
		if got := strings.Join(strings.Fields(line), " "); got != want {
			w.t.Errorf("got %q, want %q", got, want)
		}
	}
}

func (w *watching) ends() {
	w.t.Helper()
	w.stop()
	if got := <-w.code; got != exitOK {
		w.t.Errorf("after an interrupt: exit %d", got)
	}
}

func TestNodesAreWatched(t *testing.T) {
	b := fleetBackend()
	one, two := fleetNode("edge-1", corev1.ConditionTrue), fleetNode("edge-2", corev1.ConditionTrue)
	two.Labels = nil
	b.Reg.SetNodes([]*corev1.Node{one, two})
	w := startWatch(t, b, "get", "nodes", "-w", "-l", "disktype=ssd")
	w.wants("NAME STATUS ROLES AGE VERSION", "edge-1 Ready edge,storage 3d v1.37.2")
	changed := one.DeepCopy()
	changed.Spec.Unschedulable = true
	b.Reg.SetNodes([]*corev1.Node{changed, two})
	w.wants("edge-1 Ready,SchedulingDisabled edge,storage 3d v1.37.2")
	b.Reg.SetNodes([]*corev1.Node{two, fleetNode("edge-3", corev1.ConditionFalse)})
	w.wants("edge-1 Deleted edge,storage 3d v1.37.2", "edge-3 NotReady edge,storage 3d v1.37.2")
	w.ends()
}

// When more has changed than the agent remembers, the watch goes on from what there is.
func TestAWatchOfNodesCatchesUp(t *testing.T) {
	b := fleetBackend()
	b.Reg = registry.New(registry.Config{HistoryLimit: 1})
	one, two, three := fleetNode("edge-1", corev1.ConditionTrue), fleetNode("edge-2", corev1.ConditionTrue), fleetNode("edge-3", corev1.ConditionTrue)
	b.Reg.SetNodes([]*corev1.Node{one, two, three})
	w := startWatch(t, b, "get", "nodes", "-w", "-o", "custom-columns=NAME:.metadata.name,CORDONED:.spec.unschedulable")
	w.wants("NAME CORDONED", "edge-1 <none>", "edge-2 <none>", "edge-3 <none>")
	changed := two.DeepCopy()
	changed.Spec.Unschedulable = true
	b.Reg.SetNodes([]*corev1.Node{one, changed, fleetNode("edge-4", corev1.ConditionTrue)})
	w.wants("edge-2 true", "edge-4 <none>", "edge-3 <none>")
	w.ends()
}

func TestNamedNodesAreWatched(t *testing.T) {
	b := fleetBackend()
	w := startWatch(t, b, "get", "nodes", "edge-1", "edge-3", "-w", "-o", "custom-columns=NAME:.metadata.name,C:.spec.unschedulable")
	w.wants("NAME C", "edge-1 <none>", "edge-3 <none>")
	one, two, three := fleetNode("edge-1", corev1.ConditionTrue), fleetNode("edge-2", corev1.ConditionTrue), fleetNode("edge-3", corev1.ConditionTrue)
	three.Spec.Unschedulable = true
	b.Reg.SetNodes([]*corev1.Node{one, two, three})
	// edge-1 changes in its creation time alone.
	w.wants("edge-1 <none>", "edge-3 true")
	w.ends()
	if got := invoke(t, apitest.Serve(t, b, nil), "get", "nodes", "x", "-w"); got.code != exitFailed {
		t.Errorf("watching a node that there is none of: exit %d, %s", got.code, got.err)
	}
}

func TestMembersAreWatched(t *testing.T) {
	b := fleetBackend()
	one, two := memberOf("edge-1", 1), memberOf("edge-2", 2)
	b.SetMembers(one, two)
	w := startWatch(t, b, "members", "-w", "-o", "custom-columns=NAME:.name,STATE:.state")
	w.wants("NAME STATE", "edge-1 Alive", "edge-2 Alive")
	two.LastHeard, two.RoundTripSeconds = time.Now(), 3
	b.SetMembers(one, two) // nothing to say
	two.State = api.MemberFailed
	b.SetMembers(one, two)
	w.wants("edge-2 Failed")
	w.ends()
}

func TestForgottenMembersAreSaidToBe(t *testing.T) {
	b := fleetBackend()
	one, two := memberOf("edge-1", 1), memberOf("edge-2", 2)
	b.SetMembers(one, two)
	w := startWatch(t, b, "members", "edge-2", "-w", "-o", "name")
	w.wants(two.ID)
	b.SetMembers(one)
	w.wants(two.ID)
	w.ends()
	if row := memberListing(false).cells(&two, "DELETED"); row[2] != api.MemberForgotten {
		t.Errorf("%q", row)
	}
}

func TestSpecsAreWatched(t *testing.T) {
	b := fleetBackend()
	file := api.SpecFile{File: "web.yaml", Digest: "0a", Have: 2}
	b.SetSpecs(file)
	w := startWatch(t, b, "get", "specs", "-w")
	w.wants("FILE HAVE LACK DIFFER BAD", "web.yaml 2 <none> <none> <none>")
	file.Have, file.Lack = 1, names("edge-2")
	b.SetSpecs(file)
	w.wants("web.yaml 1 edge-2 <none> <none>")
	b.SetSpecs()
	w.wants("web.yaml gone <none> <none> <none>")
	w.ends()
}
