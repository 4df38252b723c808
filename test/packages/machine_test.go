//go:build packages

package packages

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/test/e2e/host"
)

// bootLimit is how long a container may take to boot, and stopLimit how long to power off, on a busy machine.
const (
	bootLimit = 2 * time.Minute
	stopLimit = 30 * time.Second
)

// machine is a root that systemd was booted in.
type machine struct {
	root
	name  string
	nspwn *exec.Cmd
	// init is the container's first process.
	init int
	log  *os.File
	// ended is closed when the container is gone.
	ended chan struct{}
	once  sync.Once
	err   error
}

// machines are those that run, for an end in the middle.
var machines running

type running struct {
	mu  sync.Mutex
	all []*machine
}

func (r *running) add(m *machine) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, m)
}

func (r *running) stopAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.all {
		_ = m.stop()
	}
}

// boot starts systemd in the root, in namespaces of its own and with no network but loopback.
func boot(t *testing.T, r root) *machine {
	t.Helper()
	m := &machine{root: r, name: fmt.Sprintf("daemonsetd-%d-%d", os.Getpid(), time.Now().UnixNano()%1e6)}
	var err error
	if m.log, err = os.Create(filepath.Join(filepath.Dir(r.dir), "console")); err != nil {
		t.Fatal(err)
	}
	m.nspwn = exec.Command("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network", "--link-journal=no", "--machine="+m.name,
		// systemd from 256 on does not boot on the old cgroups, which the machine under test may have, without being told to.
		"--setenv=SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1", "--directory="+r.dir, "--boot")
	m.nspwn.Env = append(os.Environ(), "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1")
	m.nspwn.Stdout, m.nspwn.Stderr = m.log, m.log
	if err := m.nspwn.Start(); err != nil {
		t.Fatal(err)
	}
	m.ended = make(chan struct{})
	go func() {
		_ = m.nspwn.Wait()
		close(m.ended)
	}()
	machines.add(m)
	t.Cleanup(func() {
		if err := m.stop(); err != nil {
			t.Errorf("stopping the container: %v", err)
		}
		if t.Failed() {
			t.Logf("console:\n%s", readFile(t, m.log.Name()))
		}
	})
	host.Eventually(t, bootLimit, func(context.Context) error {
		select {
		case <-m.ended:
			t.Fatal("the container ended while it booted")
		default:
		}
		if err := m.find(); err != nil {
			return err
		}
		// "degraded" is as good: units that a container cannot have.
		if out, _ := m.try(t, "systemctl", "is-system-running"); !strings.Contains("running degraded", strings.TrimSpace(out)) || out == "" {
			return fmt.Errorf("systemd is %q", out)
		}
		return nil
	})
	return m
}

// find looks for the container's first process, the one child of systemd-nspawn.
func (m *machine) find() error {
	pid := strconv.Itoa(m.nspwn.Process.Pid)
	children, err := os.ReadFile("/proc/" + pid + "/task/" + pid + "/children")
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(children), " ")
	m.init, err = strconv.Atoi(first)
	return err
}

// stop powers the container off, and kills it where that takes too long.
func (m *machine) stop() error {
	m.once.Do(func() {
		_ = m.nspwn.Process.Signal(syscall.SIGTERM)
		limit := time.NewTimer(stopLimit)
		defer limit.Stop()
		select {
		case <-m.ended:
		case <-limit.C:
			m.err = errors.New("it had to be killed")
			if m.init > 0 {
				_ = syscall.Kill(m.init, syscall.SIGKILL)
			}
			_ = m.nspwn.Process.Kill()
			<-m.ended
		}
		_ = os.Remove("/run/systemd/nspawn/propagate/" + m.name)
		m.err = errors.Join(m.err, m.log.Close())
	})
	return m.err
}

// try runs a program in the container and gives what it said and its exit code.
func (m *machine) try(t *testing.T, args ...string) (string, int) {
	t.Helper()
	pid := strconv.Itoa(m.init)
	return output(t, exec.Command("nsenter", append([]string{"--target", pid, "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd"}, args...)...))
}

// must is try for a program that has to succeed.
func (m *machine) must(t *testing.T, args ...string) string {
	t.Helper()
	out, code := m.try(t, args...)
	if code != 0 {
		t.Fatalf("%v ended with %d:\n%s\njournal:\n%s", args, code, out, m.journal(t))
	}
	return out
}

func (m *machine) journal(t *testing.T) string {
	t.Helper()
	out, _ := m.try(t, "journalctl", "--no-pager", "--unit", unit, "--lines", "60")
	return out
}

// property gives a property of the unit as systemctl show prints it.
func (m *machine) property(t *testing.T, name string) string {
	t.Helper()
	return strings.TrimSpace(m.must(t, "systemctl", "show", "--property="+name, "--value", unit))
}

// until waits for something that the container does by itself.
func (m *machine) until(t *testing.T, f func() error) {
	t.Helper()
	host.Eventually(t, time.Minute, func(context.Context) error { return f() })
}
