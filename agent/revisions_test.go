package agent

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/client"
	"github.com/daemonsetd/daemonsetd/manifests/history"
	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

// neverReady has pods of the image logger:bad run and never become ready.
func neverReady(pod *corev1.Pod) kubeletsim.Behaviour {
	b := kubeletsim.DefaultBehaviour()
	if pod.Spec.Containers[0].Image == "logger:bad" {
		b.Ready = -1
	}
	return b
}

// edited is a DaemonSet file with another image and more annotations.
func edited(text, image string, annotations ...string) string {
	return annotated(strings.Replace(text, "image: logger:1", "image: "+image, 1), annotations...)
}

const (
	autoRollback = `daemonsetd.io/auto-rollback: "true"`
	soon         = `daemonsetd.io/progress-deadline: 10s`
)

// history is what is kept of default/logger; numbers by revision.
func (b *bed) history() []history.Revision {
	b.t.Helper()
	list, err := history.New(history.Config{Dir: b.path("state", "revisions"), Logger: zerolog.Nop()}).List("default", "logger")
	if err != nil {
		b.t.Fatal(err)
	}
	return list
}

func (b *bed) happened(reason string) bool {
	b.t.Helper()
	events, err := b.client.Events(b.t.Context(), client.Selection{})
	if err != nil {
		b.t.Fatal(err)
	}
	return slices.ContainsFunc(events.Items, func(e corev1.Event) bool { return e.Reason == reason })
}

// runs waits until the pod of a revision is available, and that of no other stands.
func (b *bed) runs(revision string) {
	b.t.Helper()
	b.eventually("revision "+revision, func() bool {
		d := b.daemonSet()
		return d.Phase == api.PhaseAvailable && d.CurrentRevision == revision && len(b.manifests()) == 1
	})
}

// reboot loses what is in memory, and, as the machine of a test has no memory file system there, all files of volumes.
func (b *bed) reboot() {
	b.t.Helper()
	for _, dir := range []string{"run/config", "state/config"} {
		if err := os.RemoveAll(b.path(dir)); err != nil {
			b.t.Fatal(err)
		}
	}
}

// A revision that never becomes available is left for the one before, with its files, until the file says something else.
// Agents that are killed on the way go on where they were.
func TestAutoRollback(t *testing.T) {
	for name, restarts := range map[string]bool{"one agent": false, "restarts": true} {
		t.Run(name, func(t *testing.T) {
			virtually(t, func(t *testing.T) {
				b := newBed(t, kubeletsim.Options{Behaviour: neverReady})
				b.lay("specs.d/objects.yaml", configObjects)
				base := withEnv(withConfig())
				b.lay("specs.d/logger.yaml", edited(base, "logger:1", autoRollback, soon))
				stop := b.run()
				restart := func() {
					if restarts {
						stop()
						stop = b.run()
					}
				}
				b.phase(api.PhaseAvailable)
				good := b.daemonSet().CurrentRevision
				b.lay("specs.d/logger.yaml", edited(base, "logger:bad", autoRollback, soon))
				b.eventually("the new manifest", func() bool {
					d := b.daemonSet()
					return d.CurrentRevision != "" && d.CurrentRevision != good
				})
				bad := b.daemonSet().CurrentRevision
				restart()
				b.runs(good)
				if !restarts && !b.happened("RolloutRolledBack") {
					t.Error("no event tells that the host went back")
				}
				before, cert := b.identity(), b.treePath("cert")
				stop()
				b.reboot()
				stop = b.run()
				if got := b.read(filepath.Join(cert, "password")); got != canary || !strings.Contains(cert, good) {
					t.Errorf("the files of revision %s are not in %s after a reboot", good, cert)
				}
				b.runs(good)
				if diff := cmp.Diff(before, b.identity()); diff != "" {
					t.Errorf("the manifest was touched by a restart:\n%s", diff)
				}
				list := b.history()
				if len(list) != 2 || list[0].Fleet != bad || list[1].Fleet != good || list[0].Number >= list[1].Number {
					t.Errorf("history %+v, want %s and then %s under a new number", list, bad, good)
				}
				// On a busy machine a good pod may take longer than the shortest deadline.
				b.lay("specs.d/logger.yaml", edited(base, "logger:3", autoRollback))
				b.eventually("the next file's revision", func() bool {
					d := b.daemonSet()
					return d.Phase == api.PhaseAvailable && d.CurrentRevision != good && d.CurrentRevision != bad
				})
			})
		})
	}
}

