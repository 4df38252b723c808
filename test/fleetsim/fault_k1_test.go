package fleetsim_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/test/fleetsim"
	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

// gaps is what is wrong with the answers of the hosts' kubelets, while those go on as ever.
type gaps struct {
	mu sync.Mutex
	f  *fleetsim.Fleet
	of map[int]gap
}

// gap is what is wrong with one of them.
type gap struct {
	// name is what it calls its node; empty: as the agent does.
	name string
	// machine is the host whose kubelet answers in its place, but for its health; nil: its own.
	machine *fleetsim.Host
	// fails are the paths that answer with an error.
	fails string
}

func (g *gaps) set(host int, with gap) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.of == nil {
		g.of = map[int]gap{}
	}
	g.of[host] = with
}

func (g *gaps) ask(host int, r *http.Request, next http.RoundTripper) (*http.Response, error) {
	g.mu.Lock()
	with := g.of[host]
	g.mu.Unlock()
	if with.machine != nil && r.URL.Path != "/healthz" {
		next = with.machine.Kubelet.Transport()
	}
	res, err := next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if with.fails != "" && strings.Contains(with.fails, r.URL.Path) {
		res.StatusCode = http.StatusMethodNotAllowed
	}
	body, err := io.ReadAll(res.Body)
	if name := g.f.Hosts[host].Name; with.name != "" {
		body = bytes.ReplaceAll(body, []byte(name), []byte(with.name))
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, err
}

// twice fails the test where two pods of the DaemonSet ran at once.
func twice(t *testing.T, f *fleetsim.Fleet) {
	t.Helper()
	for _, h := range f.Hosts {
		for _, v := range h.Kubelet.Violations() {
			if v.Kind == kubeletsim.KindOverlap {
				t.Errorf("%s: %s", h.Name, v)
			}
		}
	}
}

// TestFaultK1: whatever subset of answers the kubelets of four hosts give, and under whatever names, no pod is taken for down or gone that is not: the
// budget of one holds, and two pods of the DaemonSet never run at once. When they answer again, the rollout comes to its end.
func TestFaultK1(t *testing.T) {
	everywhere := func(with gap) func(g *gaps) {
		return func(g *gaps) {
			for i := range g.f.Hosts {
				g.set(i, with)
			}
		}
	}
	for name, c := range map[string]struct {
		begin func(g *gaps)
		// still: nothing is replaced meanwhile.
		still bool
		// restart: the agents are.
		restart bool
	}{
		"other names":                      {begin: everywhere(gap{name: "other"}), still: true},
		"other names, only the lists tell": {begin: everywhere(gap{name: "other", fails: "/stats/summary /configz"}), still: true, restart: true},
		"other names, no list of pods":     {begin: everywhere(gap{name: "other", fails: "/pods"}), still: true, restart: true},
		"another machine's": {begin: func(g *gaps) {
			for i := range g.f.Hosts {
				g.set(i, gap{machine: g.f.Hosts[(i+1)%len(g.f.Hosts)]})
			}
		}, still: true, restart: true},
		"running pods are not told": {begin: everywhere(gap{fails: "/runningpods/"})},
		"only the health is told":   {begin: everywhere(gap{fails: "/pods /runningpods/ /stats/summary /configz"}), restart: true},
	} {
		t.Run(name, func(t *testing.T) {
			g := &gaps{}
			rolls(t, fleetsim.Config{Hosts: 4, Between: g.ask}, plain, func(t *testing.T, f *fleetsim.Fleet) {
				c.begin(g)
				if c.restart {
					f.Age()
				}
				f.Step(20 * time.Second)
				f.LayAll("logger.yaml", plain("logger:2"))
				began := time.Now()
				watch(t, f, 1, 10*time.Minute, func() bool { return time.Since(began) > 3*time.Minute })
				if n := f.Count(key, "logger:1"); c.still && n != 4 {
					t.Errorf("%d of 4 pods were left alone", n)
				}
				everywhere(gap{})(g)
				watch(t, f, 1, 30*time.Minute, func() bool { return f.Count(key, "logger:2") == 4 })
				twice(t, f)
			}, func(f *fleetsim.Fleet) { g.f = f })
		})
	}
}
