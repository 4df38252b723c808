//go:build parity

package parity

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/daemonsetd/daemonsetd/test/e2e/host"
)

// interrupted ends when somebody wants the tests to end.
var interrupted context.Context

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if err := prepare(); err != nil {
		fmt.Fprintln(os.Stderr, "parity:", err)
		return 1
	}
	var stop context.CancelFunc
	interrupted, stop = signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return m.Run()
}

// prepare removes what a run that was cut short left behind and looks for what is needed.
func prepare() error {
	if os.Getuid() != 0 {
		return errors.New("a kubelet needs root")
	}
	for _, program := range []string{"containerd", "ctr", "runc", "/bin/busybox", "/usr/lib/cni/ptp"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%w: install the Debian packages containerd, runc, busybox-static, containernetworking-plugins", err)
		}
	}
	return host.Sweep()
}

// programs has the paths of everything that is built for the tests.
type programs struct {
	etcd, apiserver, controllerManager, scheduler string
	kubelet, daemonsetd, probe                    string
}

// buildPrograms builds them into bin/e2e, one after the other, where the next run finds them up to date.
func buildPrograms(t *testing.T) programs {
	t.Helper()
	const controlPlane = "test/parity/controlplane"
	return programs{
		etcd:              build(t, "etcd", controlPlane, "go.etcd.io/etcd/server/v3"),
		apiserver:         build(t, "kube-apiserver", controlPlane, "k8s.io/kubernetes/cmd/kube-apiserver"),
		controllerManager: build(t, "kube-controller-manager", controlPlane, "k8s.io/kubernetes/cmd/kube-controller-manager"),
		scheduler:         build(t, "kube-scheduler", controlPlane, "k8s.io/kubernetes/cmd/kube-scheduler"),
		kubelet:           build(t, "kubelet", "test/e2e/kubelet", "k8s.io/kubernetes/cmd/kubelet"),
		daemonsetd:        build(t, "daemonsetd", ".", "./cmd/daemonsetd"),
		probe:             build(t, "probe", ".", "./test/parity/probe"),
	}
}

// build builds the package of the module in dir, which is relative to the repository's root.
func build(t *testing.T, name, dir, pkg string) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(root, "bin", "e2e", name)
	args := []string{"build", "-trimpath", "-buildvcs=false", "-o", out}
	// The kubelet and the agent are shared with the end-to-end tests, which build them like this.
	if dir == "test/parity/controlplane" {
		args = append(args, "-ldflags=-s -w")
	}
	cmd := exec.CommandContext(interrupted, "go", append(args, pkg)...)
	cmd.Dir = filepath.Join(root, dir)
	// The probe runs in an image without libraries.
	if name == "probe" {
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	}
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", pkg, err, text)
	}
	return out
}
