package bench

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

// build makes the real binary.
func build(b *testing.B) string {
	b.Helper()
	bin := filepath.Join(b.TempDir(), "daemonsetd")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", bin, "github.com/daemonsetd/daemonsetd/cmd/daemonsetd")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return bin
}

// process starts the real agent on the rig's directories, with a simulated kubelet.
func (r *rig) process(bin string, more ...string) *exec.Cmd {
	r.b.Helper()
	c := r.config()
	k, err := kubeletsim.New(kubeletsim.Options{Dir: c.ManifestsDir, NodeName: c.NodeName})
	if err != nil {
		r.b.Fatal(err)
	}
	go func() { _ = k.Run(r.b.Context()) }()
	server, err := k.Listen()
	if err != nil {
		r.b.Fatal(err)
	}
	r.b.Cleanup(func() { _ = server.Close() })
	r.lay("daemonsetd.yaml", "{}\n") // so that one of this machine is not read
	cmd := exec.Command(bin, "--config", filepath.Join(r.dir, "daemonsetd.yaml"), "--specs-dir", c.SpecsDir, "--node-file", c.NodeFile, "--manifests-dir", c.ManifestsDir, "--state-dir", c.StateDir,
		"--runtime-dir", c.RuntimeDir, "--node-name", c.NodeName, "--kubelet-config", c.Kubelet.Config, "--kubelet-url", server.URL, "--kubelet-healthz-url", server.URL+"/healthz")
	cmd.Args = append(cmd.Args, more...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		r.b.Fatal(err)
	}
	r.b.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			r.b.Errorf("%v\n%s", err, stderr.String())
		}
	})
	return cmd
}

// BenchmarkStart is the time from the start of the process to the first manifest, the files having been there before.
func BenchmarkStart(b *testing.B) {
	bin := build(b)
	var took []time.Duration
	for range 20 {
		r := newRig(b, map[string]string{"ds-000.yaml": daemonSet("ds-000", "")})
		<-time.After(300 * time.Millisecond) // older than the time that a file in writing is given
		begin := time.Now()
		r.process(bin)
		took = append(took, r.appears("ds-000").Sub(begin))
	}
	slices.Sort(took)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(took[len(took)/2].Milliseconds()), "p50-ms")
	b.ReportMetric(float64(took[len(took)-1].Milliseconds()), "max-ms")
	b.ReportMetric(100, "ms-bar")
}

// BenchmarkIdle is the memory and the processor time of an agent with 20 DaemonSets of which all run, at rest.
func BenchmarkIdle(b *testing.B) {
	bin := build(b)
	files := map[string]string{}
	for i := range 20 {
		name := fmt.Sprintf("ds-%03d", i)
		files[name+".yaml"] = daemonSet(name, "")
	}
	r := newRig(b, files)
	<-time.After(300 * time.Millisecond)
	cmd := r.process(bin)
	r.appears("ds-019")
	<-time.After(15 * time.Second) // the kubelet is asked often for a while after a change
	const period = 20 * time.Second
	before := cpu(b, cmd.Process.Pid)
	<-time.After(period)
	used := cpu(b, cmd.Process.Pid) - before
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(rss(b, cmd.Process.Pid), "rss-MiB")
	b.ReportMetric(25, "rss-MiB-bar")
	b.ReportMetric(100*used.Seconds()/period.Seconds(), "cpu-%")
	b.ReportMetric(0.3, "cpu-%-bar")
}

// cpu is the processor time of a process so far, proc(5).
func cpu(b *testing.B, pid int) time.Duration {
	b.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	const utime, stime, hertz = 11, 12, 100
	ticks := 0
	for _, i := range []int{utime, stime} {
		n, err := strconv.Atoi(fields[i])
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / hertz
}

// rss is the resident memory of a process in MiB, peak the most that it was, and file the part of it that is the binary, which
// the kernel can give away.
func rss(b *testing.B, pid int) float64  { return memory(b, pid, "VmRSS:") }
func peak(b *testing.B, pid int) float64 { return memory(b, pid, "VmHWM:") }
func file(b *testing.B, pid int) float64 { return memory(b, pid, "RssFile:") }

func memory(b *testing.B, pid int, field string) float64 {
	b.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, field); ok {
			kib, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				b.Fatal(err)
			}
			return float64(kib) / 1024
		}
	}
	b.Fatalf("no %s", field)
	return 0
}
