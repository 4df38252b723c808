package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/client"
)

type fleetOptions struct {
	watch    bool
	interval time.Duration
}

func newFleetCommand(d *deps) *cobra.Command {
	var o fleetOptions
	cmd := &cobra.Command{
		Use:   "fleet",
		Short: "Show every host and every DaemonSet at a glance",
		Long: long(`Show hosts by DaemonSets, one cell for each, as far as this host knows:

  ok        an available pod of the latest revision
  old       an available pod of an earlier revision
  waiting   the same, and the host waits for its turn
  hold      the same, and the host is on hold
  updating  the pod is being replaced
  down      there should be an available pod, and there is none
  failed    the revision did not become available in time, or the host went back from it
  ?         the host does not show how it stands
  -         the pod should not run there, or the host does not declare the DaemonSet

On a terminal the cells have colours, and where the names of the DaemonSets do not fit beside each other they are
numbered. The last line counts. With --watch it is shown anew as it changes, until it is interrupted; dsctl rollout
status says why a host stands as it does.`, online("it failed")),
		Example: example("dsctl fleet", "dsctl fleet -w", "dsctl fleet -o json"),
		Args:    noArgs,
		RunE:    d.verb(func(ctx context.Context, _ []string) error { return d.runFleet(ctx, o) }),
	}
	cmd.Flags().BoolVarP(&o.watch, "watch", "w", false, "go on showing the fleet as it changes")
	cmd.Flags().DurationVar(&o.interval, "interval", statusInterval, "with --watch: how often the agent is asked")
	return cmd
}

