package reconcile

import (
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/manifests/render"
)

const unrelated = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"

// copyTo copies a manifest within the kubelet's directory.
func (h *host) copyTo(from, to string, change ...string) {
	h.t.Helper()
	data, err := os.ReadFile(h.path("manifests", from))
	if err != nil {
		h.t.Fatal(err)
	}
	text := strings.NewReplacer(change...).Replace(string(data))
	if err := os.WriteFile(h.path("manifests", to), []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// blockedBy checks that a copy is told, with its path in the remedy, and in the DaemonSet's phase.
func (h *host) blockedBy(name string) {
	h.t.Helper()
	if st := h.phase("default/logger"); st.Phase != plan.PhaseBlocked || !strings.Contains(st.Message, name) {
		h.t.Errorf("%+v, want that it is blocked by %s", st, name)
	}
	for _, it := range h.board.Items() {
		if it.Code == "ManifestCopied" && it.Severity == "error" && strings.Contains(it.Remedy, h.path("manifests", name)) {
			return
		}
	}
	h.t.Errorf("on the board: %+v, want ManifestCopied and %s in the remedy", h.board.Items(), name)
}

// TestFaultK2: a file that bears our mark under another name is one that the kubelet runs beside ours. Whatever revision it
// is of, and whether the DaemonSet is declared, changed, not placed here or gone, it is told, and no pod comes beside it.
func TestFaultK2(t *testing.T) {
	next := strings.Replace(logger, "logger:1", "logger:2", 1)
	for name, c := range map[string]struct {
		file   string
		change []string
		// laid is the spec file after the copy was made, want what the kubelet reads then.
		laid string
		want []string
	}{
		"a backup, then a new template":           {file: ".yaml.bak", laid: next, want: []string{"logger:1", "logger:1"}},
		"a backup, then nothing declares it":      {file: ".yaml.bak", laid: unrelated, want: []string{"logger:1"}},
		"a backup, then it does not belong here":  {file: ".yaml~", laid: strings.Replace(logger, "      containers:", "      nodeSelector: {a: b}\n      containers:", 1), want: []string{"logger:1"}},
		"another pod's name, then a new template": {file: "-mine.yaml", change: []string{"  name: logger-", "  name: mine-"}, laid: next, want: []string{"logger:1", "logger:1"}},
		"another revision":                        {file: ".old", change: []string{"revision: ", "revision: x"}, laid: next, want: []string{"logger:1", "logger:1"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHost(t)
				h.lay(logger)
				made := h.settle(20 * time.Minute).Item("default/logger").File.Manifest
				file := strings.TrimSuffix(made.FileName, ".yaml") + c.file
				h.copyTo(made.FileName, file, c.change...)
				h.settle(time.Minute)
				h.blockedBy(file)
				h.lay(c.laid)
				h.settle(20 * time.Minute)
				h.want(c.want...)
				h.blockedBy(file)
				if it := h.Latest().Item("default/logger"); it != nil && it.Decision.ShouldRun && it.State.Phase != rollout.PhaseAvailable {
					t.Errorf("others are told %v, want that the pod is available", it.State.Phase)
				}
				remove(t, h.path("manifests", file))
				h.settle(20 * time.Minute)
				if len(h.codes()) != 0 || h.phase("default/logger").Phase == plan.PhaseBlocked {
					t.Errorf("when it is gone: on the board %v, %+v", h.codes(), h.phase("default/logger"))
				}
			})
		})
	}
}

// TestFaultK2BeforeTheFirst: a copy that was there first keeps the first pod from being started too, and is told though
// nothing declares its DaemonSet.
func TestFaultK2BeforeTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.lay(logger)
		made := h.settle(20 * time.Minute).Item("default/logger").File.Manifest
		h.copyTo(made.FileName, "restored.yaml")
		remove(t, h.path("manifests", made.FileName))
		remove(t, h.path("state", "pods.json"))
		h.lay(unrelated)
		h.start()
		h.settle(time.Minute)
		h.blockedBy("restored.yaml")
		h.lay(logger)
		h.settle(20 * time.Minute)
		h.want("logger:1")
		h.blockedBy("restored.yaml")
		remove(t, h.path("manifests", "restored.yaml"))
		h.settle(time.Minute)
		h.want("logger:1")
	})
}

// TestFaultK7: DaemonSets whose names meet when they are joined have files of their own: one of them the name that agents of the version
// before know, and whoever has it keeps it. A file stays under its name, which the kubelet makes the pod's identity of, also where it has to
// be restored.
func TestFaultK7(t *testing.T) {
	one := strings.NewReplacer("{name: logger}", "{name: b-c, namespace: a}", "logger:1", "one:1").Replace(logger)
	two := strings.NewReplacer("{name: logger}", "{name: c, namespace: a-b}", "logger:1", "one:1").Replace(logger)
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.lay(one + "---\n" + two)
		s := h.settle(20 * time.Minute)
		h.want("one:1", "one:1")
		m := s.Item("a-b/c").File.Manifest
		joined, apart := m.FileName, render.ApartFileName("a", "b-c", m.Revision)
		if s.Item("a/b-c").File.Manifest.FileName != joined {
			t.Fatalf("the names do not meet in %s", joined)
		}
		named := func(when string, want ...string) {
			t.Helper()
			var names []string
			for _, e := range h.Latest().Listing.Ours {
				names = append(names, e.Key()+" "+e.FileName)
			}
			if diff := cmp.Diff(want, names); diff != "" {
				t.Errorf("files %s (-want +got)\n%s", when, diff)
			}
		}
		named("at first", "a-b/c "+joined, "a/b-c "+apart)
		h.start()
		h.settle(20 * time.Minute)
		for _, name := range []string{joined, apart} {
			h.edit(name, "one:1", "mine:1")
		}
		h.settle(20 * time.Minute)
		h.want("one:1", "one:1")
		named("after a restart and edits", "a-b/c "+joined, "a/b-c "+apart)
		if len(h.codes()) != 0 {
			t.Errorf("on the board: %v", h.codes())
		}
		// The name is free again, and the file keeps its own.
		h.lay(one)
		h.settle(20 * time.Minute)
		named("when the other one has gone", "a/b-c "+apart)
		h.lay(one + "---\n" + two)
		h.settle(20 * time.Minute)
		named("when it has come back", "a-b/c "+joined, "a/b-c "+apart)
		h.lay(one + "---\n" + strings.Replace(two, "one:1", "two:1", 1))
		h.settle(20 * time.Minute)
		named("after an update", "a-b/c "+render.FileName("a-b", "c", h.Latest().Item("a-b/c").File.Manifest.Revision), "a/b-c "+apart)
	})
}
