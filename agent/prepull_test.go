package agent

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/client"
	"github.com/daemonsetd/daemonsetd/gossip/keyring"
	"github.com/daemonsetd/daemonsetd/manifests/strategy"
	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

const noPrePull = strategy.AnnotationPrePull + `: "false"`

// pullManifests are the manifests of pods that pull images.
func (b *bed) pullManifests() []string {
	return slices.DeleteFunc(b.manifests(), func(name string) bool { return !strings.HasPrefix(name, "daemonsetd_pull-") })
}

// outage is how long no pod of the DaemonSet was ready, from the end of the old pod to the new one.
func (b *bed) outage() time.Duration {
	b.t.Helper()
	var end time.Time
	for _, e := range b.kubelet.Log() {
		switch {
		case e.Owner != "default/logger":
		case e.Kind == kubeletsim.KindStopping:
			end = e.Time
		case e.Kind == kubeletsim.KindReady && !end.IsZero():
			return e.Time.Sub(end)
		}
	}
	b.t.Fatal("no pod was replaced")
	return 0
}

// TestPrePullOutage: an image that takes a minute makes an outage of a minute only where it is not pulled before. Nothing is
// left of the pod that pulled it, and nobody takes that for a pod of the DaemonSet.
func TestPrePullOutage(t *testing.T) {
	const slow = time.Minute
	for name, c := range map[string]struct {
		file  string
		takes time.Duration
		// pulled: a pod pulls the image first. long: the pull is the outage.
		pulled, long bool
	}{
		"slow":                      {logger("logger:2"), slow, true, false},
		"fast":                      {logger("logger:2"), 0, true, false},
		"slow, without":             {annotated(logger("logger:2"), noPrePull), slow, false, true},
		"the image is here":         {logger("logger:1", "hostPID: true"), slow, false, false},
		"it may not be pulled":      {strings.Replace(logger("logger:2"), "image: logger:2", "image: logger:2\n          imagePullPolicy: Never", 1), slow, false, false},
		"always, and it is here":    {strings.Replace(logger("logger:1"), "image: logger:1", "image: logger:1\n          imagePullPolicy: Always", 1), slow, true, false},
		"a second image is missing": {strings.Replace(logger("logger:1"), "      containers:", "      initContainers: [{name: init, image: \"init:1\"}]\n      containers:", 1), slow, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			virtually(t, func(t *testing.T) {
				b := newBed(t, kubeletsim.Options{Pull: func(image string) time.Duration {
					if image == "logger:1" {
						return 0
					}
					return c.takes
				}})
				b.run()
				b.lay("specs.d/logger.yaml", logger("logger:1"))
				b.phase(api.PhaseAvailable)
				before := b.daemonSet().CurrentRevision
				b.lay("specs.d/logger.yaml", c.file)
				pulls := false
				if c.pulled && c.takes > 0 && !strings.HasPrefix(name, "always") {
					b.phase(api.PhaseWaiting)
					sleep(slow / 2)
					if d := b.daemonSet(); d.Phase != api.PhaseWaiting || !strings.Contains(d.Message, "pulling ") || d.CurrentRevision != before {
						t.Errorf("while it is pulled: %+v", d)
					}
					if got := b.pullManifests(); len(got) != 1 || len(b.manifests()) != 2 {
						t.Errorf("the manifests are %q", b.manifests())
					}
					if _, ready := b.runsImage("logger:1"); !ready {
						t.Error("the old pod does not run")
					}
					pods, err := b.client.Pods(t.Context(), client.Selection{})
					if err != nil || len(pods.Items) != 1 {
						t.Errorf("listed are %+v, %v", pods, err)
					}
				}
				sleep(2 * slow)
				b.phase(api.PhaseAvailable)
				if d := b.daemonSet(); d.CurrentRevision == before {
					t.Fatalf("nothing was replaced: %+v", d)
				}
				for _, e := range b.kubelet.Log() {
					pulls = pulls || e.Kind == kubeletsim.KindAdded && strings.Contains(e.Pod, ".pull-")
				}
				if pulls != c.pulled || b.happened("PrePulling") != c.pulled || b.happened("PrePulled") != c.pulled {
					t.Errorf("pulled before: %v, events %v %v, want %v", pulls, b.happened("PrePulling"), b.happened("PrePulled"), c.pulled)
				}
				if got := b.outage(); (got >= slow) != c.long || !c.long && got > 5*time.Second {
					t.Errorf("the outage was %s", got)
				}
				if got := b.manifests(); len(got) != 1 || len(b.kubelet.Pods()) != 1 {
					t.Errorf("left are %q and %d pods", got, len(b.kubelet.Pods()))
				}
			})
		})
	}
}

