package main

import (
	"github.com/daemonsetd/daemonsetd/agent/api"
)

func explanationView(items []api.Explanation) view {
	if items == nil {
		items = []api.Explanation{}
	}
	v := view{
		object: items,
		rows:   rowsOf(items),
		text:   func(p page) error { return printExplanations(p, items) },
	}
	for _, e := range items {
		v.names = append(v.names, e.DaemonSet)
	}
	return v
}

func printExplanations(p page, items []api.Explanation) error {
	for i, e := range items {
		if i > 0 {
			p.printf("\n")
		}
		p.printf("%s on node %s: %s\n", e.DaemonSet, e.Node, verdict(e))
		if e.Phase != "" {
			p.printf("  now: %s\n", sentence(e.Phase, e.Message))
		}
		if err := printReasons(p, e.Reasons); err != nil {
			return err
		}
	}
	if len(items) == 0 {
		p.notef("there are no DaemonSets")
	}
	return nil
}

// verdict is the decision in words.
func verdict(e api.Explanation) string {
	switch {
	case e.ShouldRun:
		return "it belongs here"
	case e.ShouldContinueRunning:
		return "it would not be started here, but a running pod may stay"
	default:
		return "it does not belong here"
	}
}

func sentence(head, tail string) string {
	if tail == "" {
		return head
	}
	return head + ": " + tail
}

func printReasons(p page, reasons []api.Reason) error {
	for _, r := range reasons {
		mark, paint := "pass", green
		if !r.Passed {
			mark, paint = "FAIL", red
		}
		p.printf("  %s  %-15s  %s\n", p.paint(paint, mark), r.Predicate, cellText(r.Message))
		if r.Remedy != "" {
			p.printf("        %-15s  to change that: %s\n", "", cellText(r.Remedy))
		}
	}
	return nil
}
