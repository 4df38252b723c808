//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/daemonsetd/daemonsetd/test/e2e/host"
)

// machine is the one host of the package, started by the first test that wants it.
var machine struct {
	once sync.Once
	host *host.Host
	err  error
}

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if err := prepare(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-interrupted
		fmt.Fprintln(os.Stderr, "e2e: interrupted:", stopMachine())
		os.Exit(1)
	}()
	code := m.Run()
	if err := stopMachine(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e: stopping the host:", err)
		code = 1
	}
	return code
}

// prepare removes what a run that was cut short left behind and looks for what is needed.
func prepare() error {
	if os.Getuid() != 0 {
		return errors.New("a kubelet needs root")
	}
	for _, program := range []string{"containerd", "ctr", "runc", "/bin/busybox", "/usr/lib/cni/ptp", "ip", "nsenter"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%w: install the Debian packages containerd, runc, busybox-static, containernetworking-plugins, iproute2, util-linux", err)
		}
	}
	return host.Sweep()
}

func stopMachine() error {
	machine.once.Do(func() { machine.err = errors.New("the tests are over") })
	if machine.host == nil {
		return nil
	}
	return machine.host.Stop()
}

// startMachine gives the host that all tests share.
func startMachine(t *testing.T) *host.Host {
	t.Helper()
	machine.once.Do(func() {
		kubelet := buildProgram(t, "test/e2e/kubelet", "k8s.io/kubernetes/cmd/kubelet")
		machine.host, machine.err = host.Start(context.WithoutCancel(t.Context()), host.Options{Kubelet: kubelet})
	})
	if machine.err != nil {
		t.Fatalf("starting the host: %v", machine.err)
	}
	return machine.host
}

// buildProgram builds a program of the module in dir (relative to the repository's root) into bin/e2e, where the next run
// finds it up to date.
func buildProgram(t *testing.T, dir, pkg string) string {
	t.Helper()
	return buildAs(t, filepath.Base(pkg), dir, pkg)
}

// buildAs is buildProgram with another name and more flags.
func buildAs(t *testing.T, name, dir, pkg string, flags ...string) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(root, "bin", "e2e", name)
	args := append([]string{"build", "-trimpath", "-buildvcs=false", "-o", out}, flags...)
	cmd := exec.CommandContext(t.Context(), "go", append(args, pkg)...)
	cmd.Dir = filepath.Join(root, dir)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", pkg, err, text)
	}
	return out
}
