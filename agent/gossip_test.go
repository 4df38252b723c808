package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/daemonsetd/daemonsetd/gossip/keyring"
)

// TestKeyFileLost: a host that was a member and has no key any more is not taken for one that is alone, until somebody says so.
func TestKeyFileLost(t *testing.T) {
	virtually(t, func(t *testing.T) {
		a := newMember(t, network(), "a", 1, keyring.Generate())
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
