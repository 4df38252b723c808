package main

import (
	"time"

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
		if e.Facts != nil {
			p.printf("  facts: %s\n", factsText(e.Facts))
		}
		if e.Phase != "" {
			p.printf("  now: %s\n", sentence(e.Phase, e.Message))
		}
		if err := printReasons(p, e); err != nil {
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
	place := "here"
	if e.Facts != nil {
		place = "there"
	}
	switch {
	case e.ShouldRun:
		return "it belongs " + place
	case e.ShouldContinueRunning && e.Phase == api.PhaseNotPlaced:
		return "it would not be started " + place + ", and no pod of it runs"
	case e.ShouldContinueRunning:
		return "it would not be started " + place + ", but a running pod may stay"
	default:
		return "it does not belong " + place
	}
}

// factsText says how old what is known of another node is, and whether it can be relied on.
func factsText(f *api.NodeFacts) string {
	told := "told " + age(f.ReceivedAt) + " ago"
	if f.ReceivedAt.IsZero() {
		told = "told at an unknown time"
	}
	heard := "not heard since this agent started"
	if !f.LastHeard.IsZero() {
		heard = "last heard " + age(f.LastHeard) + " ago"
	}
	text := told + " by the node, which is " + orNone(f.State) + " and was " + heard
	if f.Standing != "" && f.Standing != api.StandingTrusted {
		text += "; it is " + f.Standing + ", so that this does not count"
	}
	if f.LeftOut != "" {
		text += "; not told were " + cellText(f.LeftOut) + ", which may change the answer"
	}
	return text
}

func sentence(head, tail string) string {
	if tail == "" {
		return head
	}
	return head + ": " + withLeft(tail, time.Now())
}

func printReasons(p page, e api.Explanation) error {
	where := ""
	if e.Facts != nil {
		where = " on " + cellText(e.Node)
	}
	for _, r := range e.Reasons {
		mark, paint := "pass", green
		if !r.Passed {
			mark, paint = "FAIL", red
		}
		p.printf("  %s  %-15s  %s\n", p.paint(paint, mark), r.Predicate, cellText(r.Message))
		if r.Remedy != "" {
			p.printf("        %-15s  to change that%s: %s\n", "", where, cellText(r.Remedy))
		}
	}
	return nil
}