func (d *deps) runFleet(ctx context.Context, o fleetOptions) error {
	if o.interval <= 0 {
		return usagef("--interval %s: want a time above 0", o.interval)
	}
	c, err := d.settled(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if !o.watch {
		g, err := askFleet(ctx, c)
		if err != nil {
			return err
		}
		return d.print(g.view())
	}
	return unlessDone(ctx, d.watchFleet(ctx, c, o.interval))
}

// watchFleet shows the fleet, and again whenever a cell has changed.
func (d *deps) watchFleet(ctx context.Context, c *client.Client, interval time.Duration) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	var shown *fleetGrid
	for {
		g, err := askFleet(ctx, c)
		if err != nil {
			return err
		}
		if shown == nil || !g.same(shown) {
			if f, err := parseFormat(d.output); err == nil && shown != nil && (f.kind == formatText || f.kind == formatWide) {
				_, _ = fmt.Fprintf(d.out, "\n--- %s\n", time.Now().UTC().Format(time.RFC3339))
			}
			if err := d.print(g.view()); err != nil {
				return err
			}
			shown = g
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// fleetGrid is hosts by DaemonSets.
type fleetGrid struct {
	Node string `json:"node"`
	// DaemonSets are the columns, sorted.
	DaemonSets []string `json:"daemonsets"`
	// Hosts are the rows, sorted by name.
	Hosts []fleetHost `json:"hosts"`
}

// fleetHost is one row.
type fleetHost struct {
	Name string `json:"name"`
	// State is that of the member, empty while gossip is off.
	State string `json:"state,omitempty"`
	// Cells are in the order of the DaemonSets.
	Cells []string `json:"cells"`
}

// The words of the cells.
const (
	cellOK       = "ok"
	cellOld      = "old"
	cellWaiting  = "waiting"
	cellHold     = "hold"
	cellUpdating = "updating"
	cellDown     = "down"
	cellFailed   = "failed"
	cellUnknown  = "?"
	cellNone     = "-"
)

// askFleet makes the grid of what the agent knows.
func askFleet(ctx context.Context, c *client.Client) (*fleetGrid, error) {
	list, err := c.Rollouts(ctx, api.RolloutRequest{Hosts: true})
	if err != nil {
		return nil, err
	}
	var members []api.Member
	if list.Fleet {
		m, err := c.Members(ctx, "")
		if err != nil {
			return nil, err
		}
		members = m.Items
	}
	return newGrid(list.Items, members), nil
}

func newGrid(rollouts []api.Rollout, members []api.Member) *fleetGrid {
	g := &fleetGrid{DaemonSets: []string{}, Hosts: []fleetHost{}}
	rows := map[string]int{}
	row := func(name string) *fleetHost {
		i, known := rows[name]
		if !known {
			i = len(g.Hosts)
			rows[name] = i
			g.Hosts = append(g.Hosts, fleetHost{Name: name, Cells: slices.Repeat([]string{cellNone}, len(rollouts))})
		}
		return &g.Hosts[i]
	}
	for i := range members {
		if m := &members[i]; m.Standing == api.StandingTrusted && m.State != api.MemberLeft {
			row(cmp.Or(m.Name, m.ID)).State = m.State
		}
	}
	for i := range rollouts {
		r := &rollouts[i]
		g.DaemonSets = append(g.DaemonSets, r.DaemonSet)
		g.Node = cmp.Or(g.Node, r.Self.Name)
		for j := range r.Hosts {
			h := &r.Hosts[j]
			row(cmp.Or(h.Name, h.ID)).Cells[i] = fleetCell(r, h)
		}
	}
	slices.SortFunc(g.Hosts, func(a, b fleetHost) int { return cmp.Compare(a.Name, b.Name) })
	return g
}

// fleetCell is how one host stands with one DaemonSet, the worst first.
func fleetCell(r *api.Rollout, h *api.RolloutHost) string {
	switch {
	case h.Trouble != "":
		return cellUnknown
	case h.Phase == "Failed" || h.Rejected != "":
		return cellFailed
	case h.Phase == "Updating":
		return cellUpdating
	case h.Phase == "NotPlaced":
		return cellNone
	case h.Phase == "" || h.Phase == "Unknown":
		return cellUnknown
	case h.Phase == "Unavailable" || !h.Available:
		return cellDown
	case h.Phase == "Waiting":
		return cellWaiting
	case h.Phase == "OnHold":
		return cellHold
	case h.Running != r.Revision:
		return cellOld
	}
	return cellOK
}

func cellColor(cell string) string {
	switch cell {
	case cellOK:
		return green
	case cellDown, cellFailed:
		return red
	case cellUpdating:
		return cyan
	case cellNone:
		return ""
	}
	return yellow
}

func (g *fleetGrid) same(o *fleetGrid) bool {
	return slices.Equal(g.DaemonSets, o.DaemonSets) && slices.EqualFunc(g.Hosts, o.Hosts, func(a, b fleetHost) bool {
		return a.Name == b.Name && a.State == b.State && slices.Equal(a.Cells, b.Cells)
	})
}

func (g *fleetGrid) view() view {
	v := view{object: g, rows: rowsOf(g.Hosts), text: g.print}
	for _, h := range g.Hosts {
		v.names = append(v.names, "node/"+h.Name)
	}
	return v
}

func (g *fleetGrid) print(p page) error {
	if len(g.DaemonSets) == 0 {
		p.notef("no DaemonSet is declared on this host")
		return nil
	}
	rows := [][]string{append([]string{"HOST"}, g.DaemonSets...)}
	state := slices.ContainsFunc(g.Hosts, func(h fleetHost) bool { return h.State != "" && h.State != api.MemberAlive })
	if state {
		rows[0] = slices.Insert(rows[0], 1, "MEMBER")
	}
	for _, h := range g.Hosts {
		row := append([]string{h.Name}, h.Cells...)
		if state {
			row = slices.Insert(row, 1, h.State)
		}
		rows = append(rows, row)
	}
	if widths := gridWidths(rows); p.width > 0 && lineWidth(widths) > p.width {
		g.number(p, rows[0])
	}
	widths := gridWidths(rows)
	for _, row := range rows {
		p.printf("%s\n", p.gridLine(row, widths))
	}
	p.printf("%s\n", g.summary())
	return nil
}

// number puts numbers in the place of the DaemonSets' names, and explains them.
func (g *fleetGrid) number(p page, header []string) {
	first := len(header) - len(g.DaemonSets)
	for i, name := range g.DaemonSets {
		header[first+i] = fmt.Sprint(i + 1)
		p.printf("%3d  %s\n", i+1, cut(cellText(name), max(p.width-5, 1)))
	}
	p.printf("\n")
}

func gridWidths(rows [][]string) []int {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			row[i] = cellText(cell)
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	return widths
}

func lineWidth(widths []int) int {
	sum := -2
	for _, w := range widths {
		sum += w + 2
	}
	return sum
}

// gridLine is one line, cut where the terminal ends; colours take no place.
func (p page) gridLine(row []string, widths []int) string {
	var b strings.Builder
	used := 0
	for i, cell := range row {
		if i > 0 {
			b.WriteString("  ")
			used += 2
		}
		if p.width > 0 && used+utf8.RuneCountInString(cell) > p.width {
			break // it is numbered already, and narrower than that nobody's terminal is
		}
		if color := cellColor(cell); i > 0 && color != "" && isCell(cell) {
			b.WriteString(p.paint(color, cell))
		} else {
			b.WriteString(cell)
		}
		if i < len(row)-1 {
			b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)))
		}
		used += widths[i]
	}
	return b.String()
}

func isCell(text string) bool {
	return slices.Contains([]string{
		cellOK, cellOld, cellWaiting, cellHold, cellUpdating, cellDown, cellFailed, cellUnknown,
	}, text)
}

// summary counts: "3 hosts, 2 DaemonSets: 4 ok, 1 down".
func (g *fleetGrid) summary() string {
	counts := map[string]int{}
	for _, h := range g.Hosts {
		for _, cell := range h.Cells {
			counts[cell]++
		}
	}
	delete(counts, cellNone)
	order := []string{cellOK, cellOld, cellWaiting, cellHold, cellUpdating, cellDown, cellFailed, cellUnknown}
	var parts []string
	for _, cell := range order {
		if counts[cell] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[cell], cell))
		}
	}
	if len(parts) == 0 {
		parts = []string{"no pod should run"}
	}
	return fmt.Sprintf("%s, %s: %s", count(len(g.Hosts), "host"), count(len(g.DaemonSets), "DaemonSet"),
		strings.Join(parts, ", "))
}
