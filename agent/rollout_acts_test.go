package agent

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/client"
	"github.com/daemonsetd/daemonsetd/gossip/keyring"
)

// refused has an act refused as a conflict that names what is wrong, with a remedy.
func refused(t *testing.T, err error, text string) {
	t.Helper()
	p, ok := errors.AsType[*api.Error](err)
	if !ok || p.Code != api.CodeConflict || !strings.Contains(p.Error(), text) {
		t.Errorf("got %v, wanted a refusal with %q", err, text)
	}
}

// TestFaultO7Release: the first update after an installation is on hold until a time that every view names, and an
// operator ends that on a host.
func TestFaultO7Release(t *testing.T) {
	virtually(t, func(t *testing.T) {
		net, key := network(), keyring.Generate()
		a := newMember(t, net, "a", 1, key)
		b := newMember(t, net, "b", 2, key, a)
		for _, h := range []*bed{a, b} {
			h.run()
			h.lay("specs.d/logger.yaml", logger("logger:1"))
		}
		for _, h := range []*bed{a, b} {
			h.eventually("both are available", func() bool { r := h.rollout(); return r.Done && r.Counts.Available == 2 })
		}
		for _, h := range []*bed{a, b} {
			h.lay("specs.d/logger.yaml", logger("logger:2"))
		}
		const until = "on hold until "
		a.eventually("both are on hold, with a time", func() bool {
			r := a.rollout()
			return len(r.Hosts) == 2 && !slices.ContainsFunc(r.Hosts, func(h api.RolloutHost) bool {
				return !strings.HasPrefix(h.Hold, until) || h.Until.IsZero()
			})
		})
		if end := a.rollout().Self.Until; time.Until(end) > 10*time.Minute || time.Until(end) < 8*time.Minute {
			t.Errorf("held until %s, now it is %s", end, time.Now())
		}
		if r := a.rollout(); len(r.Held) == 0 || !strings.HasPrefix(r.Held[0].Reason, until) || r.Held[0].Until.IsZero() {
			t.Errorf("held: %+v", r.Held)
		}
		if message := a.daemonSet().Message; !strings.Contains(message, until) {
			t.Errorf("status: %q", message)
		}
		e, err := a.client.Explain(t.Context(), api.ExplainRequest{DaemonSet: "logger"})
		if err != nil || len(e.Items) != 1 || !strings.Contains(e.Items[0].Message, until) {
			t.Errorf("explain: %+v, %v", e, err)
		}
		for _, h := range []*bed{a, b} {
			res, err := h.client.Release(t.Context(), api.RolloutActRequest{DaemonSet: "logger"})
			if err != nil || res.DaemonSet != "default/logger" || res.Until.IsZero() {
				t.Fatalf("%+v, %v", res, err)
			}
			if !h.happened("RolloutReleased") {
				t.Error("no event says that an operator did this")
			}
			_, err = h.client.Release(t.Context(), api.RolloutActRequest{DaemonSet: "logger"})
			refused(t, err, "is not on hold")
		}
		began := time.Now()
		a.eventually("both are updated", func() bool { r := a.rollout(); return r.Done && r.Counts.Updated == 2 })
		if took := time.Since(began); took > 3*time.Minute {
			t.Errorf("it took %s", took)
		}
	})
}

// TestFaultT2ResetByOperators: two operators' acts begin a new epoch, the third host follows, and no pod is restarted.
func TestFaultT2ResetByOperators(t *testing.T) {
	virtually(t, func(t *testing.T) {
		net, key := network(), keyring.Generate()
		a := newMember(t, net, "a", 1, key)
		b := newMember(t, net, "b", 2, key, a)
		c := newMember(t, net, "c", 3, key, a)
		all := []*bed{a, b, c}
		for _, h := range all {
			h.run()
			h.lay("specs.d/logger.yaml", logger("logger:1"))
		}
		for _, h := range all {
			h.eventually("all are available", func() bool { r := h.rollout(); return r.Done && r.Counts.Available == 3 })
			for _, o := range all {
				if o == h {
					continue
				}
				if _, err := o.client.Trust(t.Context(), api.TrustRequest{Member: h.agent.member.Self()}); err != nil {
					t.Fatal(err)
				}
			}
		}
		before := a.rollout()
		_, err := a.client.Reset(t.Context(), api.RolloutActRequest{DaemonSet: "logger"})
		refused(t, err, "nothing to reset")
		res, err := a.client.Reset(t.Context(), api.RolloutActRequest{DaemonSet: "logger", Force: true})
		if err != nil || res.Epoch != 1 || res.Generation != 1 || res.Members != 2 || res.Others != 0 {
			t.Fatalf("%+v, %v", res, err)
		}
		if !a.happened("RolloutReset") {
			t.Error("no event says that an operator did this")
		}
		b.eventually("b has heard of it", func() bool {
			return slices.ContainsFunc(b.rollout().Hosts, func(h api.RolloutHost) bool { return h.Name == "a" && h.Epoch == 1 })
		})
		if self := b.rollout().Self; self.Epoch != 0 {
			t.Errorf("one host alone has begun an epoch on another: %+v", self)
		}
		if res, err = b.client.Reset(t.Context(), api.RolloutActRequest{DaemonSet: "logger"}); err != nil || res.Epoch != 1 || res.Others != 1 {
			t.Fatalf("%+v, %v", res, err)
		}
		c.eventually("c follows", func() bool { self := c.rollout().Self; return self.Epoch == 1 && self.Generation == 1 })
		for _, h := range all {
			h.eventually("all is as it was", func() bool {
				r := h.rollout()
				return r.Done && r.Epoch == 1 && r.Revision == before.Revision && r.Counts.Available == 3
			})
			if n := h.rollout().Self.Restarts; n != 0 {
				t.Errorf("%d restarts", n)
			}
			// Nobody is shown a number with the epoch in its bits.
			sets, err := h.client.DaemonSets(t.Context(), client.Selection{})
			if err != nil || len(sets.Items) != 1 || sets.Items[0].Generation != 1 || sets.Items[0].Status.ObservedGeneration != 1 {
				t.Errorf("%+v, %v", sets, err)
			}
			h.eventually("the history has the epoch", func() bool {
				list := h.revisions(0)
				return len(list) == 1 && list[0].Number == 1 && list[0].Epoch == 1
			})
			if one := h.revisions(1); len(one) != 1 || one[0].Epoch != 1 || one[0].Template == nil {
				t.Errorf("the revision 1 is %+v", one)
			}
		}
	})
}
