package kubelet

import (
	"context"
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// script is a kubelet of which a test sets the answers.
type script struct {
	mu   sync.Mutex
	down bool
	// status is answered for a path instead of the truth.
	status map[string]int
	// body is answered for a path instead of what is usual.
	body    map[string]string
	hang    map[string]bool
	pods    []corev1.Pod
	running []corev1.Pod
	asked   map[string]int
}

func newScript() *script {
	return &script{status: map[string]int{}, hang: map[string]bool{}, asked: map[string]int{}}
}

func (s *script) set(change func(*script)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// count returns how often a path was asked for since the last count.
func (s *script) count(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.asked[path]
	s.asked[path] = 0
	return n
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.asked[r.URL.Path]++
	down, status, hang := s.down, s.status[r.URL.Path], s.hang[r.URL.Path]
	bodies := map[string]string{
		"/healthz": "ok", "/pods": list(s.pods), "/runningpods/": list(s.running), "/stats/summary": `{"node":{"nodeName":"n"}}`,
		"/configz": `{"kubeletconfig":{"staticPodPath":"/x"}}`, "/metrics": "\nkubernetes_build_info{git_version=\"v1.37.2\"} 1\n",
	}
	maps.Copy(bodies, s.body)
	s.mu.Unlock()
	switch {
	case down:
		return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	case hang:
		<-r.Context().Done()
		return nil, r.Context().Err()
	case status != 0:
		return reply(status, "")
	default:
		return reply(200, bodies[r.URL.Path])
	}
}

func list(pods []corev1.Pod) string {
	data, err := json.Marshal(corev1.PodList{TypeMeta: metav1.TypeMeta{Kind: "PodList", APIVersion: "v1"}, Items: pods})
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// poll runs a Poller on a script in a bubble until the test function returns.
func poll(t *testing.T, cfg PollerConfig, f func(t *testing.T, s *script, p *Poller)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newScript()
		p := NewPoller(fakeOf(t, s), cfg)
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { _ = p.Run(ctx) })
		synctest.Wait()
		f(t, s, p)
		cancel()
		run.Wait()
	})
}

func fakeOf(t *testing.T, s *script) *Client {
	return fake(t, Settings{URL: "https://secure:1", HealthzURL: "http://health:3/healthz"}, s.RoundTrip)
}

// pass lets time pass and everything that is due happen.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// woken takes the message of Wake and reports whether there was one.
func woken(p *Poller) bool {
	select {
	case <-p.Wake():
		return true
	default:
		return false
	}
}

func TestPollerFillsSnapshot(t *testing.T) {
	poll(t, PollerConfig{}, func(t *testing.T, s *script, p *Poller) {
		s.set(func(s *script) { s.pods, s.running = named("a", "b"), named("b") })
		pass(6 * time.Second)
		got := p.Latest()
		if !got.Healthy || got.HealthErr != nil || got.HealthAt.IsZero() || got.Since.IsZero() {
			t.Errorf("health: %+v", got)
		}
		if len(got.Pods.Last()) != 2 || len(got.Running.Last()) != 1 || got.Pods.At().IsZero() || got.Running.At().IsZero() {
			t.Errorf("pods: %d, running: %d", len(got.Pods.Last()), len(got.Running.Last()))
		}
		if got.Summary.Last() == nil || got.Summary.At().IsZero() || got.Config.Last() == nil || got.Config.Last().StaticPodPath != "/x" || got.Version != "v1.37.2" {
			t.Errorf("summary %v, config %v, version %q", got.Summary.Last(), got.Config.Last(), got.Version)
		}
	})
}

// TestKubeletComesUp: within a second it is known, with its pods.
func TestKubeletComesUp(t *testing.T) {
	poll(t, PollerConfig{}, func(t *testing.T, s *script, p *Poller) {
		s.set(func(s *script) { s.down = true })
		pass(30 * time.Second)
		if got := p.Latest(); got.Healthy || state(got.HealthErr) != Unreachable || state(got.Pods.Err()) != Unreachable {
			t.Fatalf("down: %+v", got)
		}
		woken(p)
		s.set(func(s *script) { s.down, s.pods = false, named("a") })
		up := time.Now()
		pass(500 * time.Millisecond)
		got := p.Latest()
		if !got.Healthy || got.Since.Before(up) || len(got.Pods.Last()) != 1 || got.Config.Last() == nil || got.Version == "" {
			t.Errorf("up: %+v", got)
		}
		if !woken(p) {
			t.Error("nobody was woken")
		}
	})
}

