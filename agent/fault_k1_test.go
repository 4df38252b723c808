package agent

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

// between is what an agent asks in place of its kubelet: it has answers missing, and gives the node another name.
type between struct {
	next http.RoundTripper

	mu    sync.Mutex
	fails []string
	name  string
}

func (b *between) set(name string, fails ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.name, b.fails = name, fails
}

func (b *between) RoundTrip(r *http.Request) (*http.Response, error) {
	b.mu.Lock()
	name, fails := b.name, b.fails
	b.mu.Unlock()
	res, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	for _, path := range fails {
		if r.URL.Path == path {
			res.StatusCode = http.StatusInternalServerError
		}
	}
	body, err := io.ReadAll(res.Body)
	if name != "" {
		body = bytes.ReplaceAll(body, []byte("node-1"), []byte(name))
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, err
}

func (b *bed) runBetween(w *between) (stop func()) {
	opts := b.options()
	w.next = b.kubelet.Transport()
	opts.Simulation.Kubelet = w
	return b.runWith(opts)
}

// item is what is said of a problem; empty: there is none.
func (b *bed) item(code string) (text, remedy string) {
	for _, h := range b.status().Health {
		if h.Code == code {
			return h.Text, h.Remedy
		}
	}
	return "", ""
}

// TestFaultK1: a kubelet whose node has another name is as one that cannot be asked, and told.
func TestFaultK1(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b, w := newBed(t, kubeletsim.Options{}), &between{}
		b.runBetween(w)
		b.lay("specs.d/logger.yaml", logger("logger:1"))
		b.phase(api.PhaseAvailable)
		w.set("other")
		b.eventually("the problem is told", func() bool { return b.health("KubeletOtherNode") })
		text, remedy := b.item("KubeletOtherNode")
		for _, want := range []string{`"other"`, `"node-1"`, "nodeName: other", "--hostname-override=node-1"} {
			if !strings.Contains(text+remedy, want) {
				t.Errorf("%q, %q does not have %s", text, remedy, want)
			}
		}
		st := b.status()
		if st.Kubelet.State != api.KubeletOtherNode || st.Healthy() || b.daemonSet().Phase == api.PhaseAvailable {
			t.Errorf("kubelet %s, healthy %t, phase %s", st.Kubelet.State, st.Healthy(), b.daemonSet().Phase)
		}
		before := b.manifests()
		b.lay("specs.d/logger.yaml", logger("logger:2"))
		b.lay("specs.d/more.yaml", strings.ReplaceAll(logger("more:1"), "name: logger", "name: more"))
		sleep(10 * time.Minute)
		if after := b.manifests(); strings.Join(before, " ") != strings.Join(after, " ") {
			t.Errorf("manifests %q, before %q", after, before)
		}
		if !b.health("ManifestNotListed") {
			t.Error("nothing says that the kubelet does not list a manifest")
		}
		w.set("")
		b.eventually("the new pods are ready", func() bool {
			_, logger := b.runsImage("logger:2")
			_, more := b.runsImage("more:1")
			return logger && more
		})
		b.eventually("all is well", func() bool { return b.status().Healthy() })
	})
}

// TestFaultK1NotListed: a manifest that the kubelet does not list for a minute is a problem, whatever the reason.
func TestFaultK1NotListed(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		b.cfg.ManifestsDir = b.path("run", "elsewhere")
		b.run()
		b.lay("specs.d/logger.yaml", logger("logger:1"))
		b.phase(api.PhaseStarting)
		sleep(50 * time.Second)
		if b.health("ManifestNotListed") {
			t.Error("told within a minute")
		}
		sleep(30 * time.Second)
		text, remedy := b.item("ManifestNotListed")
		if !strings.Contains(text, "daemonsetd-") || !strings.Contains(remedy, b.cfg.ManifestsDir) || b.status().Healthy() {
			t.Errorf("%q, %q; healthy %t", text, remedy, b.status().Healthy())
		}
		if d := b.daemonSet(); d.Phase != api.PhaseStarting || !strings.Contains(d.Message, "not listed") {
			t.Errorf("%s: %s", d.Phase, d.Message)
		}
		// It does not run, and the new one takes its place without being waited for.
		b.lay("specs.d/logger.yaml", logger("logger:2"))
		b.eventually("the new manifest", func() bool {
			st := b.daemonSet()
			return st.CurrentRevision == st.DesiredRevision && st.CurrentRevision != ""
		})
	})
}

