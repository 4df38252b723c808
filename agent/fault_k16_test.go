package agent

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/gossip/keyring"
	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

// k16Wait is long enough for a second round, in which is told what was found after the first.
const k16Wait = 20 * time.Second

// lost are the health items about files of the state: file name to text and remedy.
func (b *bed) lost() map[string]string {
	b.t.Helper()
	out := map[string]string{}
	for _, h := range b.status().Health {
		if h.Code != "StateLost" && h.Code != "IdentityLost" {
			continue
		}
		path, _, _ := strings.Cut(h.Text, " ")
		rel, err := filepath.Rel(b.path("state"), path)
		if err != nil {
			rel = path
		}
		out[rel] = h.Code + ": " + h.Text + "; to do: " + h.Remedy
	}
	return out
}

func (b *bed) wantLost(when string, want ...string) {
	b.t.Helper()
	var got []string
	for name := range b.lost() {
		got = append(got, name)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		b.t.Errorf("%s: lost %q, want %q", when, b.lost(), want)
	}
}

// k16Member is a member of a fleet that has a DaemonSet, a label of its own and a list of members, and everything on disk.
func k16Member(t *testing.T) (b *bed, stop func()) {
	b = newMember(t, network(), "a", 1, keyring.Generate())
	b.cfg.MembersFile = b.path("members.yaml")
	b.slip("members.yaml", "members:\n- name: a\n")
	b.slip("specs.d/logger.yaml", logger("logger:1"))
	stop = b.run()
	b.phase(api.PhaseAvailable)
	sleep(11 * time.Minute) // after which this host may replace a pod of the DaemonSet
	if _, err := b.client.PatchNode(t.Context(), api.NodePatch{SetLabels: map[string]string{"a": "b"}}); err != nil {
		t.Fatal(err)
	}
	b.lay("specs.d/logger.yaml", logger("logger:2"))
	b.lay("specs.d/more.yaml", strings.ReplaceAll(logger("more:1"), "logger", "more"))
	sleep(time.Minute)
	b.wantLost("a first start")
	stop()
	stop = b.run()
	sleep(k16Wait)
	b.wantLost("a second start")
	return b, stop
}

// k16Files are the files of the state, but for those that were set aside.
func k16Files(b *bed) []string {
	var out []string
	root := b.path("state")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, ".bad-") {
			return err
		}
		rel, err := filepath.Rel(root, path)
		out = append(out, rel)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