// TestKubeletGoesDown: a missed check or two is not yet unhealthy, and what was known stays.
func TestKubeletGoesDown(t *testing.T) {
	poll(t, PollerConfig{}, func(t *testing.T, s *script, p *Poller) {
		s.set(func(s *script) { s.pods = named("a") })
		pass(10 * time.Second)
		woken(p)
		s.set(func(s *script) { s.status["/healthz"] = 500 })
		pass(time.Second)
		if got := p.Latest(); !got.Healthy || state(got.HealthErr) != BadAnswer {
			t.Errorf("after two misses: healthy %t, %v", got.Healthy, got.HealthErr)
		}
		if !woken(p) {
			t.Error("nobody was woken by the first miss, of which status tells")
		}
		pass(500 * time.Millisecond)
		got := p.Latest()
		if got.Healthy || len(got.Pods.Last()) != 1 || got.Summary.Last() == nil {
			t.Errorf("after three misses: healthy %t, %d pods", got.Healthy, len(got.Pods.Last()))
		}
		if !woken(p) {
			t.Error("nobody was woken")
		}
		pass(time.Minute)
		if woken(p) {
			t.Error("woken by a kubelet that is as unwell as before")
		}
		s.set(func(s *script) { delete(s.status, "/healthz") })
		pass(500 * time.Millisecond)
		if !p.Latest().Healthy {
			t.Error("not healthy again after one good answer")
		}
	})
}

// TestUnauthorisedIsHealthy: the health needs no credentials, the pods do.
func TestUnauthorisedIsHealthy(t *testing.T) {
	poll(t, PollerConfig{}, func(t *testing.T, s *script, p *Poller) {
		s.set(func(s *script) { s.status["/pods"], s.status["/runningpods/"] = 401, 403 })
		pass(10 * time.Second)
		got := p.Latest()
		if !got.Healthy || got.HealthErr != nil || state(got.Pods.Err()) != Unauthorised || state(got.Running.Err()) != Unauthorised {
			t.Errorf("healthy %t, pods %v, running %v", got.Healthy, got.Pods.Err(), got.Running.Err())
		}
		woken(p)
		pass(time.Minute)
		if woken(p) {
			t.Error("woken by the same answer again")
		}
		s.set(func(s *script) { clear(s.status) })
		pass(6 * time.Second)
		if got := p.Latest(); got.Pods.Err() != nil || got.Running.Err() != nil || !woken(p) {
			t.Errorf("pods %v, running %v", got.Pods.Err(), got.Running.Err())
		}
	})
}

// TestWakesForWhatMatters goes through the changes of a pod.
func TestWakesForWhatMatters(t *testing.T) {
	ready := func(status corev1.ConditionStatus) []corev1.PodCondition {
		return []corev1.PodCondition{{Type: corev1.PodReady, Status: status}}
	}
	for _, tc := range []struct {
		name   string
		change func(*script)
		want   bool
	}{
		{"nothing", func(*script) {}, false},
		{"a label", func(s *script) { s.pods[0].Labels = map[string]string{"a": "b"} }, false},
		{"another condition", func(s *script) {
			s.pods[0].Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}}
		}, false},
		{"the order", func(s *script) { s.pods[0], s.pods[1] = s.pods[1], s.pods[0] }, false},
		{"phase", func(s *script) { s.pods[0].Status.Phase = corev1.PodRunning }, true},
		{"reason", func(s *script) { s.pods[0].Status.Reason = "NodePorts" }, true},
		{"ready", func(s *script) { s.pods[0].Status.Conditions = ready(corev1.ConditionTrue) }, true},
		{"restart", func(s *script) { s.pods[0].Status.ContainerStatuses = []corev1.ContainerStatus{{RestartCount: 1}} }, true},
		{"restart of an init container", func(s *script) { s.pods[0].Status.InitContainerStatuses = []corev1.ContainerStatus{{RestartCount: 1}} }, true},
		{"one more", func(s *script) { s.pods = named("a", "b", "c") }, true},
		{"one less", func(s *script) { s.pods = named("a") }, true},
		{"another UID", func(s *script) { s.pods[0].UID = "other" }, true},
		{"one more runs", func(s *script) { s.running = named("a", "b") }, true},
		{"none runs", func(s *script) { s.running = nil }, true},
		{"the summary is refused", func(s *script) { s.status["/stats/summary"] = 500 }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			poll(t, PollerConfig{}, func(t *testing.T, s *script, p *Poller) {
				s.set(func(s *script) { s.pods, s.running = named("a", "b"), named("a") })
				pass(20 * time.Second)
				woken(p)
				s.set(tc.change)
				pass(11 * time.Second)
				if got := woken(p); got != tc.want {
					t.Errorf("woken %t, want %t", got, tc.want)
				}
			})
		})
	}
}