// TestPrePullFailing: an image that cannot be pulled stops no pod. The rollout tells of it when the progress deadline is over, and the new
// pod comes when the image can be pulled after all, or when another one is asked for.
func TestPrePullFailing(t *testing.T) {
	soon := func(text string) string { return annotated(text, strategy.AnnotationDeadline+": 1m") }
	for name, mend := range map[string]func(*bed, *atomic.Bool){
		"pulled after all": func(_ *bed, broken *atomic.Bool) { broken.Store(false) },
		"another image":    func(b *bed, _ *atomic.Bool) { b.lay("specs.d/logger.yaml", soon(logger("logger:3"))) },
		"without": func(b *bed, broken *atomic.Bool) {
			broken.Store(false)
			b.lay("specs.d/logger.yaml", annotated(logger("logger:2"), noPrePull))
		},
	} {
		t.Run(name, func(t *testing.T) {
			virtually(t, func(t *testing.T) {
				var broken atomic.Bool
				broken.Store(true)
				b := newBed(t, kubeletsim.Options{Pull: func(image string) time.Duration {
					if image == "logger:2" && broken.Load() {
						return -1
					}
					return 0
				}})
				b.run()
				b.lay("specs.d/logger.yaml", logger("logger:1"))
				b.phase(api.PhaseAvailable)
				b.lay("specs.d/logger.yaml", soon(logger("logger:2")))
				b.eventually("it is told that the image cannot be pulled", func() bool {
					return strings.Contains(b.daemonSet().Message, "image logger:2: ErrImagePull") && b.happened("PrePullFailing")
				})
				if self := b.rollout().Self; self.Phase != "Updating" {
					t.Errorf("the rollout is %+v", self)
				}
				sleep(time.Minute)
				b.eventually("the rollout has failed", func() bool { return b.rollout().Self.Phase == "Failed" })
				if !b.happened("RolloutFailed") {
					t.Error("there is no event")
				}
				sleep(2 * time.Minute)
				if _, ready := b.runsImage("logger:1"); !ready || len(b.pullManifests()) != 1 {
					t.Errorf("the old pod does not run, or nothing is tried any more: %q", b.manifests())
				}
				mend(b, &broken)
				sleep(3 * time.Minute) // as long as the kubelet backs off by then
				b.eventually("the new pod is available", func() bool {
					_, old := b.runsImage("logger:1")
					return !old && b.rollout().Self.Phase == "Available"
				})
				if got := b.outage(); got > 5*time.Second {
					t.Errorf("the outage was %s", got)
				}
				if got := b.manifests(); len(got) != 1 {
					t.Errorf("left are %q", got)
				}
			})
		})
	}
}

// TestPrePullRestart: an agent that is started again goes on with a pull, and takes away one that nobody wants any more.
func TestPrePullRestart(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		left bool
	}{
		"it is wanted":                 {logger("logger:2"), true},
		"the file asks for the old":    {logger("logger:1"), false},
		"the file asks for another":    {logger("logger:3"), false},
		"the annotation says no":       {annotated(logger("logger:2"), noPrePull), false},
		"the DaemonSet is not for it":  {logger("logger:2", "nodeSelector: {no: such}"), false},
		"the DaemonSet has gone, also": {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			virtually(t, func(t *testing.T) {
				b := newBed(t, kubeletsim.Options{Pull: func(image string) time.Duration {
					if image == "logger:2" {
						return time.Minute
					}
					return 0
				}})
				stop := b.run()
				b.lay("specs.d/logger.yaml", logger("logger:1"))
				b.phase(api.PhaseAvailable)
				b.lay("specs.d/logger.yaml", logger("logger:2"))
				b.eventually("it is pulling", func() bool { return len(b.pullManifests()) == 1 })
				sleep(10 * time.Second)
				stop()
				pulls := b.pullManifests()
				if len(pulls) != 1 {
					t.Fatalf("the pull does not outlive the agent: %q", b.manifests())
				}
				if c.file == "" {
					b.remove("specs.d/logger.yaml")
				} else {
					b.slip("specs.d/logger.yaml", c.file)
				}
				b.run()
				sleep(20 * time.Second)
				if left := slices.Equal(pulls, b.pullManifests()); left != c.left {
					t.Errorf("the manifests are %q", b.manifests())
				}
				sleep(2 * time.Minute)
				if got := b.pullManifests(); len(got) != 0 {
					t.Errorf("left are %q", b.manifests())
				}
				added := 0
				for _, e := range b.kubelet.Log() {
					if e.Kind == kubeletsim.KindAdded && strings.Contains(e.Pod, pulls[0][len("daemonsetd_pull-default_"):len(pulls[0])-len(".yaml")]) && strings.Contains(e.Pod, ".pull-") {
						added++
					}
				}
				if added != 1 {
					t.Errorf("the pull was begun %d times", added)
				}
			})
		})
	}
}

