package spec

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/rs/zerolog"
)

// benchRig holds n files of one DaemonSet each, read by the real parser.
func benchRig(b *testing.B, n int) *rig {
	r := newRig(b)
	r.l.cfg.Logger = zerolog.Nop()
	r.l.parse = Parse
	for i := range n {
		r.write(benchFile(i), benchSpec(i, 0))
	}
	if snap := r.settle(); len(snap.DaemonSets) != n {
		b.Fatalf("%d DaemonSets in effect, want %d: %+v", len(snap.DaemonSets), n, snap.Files[0])
	}
	r.persist()
	return r
}

func benchFile(i int) string { return fmt.Sprintf("ds-%03d.yaml", i) }

func benchSpec(i, version int) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: DaemonSet
metadata: {name: ds-%03d, namespace: kube-system}
spec:
  selector: {matchLabels: {app: ds-%03[1]d}}
  template:
    metadata: {labels: {app: ds-%03[1]d}}
    spec:
      tolerations: [{operator: Exists}]
      containers:
      - name: main
        image: registry.example/main:%d
        args: [--node, worker]
        resources: {requests: {cpu: 10m, memory: 16Mi}}
`, i, version)
}

// BenchmarkLoad is one file renamed over of n: list, stat all, read and parse one, resolve.
func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{1, 20, 100} {
		b.Run(fmt.Sprintf("files=%d", n), func(b *testing.B) {
			r := benchRig(b, n)
			version := 0
			for b.Loop() {
				b.StopTimer()
				version++
				r.arrive(benchFile(n/2), benchSpec(n/2, version))
				b.StartTimer()
				if _, again := r.load(); again != 0 {
					b.Fatal("the file was not read at once")
				}
			}
		})
	}
}

// BenchmarkLoadUnchanged is the resync of a host where nothing happens.
func BenchmarkLoadUnchanged(b *testing.B) {
	for _, n := range []int{1, 20, 100} {
		b.Run(fmt.Sprintf("files=%d", n), func(b *testing.B) {
			r := benchRig(b, n)
			b.ReportAllocs()
			for b.Loop() {
				r.load()
			}
		})
	}
}

// BenchmarkRenameToSnapshot is from the rename, over the kernel's event, to the Snapshot that has the change.
func BenchmarkRenameToSnapshot(b *testing.B) {
	for _, n := range []int{1, 20, 100} {
		b.Run(fmt.Sprintf("files=%d", n), func(b *testing.B) {
			r := benchRig(b, n)
			ctx, cancel := context.WithCancel(b.Context())
			done := make(chan error, 1)
			go func() { done <- r.l.Watch(ctx) }()
			<-r.l.Wake()
			snap, _ := r.load()
			version := 0
			for b.Loop() {
				b.StopTimer()
				version++
				temp := r.path(".temp")
				r.must(os.WriteFile(temp, []byte(benchSpec(n/2, version)), 0o644))
				b.StartTimer()
				r.must(os.Rename(temp, r.path(benchFile(n/2))))
				for last := snap.DaemonSets; snap.DaemonSets[n/2] == last[n/2]; {
					<-r.l.Wake()
					snap, _ = r.load()
				}
			}
			cancel()
			r.must(<-done)
		})
	}
}

// BenchmarkPersist is what a changed file costs after its manifest is written.
func BenchmarkPersist(b *testing.B) {
	r := benchRig(b, 20)
	version := 0
	for b.Loop() {
		b.StopTimer()
		version++
		r.arrive(benchFile(10), benchSpec(10, version))
		r.load()
		b.StartTimer()
		r.persist()
	}
}
