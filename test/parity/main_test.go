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
	"github.com/daemonsetd/daemonsetd/test/parity/apiserver"
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
	server                       apiserver.Programs
	controllerManager, scheduler string
	kubelet, daemonsetd, probe   string
}

// buildPrograms builds them into bin/e2e, one after the other, where the next run finds them up to date.
func buildPrograms(t *testing.T) programs {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	server, err := apiserver.BuildPrograms(interrupted, root)
	if err != nil {
		t.Fatal(err)
	}
	controlPlane := func(name string) string {
		path, err := apiserver.Build(interrupted, root, name, "k8s.io/kubernetes/cmd/"+name)
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	return programs{
		server:            server,
		controllerManager: controlPlane("kube-controller-manager"),
		scheduler:         controlPlane("kube-scheduler"),
		kubelet:           build(t, root, "kubelet", "test/e2e/kubelet", "k8s.io/kubernetes/cmd/kubelet"),
		daemonsetd:        build(t, root, "daemonsetd", ".", "./cmd/daemonsetd"),
		probe:             build(t, root, "probe", ".", "./test/parity/probe"),
	}
}

// build builds the package of the module in dir, which is relative to the repository's root, as the end-to-end tests do,
// which share the kubelet and the agent.
func build(t *testing.T, root, name, dir, pkg string) string {
	t.Helper()
	out := filepath.Join(root, "bin", "e2e", name)
	cmd := exec.CommandContext(interrupted, "go", "build", "-trimpath", "-buildvcs=false", "-o", out, pkg)
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
