package member

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/daemonsetd/daemonsetd/agent/config"
	"github.com/daemonsetd/daemonsetd/agent/health"
	"github.com/daemonsetd/daemonsetd/gossip/keyring"
	"github.com/daemonsetd/daemonsetd/gossip/memnet"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/test/virtual"
)

func TestMain(m *testing.M) { os.Exit(virtual.Main(m)) }

// host is a member in virtual time, at 10.0.0.1.
type host struct {
	*Member
	t   *testing.T
	cfg Config
}

// newHost has no key file, which is at keyFile where there is to be one.
func newHost(t *testing.T) *host {
	t.Helper()
	net := memnet.New(memnet.Config{Seed: 1, Faults: memnet.Faults{DelayMin: time.Millisecond, DelayMax: 2 * time.Millisecond}})
	at := netip.MustParseAddrPort("10.0.0.1:7947")
	h := &host{t: t, cfg: Config{
		Name: "a", Cluster: "c", StateDir: t.TempDir(), Gossip: config.Gossip{Bind: at.String()}, StartedAt: began,
		Log: zerolog.Nop(), Board: newBoard(), Metrics: prometheus.NewRegistry(), Nodes: &listed{},
		Transport: func() memberlist.NodeAwareTransport { return net.Listen(at) },
	}}
	// memberlist's goroutines, for which nobody can wait, get the time to end.
	t.Cleanup(func() { time.Sleep(2 * time.Minute) })
	return h
}

func (h *host) keyFile() string { return filepath.Join(h.cfg.StateDir, "gossip.key") }

// writeKey makes a key file with one key and gives its fingerprint.
func (h *host) writeKey() string {
	h.t.Helper()
	key := keyring.Generate()
	ring := &keyring.Ring{}
	_, err := ring.Add(key, "")
	if err == nil {
		err = keyring.Write(h.keyFile(), ring)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return key.Fingerprint()
}

// run makes the member and runs it until the returned function is called.
func (h *host) run() (stop func()) {
	h.t.Helper()
	h.Member = New(h.cfg)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := h.Run(ctx); err != nil {
			h.t.Errorf("Run: %v", err)
		}
	}()
	stop = func() {
		cancel()
		<-done
		if err := h.Close(); err != nil {
			h.t.Errorf("Close: %v", err)
		}
	}
	return stop
}

// rounds are as many rounds as there are in a while.
func (h *host) rounds(d time.Duration) (changed []string) {
	for range int(d / tryAgain) {
		time.Sleep(tryAgain)
		more, _ := h.Refresh(false)
		changed = append(changed, more...)
	}
	return changed
}

// TestAlone: a host for which no gossip is wanted is alone, has its node's name for an id, and nothing to complain of.
func TestAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		stop := h.run()
		defer stop()
		h.rounds(time.Minute)
		if !h.Alone() || h.On() || h.Self() != "a" || h.Created() || h.Look() != nil || h.View() != nil || h.Changed() != nil {
			t.Errorf("alone %t, on %t, self %s", h.Alone(), h.On(), h.Self())
		}
		if items := h.cfg.Board.Items(); len(items) > 0 {
			t.Errorf("problems: %v", items)
		}
		for _, err := range []error{h.Forget(record.ID{1}), h.Trust(record.ID{1}), h.Leave(t.Context())} {
			if !errors.Is(err, ErrOff) {
				t.Errorf("an act without gossip: %v", err)
			}
		}
		if _, ok := h.TakeReturned("rollout"); ok {
			t.Error("something came back without gossip")
		}
	})
}

// TestBegins: gossip that is wanted begins as soon as there is what it lacks, without a restart, and ends in being nobody's
// concern; another run of the same host is the same member, and one whose key file was lost is not taken for alone.
func TestBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.cfg.Gossip.KeyFile = h.keyFile()
		stop := h.run()
		if text := textOf(h.cfg.Board, health.Gossip); h.Alone() || h.On() || !strings.Contains(text, h.keyFile()) {
			t.Fatalf("alone %t, on %t, the board says %q", h.Alone(), h.On(), text)
		}
		fingerprint := h.writeKey()
		if changed := h.rounds(time.Minute); len(changed) != 1 || changed[0] != "gossip is on" {
			t.Fatalf("taken over: %v", changed)
		}
		st := h.Status()
		if !h.On() || !h.Created() || textOf(h.cfg.Board, health.Gossip) != "" || len(st.Keys) != 1 || st.Keys[0] != fingerprint {
			t.Errorf("on %t, created %t, %+v", h.On(), h.Created(), st)
		}
		id := h.Self()
		if id == "a" || h.SetGossip(config.Gossip{}) {
			t.Errorf("id %s; its settings may not change while it gossips", id)
		}
		h.Put("rollout", []byte("x"), nil)
		time.Sleep(time.Minute)
		if v := h.Look(); v == nil || len(v.Members) != 1 || string(v.Members[0].Sections["rollout"].Body) != "x" {
			t.Errorf("%+v", v)
		}
		stop()

		stop = h.run()
		if h.Created() || h.Self() != id {
			t.Errorf("another run: created %t, id %s, before %s", h.Created(), h.Self(), id)
		}
		stop()

		if err := os.Remove(h.keyFile()); err != nil {
			t.Fatal(err)
		}
		h.cfg.Gossip.KeyFile = ""
		stop = h.run()
		defer stop()
		if text := textOf(h.cfg.Board, health.Gossip); h.Alone() || !strings.Contains(text, "members.log") {
			t.Errorf("alone %t, the board says %q", h.Alone(), text)
		}
	})
}

// TestKeysChange: a running member takes another key file over, and one that is bad leaves the keys as they are.
func TestKeysChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.cfg.Gossip.KeyFile = h.keyFile()
		first := h.writeKey()
		stop := h.run()
		defer stop()
		keys := func(what, want, problem string) {
			t.Helper()
			if st := h.Status(); len(st.Keys) != 1 || st.Keys[0] != want {
				t.Errorf("%s: keys %v, want %s", what, st.Keys, want)
			}
			if text := textOf(h.cfg.Board, health.GossipKeys); !strings.Contains(text, problem) || problem == "" && text != "" {
				t.Errorf("%s: the board says %q", what, text)
			}
		}
		h.rounds(time.Minute)
		keys("at the start", first, "")
		second := h.writeKey()
		if changed := h.rounds(time.Minute); len(changed) != 1 || changed[0] != "the gossip keys" {
			t.Errorf("taken over: %v", changed)
		}
		keys("another file", second, "")
		if err := os.WriteFile(h.keyFile(), []byte("nonsense"), 0o600); err != nil {
			t.Fatal(err)
		}
		h.rounds(time.Minute)
		keys("a bad file", second, "the ones before stay in use")
	})
}
