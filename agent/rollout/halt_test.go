package rollout

import (
	"testing"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/daemonsetd/daemonsetd/manifests/strategy"
)

// TestFaultO5Halted: a rollout does not go on by itself when as many have failed as may, or when nobody else is on the way.
func TestFaultO5Halted(t *testing.T) {
	target := Target{Generation: 2, Revision: fleetRev("B")}
	done := func(id string) Peer { return Peer{ID: id, Counts: true, State: at(PhaseAvailable, 2, 1, 1, "B", "B")} }
	failed := func(id string) Peer { return Peer{ID: id, Counts: true, State: at(PhaseFailed, 2, 1, 1, "B", "B")} }
	waits := func(id string, hold Hold) Peer {
		p := Peer{ID: id, Counts: true, State: at(PhaseWaiting, 2, 1, 1, "B", "A")}
		if hold != HoldNone {
			p.State.Phase, p.State.Hold = PhaseHeld, hold
		}
		return p
	}
	back := Peer{ID: "r", Counts: true, State: at(PhaseAvailable, 2, 1, 1, "A", "A")}
	back.State.Rejected = target
	late := Peer{ID: "l", Counts: true, State: at(PhaseAvailable, 1, 1, 1, "A", "A")}
	two, half := intstr.FromInt32(2), intstr.FromString("50%")
	young := Peer{ID: "y", State: at(PhaseWaiting, 2, 1, 1, "B", "A")}
	for name, c := range map[string]struct {
		members []Peer
		most    *intstr.IntOrString
		failed  int
		limit   int
		over    bool
	}{
		"nobody failed":                   {[]Peer{done("a"), waits("b", HoldNone)}, nil, 0, 1, false},
		"one, and one may":                {[]Peer{failed("a"), waits("b", HoldFailed)}, nil, 1, 1, true},
		"one of two that may":             {[]Peer{failed("a"), waits("b", HoldNone)}, &two, 1, 2, false},
		"and the other is late":           {[]Peer{failed("a"), late}, &two, 1, 2, false},
		"and the other is paused":         {[]Peer{failed("a"), waits("b", HoldPaused)}, &two, 1, 2, false},
		"and the other has it":            {[]Peer{failed("a"), done("b")}, &two, 1, 2, true},
		"and the other stays":             {[]Peer{failed("a"), waits("b", HoldPartition)}, &two, 1, 2, true},
		"one went back":                   {[]Peer{back, waits("b", HoldFailed)}, nil, 1, 1, true},
		"half of those that count":        {[]Peer{failed("a"), failed("b"), waits("c", HoldNone), waits("d", HoldNone), young}, &half, 2, 2, true},
		"less than half":                  {[]Peer{failed("a"), waits("c", HoldNone), waits("d", HoldNone), young}, &half, 1, 2, false},
		"one that has no pod is nobody's": {[]Peer{failed("a"), {ID: "n", State: at(PhaseNotPlaced, 2, 1, 1, "B", "")}}, &two, 1, 2, true},
	} {
		spec := strategy.Strategy{Budget: intstr.FromInt32(1), MaxFailed: c.most}
		h := Halted(c.members, target, spec)
		if len(h.Failed) != c.failed || h.Limit != c.limit || h.Over() != c.over {
			t.Errorf("%s: %d failed, the limit is %d, over %t: %+v", name, len(h.Failed), h.Limit, h.Over(), h)
		}
	}
}

// TestFaultO2Soaking: who is available for Kubernetes and not for the rollout.
func TestFaultO2Soaking(t *testing.T) {
	got := names(Soaking([]Peer{
		{Name: "updating", State: shownAs(at(PhaseUpdating, 2, 1, 1, "B", "B"), true, true)},
		{Name: "not-ready", State: shownAs(at(PhaseUpdating, 2, 1, 1, "B", "B"), false, false)},
		{Name: "old", State: shownAs(at(PhaseUpdating, 2, 1, 1, "B", "A"), true, true)},
		{Name: "first", State: shownAs(at(PhaseUnavailable, 2, 1, 1, "B", "B"), true, true)},
		{Name: "restarts", State: shownAs(at(PhaseFailed, 2, 1, 1, "B", "B"), true, true)},
		{Name: "available", State: shownAs(at(PhaseAvailable, 2, 1, 1, "B", "B"), true, true)},
		{Name: "kubelet-away", State: shownAs(at(PhaseUnknown, 2, 1, 1, "B", "B"), true, true)},
		{Name: "down", Trouble: TroubleDown, State: shownAs(at(PhaseUpdating, 2, 1, 1, "B", "B"), true, true)},
		{Name: "other"},
	}, "B"))
	if got != "updating first restarts" {
		t.Errorf("got %s", got)
	}
}
