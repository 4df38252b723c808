package agent

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

	"github.com/daemonsetd/daemonsetd/gossip/keyring"
)

// TestMoved: another address counts when it has been the same at two looks; that there is none for a time does not.
func TestMoved(t *testing.T) {
	one, two, three := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.0.3")
	none := netip.Addr{}
	for name, c := range map[string]struct {
		looks []netip.Addr
		want  bool
	}{
		"the same":          {[]netip.Addr{one, one, one}, false},
		"another":           {[]netip.Addr{one, two, two}, true},
		"for a moment":      {[]netip.Addr{two, one, two, one}, false},
		"none for a time":   {[]netip.Addr{none, none, one}, false},
		"none, then back":   {[]netip.Addr{two, none, two, one}, false},
		"one after another": {[]netip.Addr{two, three, three}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(len(c.looks))*lookAtAddress+time.Second)
				defer cancel()
				i := -1
				err := moved(ctx, func() netip.AddrPort { return netip.AddrPortFrom(one, 7947) }, func() (netip.Addr, error) {
					if i++; !c.looks[i].IsValid() {
						return none, errors.New("the host has no address")
					}
					return c.looks[i], nil
				})
				if got := err != nil; got != c.want {
					t.Errorf("%v", err)
				}
			})
		})
	}
}

// TestKeyFileLost: a host that was a member and has no key any more is not taken for one that is alone, until somebody says so.
func TestKeyFileLost(t *testing.T) {
	virtually(t, func(t *testing.T) {
		a := member(t, network(), "a", 1, keyring.Generate())
		stop := a.run()
		a.eventually("gossip to be on", func() bool { return a.gossip().ID != "" && !a.health("Gossip") })
		stop()
		a.cfg.Gossip.KeyFile = ""
		a.run()
		a.eventually("gossip to be wanted", func() bool { return a.health("Gossip") })
		log := a.path("state", "gossip", "members.log")
		if st := a.status(); !strings.Contains(st.Message, filepath.Base(log)) {
			t.Errorf("%q does not say what to remove", st.Message)
		}
		if err := os.Remove(log); err != nil {
			t.Fatal(err)
		}
		if _, err := a.client.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		a.eventually("the host to be alone", func() bool { return !a.health("Gossip") })
	})
}
