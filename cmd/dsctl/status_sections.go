package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

func printDaemonSets(p page, st *api.Status) error {
	if len(st.DaemonSets) == 0 {
		return nil
	}
	p.printf("\n")
	t := newTable("DAEMONSET", "PLACED", "PHASE", "REVISION", "POD", "READY", "AGE", "MESSAGE")
	if p.wide {
		t.header = append(t.header, "SOURCE", "MANIFEST")
	}
	for _, ds := range st.DaemonSets {
		cells := daemonSetCells(p, ds)
		if p.wide {
			cells = append(cells, ds.Source, ds.Manifest)
		}
		t.add(cells...)
	}
	return t.write(p, p.width)
}

func daemonSetCells(p page, ds api.DaemonSetStatus) []string {
	phase, ready, old := "", "", ""
	message := ds.Message
	if ds.Pod != nil {
		phase, ready, old = ds.Pod.Phase, yesNo(ds.Pod.Ready), age(ds.Pod.StartedAt)
		if message == "" {
			message = ds.Pod.Message
		}
	}
	return []string{ds.Name, placed(ds), ds.Phase, revision(ds), phase, ready, old, withLeft(message, time.Now())}
}

func placed(ds api.DaemonSetStatus) string {
	switch {
	case ds.ShouldRun:
		return "yes"
	case ds.ShouldContinueRunning:
		return "stays"
	default:
		return "no"
	}
}

// revision is the running one, and the one that it goes to where that is another.
func revision(ds api.DaemonSetStatus) string {
	switch {
	case ds.CurrentRevision == "" || ds.CurrentRevision == ds.DesiredRevision:
		return ds.DesiredRevision
	default:
		return ds.CurrentRevision + "->" + ds.DesiredRevision
	}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// printElsewhere shows what is down on other hosts.
func printElsewhere(p page, st *api.Status) error {
	t := newTable("DOWN ELSEWHERE", "DAEMONSET", "WHY")
	for _, d := range st.Elsewhere {
		t.add(d.Node, d.DaemonSet, d.Why)
	}
	if st.ElsewhereMore > 0 {
		t.add("...", fmt.Sprintf("and %d more", st.ElsewhereMore), "")
	}
	return section(p, t)
}

// printConditions shows the conditions that are not as they should be; all of them in the wide form.
func printConditions(p page, st *api.Status) error {
	t := newTable("CONDITION", "STATUS", "SINCE", "REASON", "MESSAGE")
	for _, c := range st.Node.Conditions {
		good := "False"
		if c.Type == "Ready" {
			good = "True"
		}
		if p.wide || c.Status != good {
			t.add(c.Type, c.Status, p.when(c.Since), c.Reason, c.Message)
		}
	}
	return section(p, t)
}

func section(p page, t *table) error {
	if len(t.rows) == 0 {
		return nil
	}
	p.printf("\n")
	return t.write(p, p.width)
}

// printManifestTrouble shows the manifests that are not as the agent wrote them; all of them in the wide form.
func printManifestTrouble(p page, st *api.Status) error {
	t := newTable("MANIFEST", "STATE", "DAEMONSET", "MESSAGE")
	for _, m := range st.Manifests {
		if p.wide || m.State == api.ManifestDrifted || m.State == api.ManifestConflict {
			t.add(m.File, m.State, m.DaemonSet, m.Message)
		}
	}
	return section(p, t)
}

// printFileTrouble shows the files that are bad, waited for, or have something to say.
func printFileTrouble(p page, st *api.Status) error {
	files := slices.Concat(st.NodeFiles, st.SpecFiles)
	if st.Config != nil {
		files = append([]api.FileStatus{*st.Config}, files...)
	}
	t := newTable("FILE", "STATE", "OBJECTS")
	var problems []api.Problem
	for _, f := range files {
		if p.wide || f.Bad || f.Pending {
			t.add(f.File, fileState(f), count(f.Objects, "object"))
		}
		problems = append(problems, f.Problems...)
	}
	if err := section(p, t); err != nil {
		return err
	}
	if !p.wide {
		problems = tidyProblems(problems)
	}
	if len(problems) > 0 {
		p.printf("\n")
		printProblems(p, problems)
	}
	return nil
}

func fileState(f api.FileStatus) string {
	switch {
	case f.Bad && f.LastGood:
		return "bad, last good in effect"
	case f.Bad:
		return "bad"
	case f.Pending:
		return "being written"
	default:
		return "good"
	}
}

func printHealth(p page, st *api.Status) error {
	if len(st.Health) == 0 {
		return nil
	}
	p.printf("\nHealth:\n")
	for _, h := range st.Health {
		paint := map[string]string{api.SeverityError: red, api.SeverityWarning: yellow}[h.Severity]
		if paint == "" {
			paint = cyan
		}
		p.printf("  %s %s: %s\n", p.paint(paint, h.Severity), h.Code, cellText(h.Text))
		if h.Remedy != "" {
			p.printf("    %s\n", cellText(h.Remedy))
		}
	}
	return nil
}