// TestPace counts the questions: few in steady state, many while something is expected.
func TestPace(t *testing.T) {
	poll(t, PollerConfig{}, func(t *testing.T, s *script, p *Poller) {
		s.set(func(s *script) { s.pods = named("a") })
		pass(time.Minute)
		counts := func() [5]int {
			return [5]int{s.count("/healthz"), s.count("/pods"), s.count("/runningpods/"), s.count("/stats/summary"), s.count("/configz")}
		}
		counts()
		pass(time.Minute)
		if got, want := counts(), [5]int{120, 12, 12, 6, 0}; got != want {
			t.Errorf("in a minute of nothing: %v, want %v", got, want)
		}
		p.Expect(time.Now().Add(30 * time.Second))
		pass(time.Second)
		if got := s.count("/pods"); got < 13 || got > 15 {
			t.Errorf("%d questions in the first second of Expect, want about 14", got)
		}
		pass(19 * time.Second)
		s.count("/pods")
		pass(3 * time.Second)
		if got := s.count("/pods"); got != 10 {
			t.Errorf("%d questions in 3 s when nothing had changed for long, want 10", got)
		}
		s.set(func(s *script) { s.pods = named("b") })
		pass(time.Second)
		s.count("/pods")
		pass(time.Second)
		if got := s.count("/pods"); got < 13 {
			t.Errorf("%d questions in a second after a change, want about 13", got)
		}
		pass(time.Minute)
		counts()
		pass(time.Minute)
		if got := s.count("/pods"); got != 12 {
			t.Errorf("%d questions in a minute after Expect was over, want 12", got)
		}
		if s.count("/metrics") != 1 {
			t.Error("the version was asked for other than once")
		}
	})
}

func TestExpectNeverShortens(t *testing.T) {
	poll(t, PollerConfig{}, func(t *testing.T, s *script, p *Poller) {
		pass(time.Minute)
		p.Expect(time.Now().Add(time.Minute))
		p.Hurry()
		pass(50 * time.Second)
		s.count("/pods")
		pass(3 * time.Second)
		if got := s.count("/pods"); got < 9 {
			t.Errorf("%d questions in 3 s: Hurry has cut Expect short", got)
		}
		p.Expect(time.Now().Add(24 * time.Hour))
		pass(maxExpect + time.Minute)
		s.count("/pods")
		pass(time.Minute)
		if got := s.count("/pods"); got > 15 {
			t.Errorf("%d questions in a minute: Expect is not bounded", got)
		}
	})
}

// TestHurryIsBounded: however often it is called, the kubelet is not asked more often than every 75 ms.
func TestHurryIsBounded(t *testing.T) {
	poll(t, PollerConfig{}, func(t *testing.T, s *script, p *Poller) {
		pass(time.Minute)
		s.count("/pods")
		p.Hurry()
		pass(time.Millisecond)
		if got := s.count("/pods"); got != 1 {
			t.Errorf("%d questions at once, want 1", got)
		}
		for range 1000 {
			p.Hurry()
			pass(time.Millisecond)
		}
		if got := s.count("/pods"); got > 14 {
			t.Errorf("%d questions in a second", got)
		}
	})
}

