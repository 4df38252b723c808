package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/client"
)

// statusInterval is how often a watch asks: what it shows for people changes no faster than they read.
const statusInterval = 2 * time.Second

type hostStatusOptions struct {
	watch    bool
	interval time.Duration
}

func newStatusCommand(d *deps) *cobra.Command {
	var o hostStatusOptions
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show this host on one screen: agent, kubelet, fleet, DaemonSets, problems",
		Long: long(`Show what the agent of this host knows: itself, the kubelet, the node, how many members of the fleet are alive,
every DaemonSet with its phase, files that cannot be used, and last, everything that somebody should look at with
what to do about it.

With --watch it is shown anew each time that something of it has changed, until it is interrupted; times alone are no
change.`,
			online("the host is unhealthy, which a watch does not tell by this, or it failed")),
		Example: example("dsctl status", "dsctl status -w", "dsctl status -o wide",
			`dsctl status -o 'jsonpath={.health[*].code}'`),
		Args: noArgs,
		RunE: d.verb(func(ctx context.Context, _ []string) error { return d.runStatus(ctx, o) }),
	}
	cmd.Flags().BoolVarP(&o.watch, "watch", "w", false, "go on showing the status as it changes")
	cmd.Flags().DurationVar(&o.interval, "interval", statusInterval, "with --watch: how often the agent is asked")
	return cmd
}

func (d *deps) runStatus(ctx context.Context, o hostStatusOptions) error {
	if o.interval <= 0 {
		return usagef("--interval %s: want a time above 0", o.interval)
	}
	c, err := d.settled(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	st, err := c.Status(ctx)
	if err != nil {
		return err
	}
	if o.watch {
		return unlessDone(ctx, d.watchStatus(ctx, c, o.interval, st))
	}
	if err := d.printStatus(st); err != nil {
		return err
	}
	if !st.Healthy() {
		return errDiffers()
	}
	return nil
}

// watchStatus prints the status, and again whenever more of it than its times has changed.
func (d *deps) watchStatus(ctx context.Context, c *client.Client, interval time.Duration, st *api.Status) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	var shown []byte
	for {
		now, err := statusWithoutTimes(*st)
		if err != nil {
			return err
		}
		if !bytes.Equal(now, shown) {
			if f, err := parseFormat(d.output); err == nil && shown != nil && (f.kind == formatText || f.kind == formatWide) {
				_, _ = fmt.Fprintf(d.out, "\n--- %s\n", time.Now().UTC().Format(time.RFC3339))
			}
			if err := d.printStatus(st); err != nil {
				return err
			}
			shown = now
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if st, err = c.Status(ctx); err != nil {
			return err
		}
	}
}

// statusWithoutTimes is what a change of the status is seen by: the last reconcile passes, and nothing else is new.
func statusWithoutTimes(st api.Status) ([]byte, error) {
	st.LastReconcile = time.Time{}
	raw, err := json.Marshal(st)
	if err != nil {
		return nil, fmt.Errorf("encoding the status: %w", err)
	}
	return raw, nil
}

// printStatus prints the status in the form that was asked for.
func (d *deps) printStatus(st *api.Status) error {
	v := view{
		object: st,
		rows:   rowsOf(st.DaemonSets),
		text:   func(p page) error { return printStatus(p, st) },
	}
	for _, ds := range st.DaemonSets {
		v.names = append(v.names, ds.Name)
	}
	return d.print(v)
}

func printStatus(p page, st *api.Status) error {
	printHead(p, st)
	for _, section := range []func(page, *api.Status) error{
		printDaemonSets, printElsewhere, printConditions, printManifestTrouble, printFileTrouble, printHealth,
	} {
		if err := section(p, st); err != nil {
			return err
		}
	}
	return nil
}

func printHead(p page, st *api.Status) {
	line := func(name, text string) { p.printf("%-11s %s\n", name+":", text) }
	agent := sentence(p.paint(stateColor(st.State), st.State), st.Message)
	line("Agent", agent+", version "+st.Version+", started "+p.ago(st.StartedAt)+", last reconcile "+
		p.ago(st.LastReconcile))
	line("Node", nodeLine(st.Node))
	line("Kubelet", kubeletLine(p, st.Kubelet))
	if st.Gossip != nil {
		line("Gossip", gossipLine(p, st.Gossip))
	}
	line("Specs", st.Paths.Specs+" ("+count(len(st.SpecFiles), "file")+", "+count(len(st.DaemonSets), "DaemonSet")+")")
	line("Manifests", st.Paths.Manifests+" ("+manifestCounts(st.Manifests)+")")
	if p.wide {
		line("Config", orNone(st.Paths.Config))
		line("Node files", strings.TrimSuffix(orNone(st.Paths.NodeFile)+", "+st.Paths.NodeDir, ", "))
		line("State", orNone(st.Paths.State))
		line("Socket", orNone(st.Paths.Socket))
		printGossip(line, st.Gossip)
	}
}

func orNone(s string) string {
	if s == "" {
		return none
	}
	return s
}

func stateColor(state string) string {
	if state == api.StateReady {
		return green
	}
	return yellow
}

func nodeLine(n api.NodeStatus) string {
	text := n.Name
	if n.Unschedulable {
		text += " (SchedulingDisabled)"
	}
	var taints []string
	for _, t := range n.Taints {
		taints = append(taints, taintText(t.Key, t.Value, t.Effect))
	}
	if len(taints) == 0 {
		return text + ", no taints"
	}
	return text + ", taints " + strings.Join(taints, " ")
}

func kubeletLine(p page, k api.KubeletStatus) string {
	color := yellow
	if k.State == api.KubeletAnswering {
		color = green
	}
	text := p.paint(color, orNone(k.State))
	if k.Version != "" {
		text += ", version " + k.Version
	}
	if !k.Since.IsZero() {
		text += ", since " + p.when(k.Since)
	}
	if k.URL != "" && (p.wide || k.State != api.KubeletAnswering) {
		text += " (" + k.URL + ": " + cellText(k.Answer) + ")"
	}
	return text
}

func manifestCounts(manifests []api.ManifestStatus) string {
	ours, foreign := 0, 0
	for _, m := range manifests {
		if m.State == api.ManifestForeign || m.State == api.ManifestConflict {
			foreign++
		} else {
			ours++
		}
	}
	text := count(ours, "file") + " of ours"
	if foreign > 0 {
		text += ", " + count(foreign, "foreign file")
	}
	return text
}
