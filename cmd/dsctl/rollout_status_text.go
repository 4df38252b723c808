package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

// rolloutPrinter prints a rollout again and again: of the text, the lines that are new.
type rolloutPrinter struct {
	d     *deps
	lines []string
	hosts liveTable
	rows  map[string]string
	// watched is what a terminal shows of the way while the rollout is followed; nil where it is looked at once.
	watched *progress
}

func newRolloutPrinter(d *deps) *rolloutPrinter {
	return &rolloutPrinter{d: d, rows: map[string]string{}, hosts: liveTable{
		header: []string{
			"HOST", "PHASE", "GENERATION", "RUNNING", "TARGET", "READY", "AVAILABLE", "RESTARTS", "POD",
			"NOTES",
		}, width: d.width,
	}}
}

func (w *rolloutPrinter) print(r *api.Rollout) error {
	d := w.d
	return d.print(view{object: r, names: []string{kubectlName(r.DaemonSet)}, text: func(p page) error {
		lines := rolloutLines(r)
		for _, line := range lines {
			if !slices.Contains(w.lines, line) {
				p.printf("%s\n", line)
			}
		}
		w.lines = lines
		if w.watched != nil && d.tty() {
			if line := w.watched.line(r, d.width, time.Now()); line != "" {
				p.printf("%s\n", p.paint(cyan, line))
			}
		}
		if !p.wide {
			return nil
		}
		return w.printHosts(p, r.Hosts)
	}})
}

// printHosts prints those that are not as they were printed last.
func (w *rolloutPrinter) printHosts(out io.Writer, hosts []api.RolloutHost) error {
	var rows [][]string
	for i := range hosts {
		row := rolloutHostCells(&hosts[i], time.Now())
		key, text := hosts[i].ID+"/"+hosts[i].Name, strings.Join(row, "\x00")
		if w.rows[key] != text {
			w.rows[key] = text
			rows = append(rows, row)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	return w.hosts.write(out, rows...)
}

func rolloutHostCells(h *api.RolloutHost, now time.Time) []string {
	generation, restarts := "", ""
	if h.Generation > 0 || h.Epoch > 0 {
		generation = fmt.Sprint(h.Generation)
		if h.Epoch > 0 {
			generation = fmt.Sprintf("%d/%d", h.Epoch, h.Generation)
		}
	}
	if h.Pod != "" {
		restarts = fmt.Sprint(h.Restarts)
	}
	return []string{
		h.Name, h.Phase, generation, h.Running, h.Target, yesNo(h.Ready), yesNo(h.Available), restarts, h.Pod,
		strings.Join(hostNotes(h, now), "; "),
	}
}

func hostNotes(h *api.RolloutHost, now time.Time) []string {
	var notes []string
	if h.Self {
		notes = append(notes, "this host")
	}
	if h.Canary {
		notes = append(notes, "canary")
	}
	if h.Rejected != "" {
		notes = append(notes, "went back from "+h.Rejected)
	}
	if h.AvailableAt.After(now) {
		notes = append(notes, fmt.Sprintf("ready for %s of %s",
			max(now.Sub(h.ReadySince), 0).Truncate(time.Second), h.AvailableAt.Sub(h.ReadySince).Round(time.Second)))
	}
	for _, text := range []string{h.Hold, h.Why, h.Trouble} {
		if text != "" {
			notes = append(notes, withLeft(text, time.Now()))
		}
	}
	return notes
}

// rolloutLines is kubectl's sentence, and what it does not say.
func rolloutLines(r *api.Rollout) []string {
	lines := []string{cellText(r.Message)}
	add := func(what, text string) {
		if text != "" {
			lines = append(lines, "  "+what+": "+withLeft(cellText(text), time.Now()))
		}
	}
	if r.BudgetOf != "" {
		add("budget", fmt.Sprintf("%d at a time, %s", r.Budget, r.BudgetOf))
	}
	add("updating", someOf(r.Updating, fewHosts))
	if r.Soaking.Count > 0 {
		add("soaking", fmt.Sprintf("%s: ready, and available for the rollout after %s", someOf(r.Soaking, fewHosts),
			seconds(r.SoakSeconds)))
	}
	for i, name := range r.Waiting.Names[:min(1, len(r.Waiting.Names))] {
		add("next", name)
		for _, b := range r.Blockers {
			add("waits", b.Text)
		}
		if more := r.Blocking - hostsAmong(r.Blockers); more > 0 && len(r.Blockers) > 0 {
			add("waits", fmt.Sprintf("and for %d more", more))
		}
		add("then", someOf(api.NameList{Count: r.Waiting.Count - 1, Names: r.Waiting.Names[i+1:]}, fewHosts))
	}
	add("not awaited", unawaited(r.Unawaited, fewHosts))
	for _, h := range r.Held {
		add("held", someOf(h.Hosts, fewHosts)+": "+h.Reason)
	}
	for _, h := range r.Failures {
		add("failed", someOf(h.Hosts, fewHosts)+": "+h.Reason)
	}
	if len(r.Failures) == 0 {
		add("failed", someOf(r.Failed, fewHosts)) // an agent that tells no reasons
	}
	if r.Halted != nil {
		lines = append(lines, "  "+cellText(r.Halted.Text))
	}
	for _, h := range r.Unknown {
		add("unknown", someOf(h.Hosts, fewHosts)+": "+h.Reason)
	}
	return lines
}

// hostsAmong counts the blockers that are hosts.
func hostsAmong(list []api.RolloutBlocker) int {
	n := 0
	for _, b := range list {
		if b.ID != "" || b.Host != "" {
			n++
		}
	}
	return n
}

// unawaited says of canaries that no host waits for them; empty: there are none.
func unawaited(canaries api.NameList, few int) string {
	if canaries.Count == 0 {
		return ""
	}
	return fmt.Sprintf("no host waits for the canaries %s, which are newer than a day: list them in the members file, "+
		"or: dsctl trust %s", someOf(canaries, few), strings.Join(canaries.Names[:min(len(canaries.Names), fewHosts)], " "))
}