func TestPrime(t *testing.T) {
	for _, tc := range []struct {
		name    string
		set     func(*script)
		healthy bool
		pods    bool
		state   State
		took    time.Duration
	}{
		{"well", func(*script) {}, true, true, "", 0},
		{"down", func(s *script) { s.down = true }, false, false, Unreachable, 0},
		{"hangs", func(s *script) { s.hang["/healthz"] = true }, false, false, Unreachable, 50 * time.Millisecond},
		{"pods hang", func(s *script) { s.hang["/pods"] = true }, true, false, "", 50 * time.Millisecond},
		{"running pods hang", func(s *script) { s.hang["/runningpods/"] = true }, true, true, "", 50 * time.Millisecond},
		{"unauthorised", func(s *script) { s.status["/pods"] = 401 }, true, false, "", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript()
				s.pods = named("a")
				s.set(tc.set)
				p := NewPoller(fakeOf(t, s), PollerConfig{})
				start := time.Now()
				p.Prime(t.Context())
				if took := time.Since(start); took != tc.took {
					t.Errorf("took %v of virtual time, want %v", took, tc.took)
				}
				got := p.Latest()
				if got.Healthy != tc.healthy || !got.Pods.At().IsZero() != tc.pods || state(got.HealthErr) != tc.state || got.HealthAt.IsZero() {
					t.Errorf("%+v", got)
				}
				if tc.name != "unauthorised" && (got.Pods.Err() != nil || got.Running.Err() != nil) {
					t.Errorf("the short time is told as a failure: pods %v, running %v", got.Pods.Err(), got.Running.Err())
				}
				// What did not fit into the time is asked for at once by Run.
				s.set(func(s *script) { s.down = false; clear(s.hang) })
				ctx, cancel := context.WithCancel(t.Context())
				var run sync.WaitGroup
				run.Go(func() { _ = p.Run(ctx) })
				if tc.name == "down" {
					pass(500 * time.Millisecond)
				}
				pass(10 * time.Millisecond)
				if got := p.Latest(); !got.Healthy || (got.Pods.At().IsZero() && tc.name != "unauthorised") || got.Running.At().IsZero() {
					t.Errorf("after Run: %+v", got)
				}
				cancel()
				run.Wait()
			})
		})
	}
}

func TestAssumeReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPoller(nil, PollerConfig{AssumeReady: true})
		p.Prime(t.Context())
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { _ = p.Run(ctx) })
		p.Hurry()
		pass(time.Hour)
		if got := p.Latest(); !got.Healthy || !got.AssumeReady || got.Since.IsZero() || !got.Pods.At().IsZero() || woken(p) {
			t.Errorf("%+v", got)
		}
		cancel()
		run.Wait()
	})
}

// TestSnapshotsStay: what was handed out does not change under its reader.
func TestSnapshotsStay(t *testing.T) {
	poll(t, PollerConfig{}, func(t *testing.T, s *script, p *Poller) {
		s.set(func(s *script) { s.pods = named("a") })
		pass(10 * time.Second)
		before := p.Latest()
		s.set(func(s *script) { s.pods, s.down = named("b", "c"), false })
		pass(10 * time.Second)
		if len(before.Pods.Last()) != 1 || before.Pods.Last()[0].Name != "a" || len(p.Latest().Pods.Last()) != 2 {
			t.Errorf("before %d pods, now %d", len(before.Pods.Last()), len(p.Latest().Pods.Last()))
		}
	})
}

// TestSlowSummary: a summary that hangs delays the health by its deadline at most.
func TestSlowSummary(t *testing.T) {
	poll(t, PollerConfig{}, func(t *testing.T, s *script, p *Poller) {
		s.set(func(s *script) { s.hang["/stats/summary"] = true })
		pass(time.Minute)
		got := p.Latest()
		if !got.Healthy || state(got.Summary.Err()) != Unreachable || time.Since(got.HealthAt) > 6*time.Second {
			t.Errorf("healthy %t, summary %v, health asked %v ago", got.Healthy, got.Summary.Err(), time.Since(got.HealthAt))
		}
	})
}
