package agent

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

// TestFaultF18: a default written out and a number in other words are a revision of the file, and no restart: the pod, its
// manifest and the files of its volumes stay, over restarts of the agent too. Going back is none either.
func TestFaultF18(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		b.lay("specs.d/objects.yaml", configObjects)
		base := withEnv(withConfig())
		b.lay("specs.d/logger.yaml", base)
		stop := b.run()
		b.phase(api.PhaseAvailable)
		first, before, files := b.daemonSet().CurrentRevision, b.identity(), b.treePath("cert")
		reworded := strings.Replace(base, "      terminationGracePeriodSeconds: 1\n",
			"      terminationGracePeriodSeconds: 1\n      restartPolicy: Always\n      initContainers: []\n", 1)
		if reworded == base {
			t.Fatal("the file has no such line")
		}
		same := func(when string) {
			t.Helper()
			b.runs(first)
			if diff := cmp.Diff(before, b.identity()); diff != "" || b.treePath("cert") != files {
				t.Fatalf("%s the manifest was touched, or its files are others: %s\n%s", when, b.treePath("cert"), diff)
			}
		}
		b.lay("specs.d/logger.yaml", reworded)
		b.eventually("the file's own revision in the history", func() bool { return len(b.history()) == 2 })
		same("after other words")
		stop()
		stop = b.run()
		b.phase(api.PhaseAvailable)
		same("after a restart")
		b.lay("specs.d/logger.yaml", base)
		b.eventually("the first revision under a new number", func() bool {
			list := b.history()
			return len(list) == 2 && list[1].Fleet == first && list[1].Number == 3
		})
		same("after going back")
		b.lay("specs.d/logger.yaml", edited(reworded, "logger:2"))
		b.eventually("another pod", func() bool {
			d := b.daemonSet()
			return d.CurrentRevision != first && d.Phase == api.PhaseAvailable && len(b.manifests()) == 1
		})
		stop()
	})
}
