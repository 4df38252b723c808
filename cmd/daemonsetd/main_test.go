package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"daemonsetd": main})
}

// dsctl is built once, as another program: package main cannot be imported from here.
func buildDsctl(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", filepath.Join(dir, "dsctl"), "github.com/daemonsetd/daemonsetd/cmd/dsctl")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

// TestScripts runs the real programs as an operator does. The socket's path is short because the kernel wants it so.
func TestScripts(t *testing.T) {
	bin := buildDsctl(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			run, err := os.MkdirTemp("", "dss")
			if err != nil {
				return err
			}
			env.Defer(func() { _ = os.RemoveAll(run) })
			env.Setenv("RUN", run)
			env.Setenv("DAEMONSETD_SOCKET", filepath.Join(run, "agent.sock"))
			env.Setenv("PATH", bin+string(filepath.ListSeparator)+env.Getenv("PATH"))
			env.Setenv("NO_COLOR", "1")
			return os.MkdirAll(filepath.Join(env.WorkDir, "manifests"), 0o755)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"until": until, "kubelet": kubelet, "hangup": hangup,
		},
		UpdateScripts: os.Getenv("UPDATE_SNAPSHOTS") == "1",
	})
}

// until runs a command again and again until it succeeds and its standard output contains the first argument; with !
// until it does not.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: until TEXT COMMAND...")
	}
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		_ = ts.Exec(args[1], args[2:]...) // it may fail, as dsctl does before the agent is there
		out := ts.ReadFile("stdout") + ts.ReadFile("stderr")
		if strings.Contains(out, args[0]) != neg {
			return
		}
		select {
		case <-limit.C:
			ts.Fatalf("waited in vain for %q (%v) from %v; it said:\n%s", args[0], !neg, args[1:], out)
		case <-tick.C:
		}
	}
}

// kubelet [NODE DIRECTORY VARIABLE] starts a simulated kubelet of edge-1 on $WORK/manifests and sets $KUBELET to its address, or
// one of another node. An image that has "exits" in its name is a program that ends soon after each start.
func kubelet(ts *testscript.TestScript, _ bool, args []string) {
	node, dir, variable := "edge-1", "manifests", "KUBELET"
	if len(args) == 3 {
		node, dir, variable = args[0], args[1], args[2]
	}
	k, err := kubeletsim.New(kubeletsim.Options{
		Dir: ts.MkAbs(dir), NodeName: node, Behaviour: func(pod *corev1.Pod) kubeletsim.Behaviour {
			b := kubeletsim.DefaultBehaviour()
			if strings.Contains(pod.Spec.Containers[0].Image, "exits") {
				b.Exit = 500 * time.Millisecond
			}
			return b
		},
	})
	ts.Check(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = k.Run(ctx) }()
	server, err := k.Listen()
	ts.Check(err)
	ts.Defer(func() {
		_ = server.Close()
		cancel()
		<-done
	})
	ts.Setenv(variable, server.URL)
}

// hangup sends SIGHUP to the process whose number is in a file.
func hangup(ts *testscript.TestScript, _ bool, args []string) {
	pid, err := strconv.Atoi(strings.TrimSpace(ts.ReadFile(args[0])))
	ts.Check(err)
	p, err := os.FindProcess(pid)
	ts.Check(err)
	ts.Check(p.Signal(hangupSignal))
}