// With maxSurge the old pod is never touched by what fails beside it.
func TestAutoRollbackOfASurge(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{Behaviour: neverReady})
		b.surges = true
		surge := func(image string) string {
			return strings.Replace(edited(withConfig(), image, autoRollback, soon), "spec:\n", "spec:\n  updateStrategy: {rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}\n", 1)
		}
		b.lay("specs.d/objects.yaml", configObjects)
		b.lay("specs.d/logger.yaml", surge("logger:1"))
		b.run()
		b.phase(api.PhaseAvailable)
		good, before := b.daemonSet().CurrentRevision, b.identity()
		b.lay("specs.d/logger.yaml", surge("logger:bad"))
		b.eventually("the new pod beside the old one", func() bool { return len(b.manifests()) == 2 })
		b.runs(good)
		if diff := cmp.Diff(before, b.identity()); diff != "" {
			t.Errorf("the old manifest was touched:\n%s", diff)
		}
		if got := b.read(filepath.Join(b.treePath("cert"), "password")); got != canary {
			t.Error("the old pod's files are gone")
		}
		// What if nothing changes: nothing is done, and the file that failed is not tried again.
		plan, err := b.client.Plan(t.Context(), api.PlanRequest{Files: []api.PlanFile{{Name: "logger.yaml", Data: []byte(surge("logger:bad"))}}})
		if err != nil || len(plan.DaemonSets) != 1 || len(plan.DaemonSets[0].Changes) != 0 {
			t.Errorf("plan %+v, %v", plan, err)
		}
	})
}

// What the good revision had in its environment has changed since, so that it is no more: the host stays with what failed.
func TestNoRollbackToWhatCannotBeMade(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{Behaviour: neverReady})
		b.lay("specs.d/objects.yaml", configObjects)
		b.lay("specs.d/logger.yaml", edited(withEnv(withConfig()), "logger:1", autoRollback, soon))
		b.run()
		b.phase(api.PhaseAvailable)
		good := b.daemonSet().CurrentRevision
		b.lay("specs.d/all.yaml", strings.Replace(configObjects, "level: info", "level: debug", 1)+"---\n"+edited(withEnv(withConfig()), "logger:bad", autoRollback, soon))
		b.remove("specs.d/objects.yaml")
		b.remove("specs.d/logger.yaml")
		b.eventually("the failure", func() bool { return b.happened("RolloutFailed") })
		sleep(time.Minute)
		if d := b.daemonSet(); d.CurrentRevision == good || b.happened("RolloutRolledBack") {
			t.Errorf("%+v: it went back to a revision with other values than it had", d)
		}
	})
}