// blip is how a kubelet answers for a time.
type blip struct {
	name    string
	fails   []string
	image   int
	restart bool
	lasts   time.Duration
}

// TestFaultK1Property: whatever subset of answers a kubelet gives, and under whatever names, two pods of one DaemonSet never run at once, and an available
// pod is never taken for one that is down. At the end all is as declared.
func TestFaultK1Property(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		paths := []string{"/pods", "/runningpods/", "/stats/summary", "/configz", "/healthz"}
		blips := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) blip {
			return blip{
				name:    rapid.SampledFrom([]string{"", "", "other", "node-10", "node-1.example.org"}).Draw(t, "name"),
				fails:   rapid.SliceOfNDistinct(rapid.SampledFrom(paths), 0, len(paths), rapid.ID).Draw(t, "fails"),
				image:   rapid.IntRange(1, 3).Draw(t, "image"),
				restart: rapid.IntRange(0, 3).Draw(t, "restart") == 0,
				lasts:   time.Duration(rapid.IntRange(1, 200).Draw(t, "tenths")) * 100 * time.Millisecond,
			}
		}), 1, 3).Draw(rt, "blips")
		var failure string
		synctest.Test(t, func(t *testing.T) {
			t.Cleanup(func() { time.Sleep(2 * time.Minute) })
			failure = playBlips(t, blips)
		})
		if failure != "" {
			rt.Fatal(failure)
		}
	})
}

// playBlips runs an agent through them and says what went wrong.
func playBlips(t *testing.T, blips []blip) string {
	t.Helper()
	b, w := newBed(t, kubeletsim.Options{}), &between{}
	stop := b.runBetween(w)
	b.lay("specs.d/logger.yaml", logger("logger:1"))
	b.phase(api.PhaseAvailable)
	file, readySince := "logger:1", time.Now()
	look := func() string {
		for _, v := range b.kubelet.Violations() {
			return v.String()
		}
		_, ready := b.runsImage(file)
		for i := 1; i <= 3; i++ {
			_, other := b.runsImage(fmt.Sprintf("logger:%d", i))
			ready = ready || other
		}
		if !ready {
			readySince = time.Time{}
		} else if readySince.IsZero() {
			readySince = time.Now()
		}
		v := b.agent.rounds.Latest()
		it := v.Item("default/logger")
		if it == nil || readySince.IsZero() || time.Since(readySince) < 20*time.Second || v.Now.Before(readySince) {
			return ""
		}
		if it.State.Phase == rollout.PhaseUnavailable {
			return fmt.Sprintf("the pod is ready since %s, and the rollout takes it for down", time.Since(readySince))
		}
		return ""
	}
	for _, blip := range blips {
		w.set(blip.name, blip.fails...)
		if blip.restart {
			stop()
			stop = b.runBetween(w)
		}
		file = fmt.Sprintf("logger:%d", blip.image)
		b.lay("specs.d/logger.yaml", logger(file))
		for end := time.Now().Add(blip.lasts); time.Now().Before(end); {
			sleep(500 * time.Millisecond)
			if failure := look(); failure != "" {
				return failure
			}
		}
	}
	w.set("")
	b.eventually("the pod of the last file is ready, and alone", func() bool {
		_, ready := b.runsImage(file)
		return ready && len(b.kubelet.Pods()) == 1 && look() == ""
	})
	return look()
}
