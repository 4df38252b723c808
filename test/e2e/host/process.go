package host

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Run starts a program on the host, its output appended to the file log. The host's end is its end.
func (h *Host) Run(log string, args ...string) (*Process, error) {
	return h.RunIn(h.opts.Network, log, args...)
}

// RunIn is as Run, in the network namespace of that path.
func (h *Host) RunIn(network, log string, args ...string) (*Process, error) {
	return startProcess(command{args: args, network: network, log: log, cgroup: h.cgroups.daemons})
}

// Process is a program that runs in the background, its output in a file.
type Process struct {
	name   string
	cmd    *exec.Cmd
	log    string
	exited chan struct{}
	err    error
}

// command says what to start.
type command struct {
	args []string
	// network is the path of the network namespace to start in; empty: that of the tests.
	network string
	// log takes standard output and error, appended.
	log string
	// cgroup is the group to start in.
	cgroup *os.File
}

// startProcess starts the program in a process group of its own, so that an interrupt at the terminal reaches the tests
// and not it.
func startProcess(c command) (*Process, error) {
	out, err := os.OpenFile(c.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	args := enter(c.network, c.args)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, UseCgroupFD: true, CgroupFD: int(c.cgroup.Fd())}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %q: %w", c.args[0], err)
	}
	p := &Process{name: filepath.Base(c.args[0]), cmd: cmd, log: c.log, exited: make(chan struct{})}
	go func() {
		defer close(p.exited)
		p.err = cmd.Wait()
	}()
	return p, nil
}

// Log is the path of the file with the process's output.
func (p *Process) Log() string { return p.log }

// Alive returns an error when the process has ended.
func (p *Process) Alive() error {
	select {
	case <-p.exited:
		return fmt.Errorf("%s ended: %w", p.name, errOrExit(p.err))
	default:
		return nil
	}
}

// errOrExit gives an exit with status 0 a name.
func errOrExit(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

// Kill ends the process with SIGKILL and waits until it is gone.
func (p *Process) Kill() error { return p.end(syscall.SIGKILL, stopTimeout) }

// Stop asks the process to end and kills it after timeout; that it had to be killed is an error. Stopping a process
// that has ended is none.
func (p *Process) Stop(timeout time.Duration) error { return p.end(syscall.SIGTERM, timeout) }

// ExitErr is nil while the process runs and when it ended with status 0.
func (p *Process) ExitErr() error {
	select {
	case <-p.exited:
		return p.err
	default:
		return nil
	}
}

// Signal sends a signal.
func (p *Process) Signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

func (p *Process) end(sig syscall.Signal, timeout time.Duration) error {
	if err := p.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-p.exited:
		return nil
	case <-timer.C:
	}
	err := fmt.Errorf("%s did not end within %s of signal %q", p.name, timeout, sig)
	if kill := p.Signal(syscall.SIGKILL); kill != nil {
		return errors.Join(err, kill)
	}
	<-p.exited
	return err
}

// Tail gives the last lines of a file, for an error message; the reason why it cannot be read otherwise.
func Tail(path string, lines int) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