// TestPrePullUnasked: with a kubelet that is not asked, or whose pods are not known, nothing is pulled before and nothing waits for it.
func TestPrePullUnasked(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{Pull: func(string) time.Duration { return time.Minute }})
		b.cfg.Kubelet.AssumeReady = true
		b.run()
		b.lay("specs.d/logger.yaml", logger("logger:1"))
		b.eventually("the first pod", func() bool { there, _ := b.runsImage("logger:1"); return there })
		b.lay("specs.d/logger.yaml", logger("logger:2"))
		sleep(30 * time.Second)
		if there, _ := b.runsImage("logger:2"); !there || len(b.manifests()) != 1 {
			t.Errorf("the manifests are %q", b.manifests())
		}
	})
}

// TestPrePullFleet: of a fleet only those pull whose turn it is or comes next, and all are updated with no pod waiting for its image.
func TestPrePullFleet(t *testing.T) {
	virtually(t, func(t *testing.T) {
		const slow = time.Minute
		net, key := network(), keyring.Generate()
		var hosts []*bed
		for i, name := range []string{"a", "b", "c", "d", "e"} {
			h := newBed(t, kubeletsim.Options{NodeName: name, Pull: func(image string) time.Duration {
				if image == "logger:2" {
					return slow
				}
				return 0
			}})
			h.joins(net, byte(i+1), key, hosts...)
			hosts = append(hosts, h)
		}
		for _, h := range hosts {
			h.run()
			h.lay("specs.d/logger.yaml", logger("logger:1"))
		}
		for _, h := range hosts {
			h.eventually("all are available", func() bool { r := h.rollout(); return r.Done && r.Counts.Available == len(hosts) })
		}
		for _, h := range hosts {
			h.lay("specs.d/logger.yaml", logger("logger:2"))
		}
		for _, h := range hosts {
			h.eventually("the time after a first placement is over", func() bool {
				_, err := h.client.Release(t.Context(), api.RolloutActRequest{DaemonSet: "logger"})
				return err == nil
			})
		}
		began, most := time.Now(), 0
		for done := 0; done < len(hosts); {
			if time.Since(began) > 30*time.Minute {
				t.Fatalf("%d of %d are done", done, len(hosts))
			}
			sleep(500 * time.Millisecond)
			pulling := 0
			done = 0
			for _, h := range hosts {
				pulling += len(h.pullManifests())
				if _, ready := h.runsImage("logger:2"); ready {
					done++
				}
			}
			most = max(most, pulling)
		}
		t.Logf("%d hosts, each with a pull of %s: %s, at most %d pulling at a time", len(hosts), slow, time.Since(began), most)
		if most > 2 {
			t.Errorf("%d hosts pulled at a time, with a budget of 1", most)
		}
		if took := time.Since(began); took > time.Duration(len(hosts))*slow {
			t.Errorf("it took %s: nobody pulled ahead", took)
		}
		for _, h := range hosts {
			if got := h.outage(); got > 5*time.Second {
				t.Errorf("the outage was %s", got)
			}
		}
	})
}

// TestPrePullPlan: what a file would do says which images would be pulled first.
func TestPrePullPlan(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		b.run()
		b.lay("specs.d/logger.yaml", logger("logger:1"))
		b.phase(api.PhaseAvailable)
		for file, want := range map[string]bool{
			logger("logger:2"): true, annotated(logger("logger:2"), noPrePull): false, logger("logger:1", "hostPID: true"): false,
		} {
			res, err := b.client.Plan(t.Context(), api.PlanRequest{Files: []api.PlanFile{{Name: "logger.yaml", Data: []byte(file)}}})
			if err != nil || len(res.DaemonSets) != 1 || res.DaemonSets[0].Action != api.PlanReplace {
				t.Fatalf("%+v, %v", res, err)
			}
			p := res.DaemonSets[0]
			if got := slices.Contains(p.Reasons, "pulled before the old pod stops: logger:2"); got != want {
				t.Errorf("the reasons are %q", p.Reasons)
			}
			if len(p.Changes) != 2 {
				t.Errorf("the changes are %+v", p.Changes)
			}
		}
	})
}