// TestFaultK16: every file of the agent's state that is damaged or gone at a start is a health problem that names it and says what to do; it
// stays over restarts until an operator reloads, and nothing else is told.
func TestFaultK16(t *testing.T) {
	for _, spoil := range []struct {
		name string
		do   func(path string) error
	}{
		{"gone", os.Remove},
		{"damaged", func(path string) error { return os.WriteFile(path, []byte("{damaged"), 0o600) }},
	} {
		virtually := func(name string, do func(t *testing.T)) {
			t.Run(spoil.name+" "+name, func(t *testing.T) { virtually(t, do) })
		}
		virtually("all", func(t *testing.T) {
			b, stop := k16Member(t)
			seen := map[string]bool{}
			for _, name := range k16Files(b) {
				seen[name] = true
			}
			for _, names := range [][]string{
				{
					"rollouts.json", "pods.json", "declared.json", "node-runtime.json", "node-files.json", "node-state.json", "last-good/.directory.json",
					"gossip/members.log", "gossip/members.yaml",
				},
				{"node-runtime.json.bak", "node-files.json.bak", "last-good/logger.yaml", "last-good/more.yaml"},
				{"gossip/identity.key"},
				{"state.json"},
			} {
				for _, name := range names {
					delete(seen, name)
				}
				if names[0] == "gossip/identity.key" && spoil.name == "damaged" || names[0] == "state.json" && spoil.name == "gone" {
					continue // the first is no start at all as a member; without the second nothing can be told
				}
				stop()
				for _, name := range names {
					if err := spoil.do(b.path("state", name)); err != nil {
						t.Fatalf("%s: %v", name, err)
					}
				}
				for _, start := range []string{"the start after it", "another start"} {
					stop = b.run()
					sleep(k16Wait)
					b.wantLost(start, names...)
					stop()
				}
				stop = b.run()
				for name, said := range b.lost() {
					if what := map[string]string{"gone": "is missing", "damaged": "kept "}[spoil.name]; !strings.Contains(said, what) &&
						!strings.Contains(said, "cannot be used") || !strings.Contains(said, "dsctl reload") {
						t.Errorf("%s: %s", name, said)
					}
				}
				if _, err := b.client.Reload(t.Context()); err != nil {
					t.Fatal(err)
				}
				sleep(k16Wait)
				b.wantLost(names[0] + " after a reload")
				if _, ready := b.runsImage("logger:2"); !ready {
					t.Errorf("%s: the pod is not ready", names[0])
				}
			}
			for name := range seen {
				// The history is one directory to the agent, of which one file is looked at below; the lock holds nothing.
				if name != "lock" && !strings.HasPrefix(name, "revisions/") {
					t.Errorf("%s is no file of which the agent tells that it is %s", name, spoil.name)
				}
			}
		})
	}
	t.Run("history", func(t *testing.T) {
		virtually(t, func(t *testing.T) {
			b, stop := k16Member(t)
			found, err := filepath.Glob(b.path("state", "revisions", "default", "logger", "*.json"))
			if err != nil || len(found) != 2 {
				t.Fatalf("%v, %v", found, err)
			}
			stop()
			if err := os.WriteFile(found[0], []byte("damaged"), 0o600); err != nil {
				t.Fatal(err)
			}
			stop = b.run()
			if _, err := b.client.Revisions(t.Context(), api.RevisionRequest{DaemonSet: "default/logger"}); err != nil {
				t.Logf("the history: %v", err)
			}
			sleep(k16Wait)
			rel, _ := filepath.Rel(b.path("state"), found[0])
			b.wantLost("a revision", rel)
			stop()
			if err := os.RemoveAll(b.path("state", "revisions")); err != nil {
				t.Fatal(err)
			}
			b.run()
			sleep(k16Wait)
			b.wantLost("the history", rel, "revisions")
		})
	})
	t.Run("identity", func(t *testing.T) {
		virtually(t, func(t *testing.T) {
			b, stop := k16Member(t)
			before := b.gossip().ID
			stop()
			// The ledger of the agent is no help here, as after an upgrade from one that kept none.
			for _, name := range []string{"state.json", "gossip/identity.key"} {
				if err := os.Remove(b.path("state", name)); err != nil {
					t.Fatal(err)
				}
			}
			b.run()
			sleep(k16Wait)
			said := b.lost()["gossip/identity.key"]
			if !strings.HasPrefix(said, "IdentityLost: ") || !strings.Contains(said, "dsctl trust a") || b.gossip().ID == before {
				t.Errorf("%s; the id was %s and is %s", said, before, b.gossip().ID)
			}
		})
	})
}

// TestFaultK16NeverWas: what an operator has taken out of use is not missed: the list of members, and gossip as a whole.
func TestFaultK16NeverWas(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b, stop := k16Member(t)
		stop()
		b.cfg.MembersFile = ""
		stop = b.run()
		sleep(k16Wait)
		stop()
		if err := os.Remove(b.path("state", "gossip", "members.yaml")); err != nil {
			t.Fatal(err)
		}
		stop = b.run()
		sleep(k16Wait)
		b.wantLost("without a list of members")
		stop()
		if err := os.RemoveAll(b.path("state", "gossip")); err != nil {
			t.Fatal(err)
		}
		b.cfg.Gossip.KeyFile = ""
		b.run()
		sleep(k16Wait)
		b.wantLost("without gossip")
	})
}

// TestFaultK16Alone: a host that never was a member misses nothing.
func TestFaultK16Alone(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		for range 3 {
			stop := b.run()
			b.lay("specs.d/logger.yaml", logger("logger:1"))
			b.phase(api.PhaseAvailable)
			sleep(k16Wait)
			b.wantLost("alone")
			stop()
		}
	})
}
