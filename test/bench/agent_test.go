package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/rs/zerolog"

	"github.com/daemonsetd/daemonsetd/agent"
	"github.com/daemonsetd/daemonsetd/agent/config"
	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// rig is an agent in this process on temporary directories, and a watch on the manifests directory.
type rig struct {
	b       *testing.B
	dir     string
	watcher *fsnotify.Watcher
	labels  []string
}

func newRig(b *testing.B, files map[string]string) *rig {
	b.Helper()
	dir, err := os.MkdirTemp("", "dsb")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	r := &rig{b: b, dir: dir}
	for _, d := range []string{"specs.d", "manifests", "state", "run"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			b.Fatal(err)
		}
	}
	for name, text := range files {
		r.lay("specs.d/"+name, text)
	}
	if r.watcher, err = fsnotify.NewWatcher(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = r.watcher.Close() })
	if err := r.watcher.Add(filepath.Join(dir, "manifests")); err != nil {
		b.Fatal(err)
	}
	return r
}

func (r *rig) config() config.Config {
	c := config.Default()
	p := func(name string) string { return filepath.Join(r.dir, name) }
	c.SpecsDir, c.NodeFile, c.ManifestsDir, c.StateDir, c.RuntimeDir, c.NodeName = p("specs.d"), p("node.yaml"), p("manifests"), p("state"), p("run"), "bench"
	c.Kubelet.Config, c.Kubelet.AssumeReady = p("kubelet.yaml"), true
	if err := c.Complete(); err != nil {
		r.b.Fatal(err)
	}
	return c
}

// start runs the agent until the returned function is called.
func (r *rig) start() (stop func()) {
	r.b.Helper()
	a, err := agent.New(agent.Options{Config: r.config(), Logger: zerolog.Nop()})
	if err != nil {
		r.b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			r.b.Error(err)
		}
	}
}

// lay renames a file into place and returns when that was.
func (r *rig) lay(name, text string) time.Time {
	r.b.Helper()
	path := filepath.Join(r.dir, name)
	temp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
	if err := os.WriteFile(temp, []byte(text), 0o644); err != nil {
		r.b.Fatal(err)
	}
	begin := time.Now()
	if err := os.Rename(temp, path); err != nil {
		r.b.Fatal(err)
	}
	return begin
}

// appears waits for a manifest of the DaemonSet to be renamed into place.
func (r *rig) appears(name string) time.Time {
	r.b.Helper()
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	wanted := render.FileName("default", name, "*")
	for {
		select {
		case ev := <-r.watcher.Events:
			if is, _ := filepath.Match(wanted, filepath.Base(ev.Name)); is && ev.Has(fsnotify.Create) {
				return time.Now()
			}
		case <-limit.C:
			r.b.Fatalf("no manifest of %s", name)
		}
	}
}

// pause lets the agent come to rest between two samples, so that each is a change on an idle host.
func pause() { <-time.After(30 * time.Millisecond) }

func daemonSet(name, selector string) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: DaemonSet
metadata: {name: %[1]s, annotations: {daemonsetd.io/soak: 0s}}
spec:
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      nodeSelector: {%[2]s}
      containers:
        - name: main
          image: registry.example.com/%[1]s:1.0
          args: [--verbose]
          resources: {requests: {cpu: 10m, memory: 20Mi}}
          volumeMounts: [{name: host, mountPath: /host, readOnly: true}]
      volumes: [{name: host, hostPath: {path: /}}]
`, name, selector)
}

// fleetOf returns n DaemonSets, each of which waits for a label of its own.
func fleetOf(n int) map[string]string {
	files := map[string]string{}
	for i := range n {
		name := fmt.Sprintf("ds-%03d", i)
		files[name+".yaml"] = daemonSet(name, fmt.Sprintf("label-%03d: \"1\"", i))
	}
	return files
}

// labelNext gives the node one more label.
func (r *rig) labelNext(i int) time.Time {
	r.labels = append(r.labels, fmt.Sprintf("    label-%03d: \"1\"\n", i))
	return r.lay("node.yaml", "apiVersion: v1\nkind: Node\nmetadata:\n  labels:\n"+strings.Join(r.labels, ""))
}

const samples = 100

// BenchmarkLabelToManifest is the time from a node file renamed into place to the manifest renamed into place.
func BenchmarkLabelToManifest(b *testing.B) {
	for _, n := range []int{1, 20, 100} {
		b.Run(fmt.Sprintf("daemonsets=%d", n), func(b *testing.B) {
			var took []time.Duration
			for len(took) < samples {
				took = append(took, labelRound(b, n, min(n, samples-len(took)))...)
			}
			report(b, took)
		})
	}
}

// labelRound labels an agent's node until so many manifests have appeared.
func labelRound(b *testing.B, n, count int) []time.Duration {
	r := newRig(b, fleetOf(n))
	stop := r.start()
	defer stop()
	<-time.After(300 * time.Millisecond) // the files have been still for long enough
	var took []time.Duration
	for i := range count {
		pause()
		begin := r.labelNext(i)
		took = append(took, r.appears(fmt.Sprintf("ds-%03d", i)).Sub(begin))
	}
	return took
}

// BenchmarkSpecToManifest is the time from a spec file renamed into place to its manifest renamed into place, with that
// many other DaemonSets declared.
func BenchmarkSpecToManifest(b *testing.B) {
	for _, n := range []int{1, 20, 100} {
		b.Run(fmt.Sprintf("daemonsets=%d", n), func(b *testing.B) {
			var took []time.Duration
			for len(took) < samples {
				r := newRig(b, fleetOf(n))
				stop := r.start()
				<-time.After(300 * time.Millisecond)
				for i := range 10 {
					pause()
					name := fmt.Sprintf("new-%03d", i)
					begin := r.lay("specs.d/"+name+".yaml", daemonSet(name, ""))
					took = append(took, r.appears(name).Sub(begin))
				}
				stop()
			}
			report(b, took)
		})
	}
}

// report prints the percentiles beside the bars.
func report(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	at := func(p float64) float64 {
		return float64(took[min(int(p*float64(len(took))), len(took)-1)].Microseconds()) / 1000
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(at(0.5), "p50-ms")
	b.ReportMetric(3, "p50-ms-bar")
	b.ReportMetric(at(0.99), "p99-ms")
	b.ReportMetric(15, "p99-ms-bar")
}