// A pod of an older revision stays after a reboot, and waits for its Secrets: the files are made again from its own template.
func TestOlderPodsFilesAreMadeAgain(t *testing.T) {
	onDelete := func(text string) string {
		return strings.Replace(text, "spec:\n", "spec:\n  updateStrategy: {type: OnDelete}\n", 1)
	}
	same := func(text string) string { return text }
	for name, c := range map[string]struct {
		edit  func(string) string
		node  string
		phase string
	}{
		"OnDelete": {onDelete, "", api.PhaseWaiting},
		"tainted":  {same, nodeFile("metadata: {name: node-1}\nspec: {taints: [{key: busy, effect: NoSchedule}]}"), api.PhaseMisscheduled},
	} {
		t.Run(name, func(t *testing.T) {
			virtually(t, func(t *testing.T) {
				b := newBed(t, kubeletsim.Options{})
				b.lay("specs.d/objects.yaml", configObjects)
				b.lay("specs.d/logger.yaml", c.edit(withEnv(withConfig())))
				stop := b.run()
				b.phase(api.PhaseAvailable)
				if c.node != "" {
					b.lay("node.yaml", c.node)
					b.phase(c.phase)
				}
				cert, before := b.treePath("cert"), b.identity()
				// The new template has another volume in the old one's place.
				next := strings.ReplaceAll(withEnv(withConfig()), "name: cert", "name: keys")
				b.lay("specs.d/logger.yaml", c.edit(strings.Replace(next, "logger:1", "logger:2", 1)))
				b.eventually("the new template to be known", func() bool {
					d := b.daemonSet()
					return d.Phase == c.phase && d.DesiredRevision != d.CurrentRevision
				})
				stop()
				b.reboot()
				// The Secret has changed, and with it what the old template would give now.
				b.lay("specs.d/objects.yaml", strings.Replace(configObjects, canary, "hunter3", 1))
				b.run()
				if got := b.read(filepath.Join(cert, "password")); got != canary && got != "hunter3" {
					t.Errorf("the Secret's file has %q before the agent is ready", got)
				}
				// It follows the Secret, as in Kubernetes.
				b.eventually("the changed Secret", func() bool { return b.read(filepath.Join(cert, "password")) == "hunter3" })
				if diff := cmp.Diff(before, b.identity()); diff != "" {
					t.Errorf("the manifest was touched:\n%s", diff)
				}
			})
		})
	}
}

// The history has what kubectl would show: a new number for an old template, the cause of the day, and no more than wanted.
func TestHistoryIsRecorded(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		var want []string
		lay := func(image, cause string) {
			text := edited(logger("logger:1"), image, "kubernetes.io/change-cause: "+cause)
			b.lay("specs.d/logger.yaml", strings.Replace(text, "spec:\n", "spec:\n  revisionHistoryLimit: 1\n", 1))
		}
		told := func(causes ...string) {
			t.Helper()
			b.eventually("the history "+strings.Join(causes, ", "), func() bool {
				want = want[:0]
				for _, r := range b.history() {
					want = append(want, r.ChangeCause)
				}
				return slices.Equal(want, causes)
			})
		}
		lay("logger:1", "first")
		stop := b.run()
		b.phase(api.PhaseAvailable)
		told("first")
		first := b.history()[0]
		lay("logger:2", "second")
		told("first", "second")
		lay("logger:1", "back")
		told("second", "back")
		if back := b.history()[1]; back.Fleet != first.Fleet || back.Number <= first.Number || !back.First.Equal(first.First) || !back.Last.After(first.Last) {
			t.Errorf("%+v, then %+v", first, back)
		}
		if s := b.history()[1].Source; s != b.path("specs.d/logger.yaml") {
			t.Errorf("source %q", s)
		}
		b.phase(api.PhaseAvailable)
		before := b.history()
		stop()
		b.run()
		if diff := cmp.Diff(before, b.history()); diff != "" {
			t.Errorf("a restart wrote history:\n%s", diff)
		}
		// What is good and what was good before are kept in any case: the revision between the two is not.
		lay("logger:3", "third")
		told("back", "third")
		info, err := os.Stat(b.path("state/revisions/default/logger"))
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("mode %v, %v, want 0700: a template may have passwords in it", info.Mode(), err)
		}
	})
}

// A damaged history is told, and is made whole for what is the target.
func TestDamagedHistory(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		b.lay("specs.d/logger.yaml", logger("logger:1"))
		stop := b.run()
		b.phase(api.PhaseAvailable)
		b.eventually("the history", func() bool { return len(b.history()) == 1 })
		want := b.history()[0]
		stop()
		path := b.path("state/revisions/default/logger", want.Fleet+".json")
		if err := os.WriteFile(path, []byte("damaged"), 0o600); err != nil {
			t.Fatal(err)
		}
		b.run()
		b.eventually("the file to be written again", func() bool { return b.read(path) != "damaged" && len(b.history()) == 1 })
		aside, err := filepath.Glob(path + ".bad-*")
		if err != nil || len(aside) != 1 {
			t.Fatalf("set aside as %v, %v", aside, err)
		}
		if got := b.history()[0]; got.Number != want.Number || b.read(aside[0]) != "damaged" {
			t.Errorf("%+v, and %q aside", got, b.read(aside[0]))
		}
	})
}
