package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/client"
	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

// patience is how long the demo waits for anything before it gives up.
const patience = 30 * time.Second

// machine is one host: a directory for what would be /etc, /var/lib and /run, a simulated kubelet and an agent.
type machine struct {
	name, dir string
	kubelet   *kubeletsim.Kubelet
	server    *kubeletsim.Server
	cancel    context.CancelFunc
	ended     chan error
	agent     *exec.Cmd
	log       *os.File
	client    *client.Client
}

type fleet struct {
	dir   string
	out   io.Writer
	hosts []*machine
}

// start brings up one host.
func (f *fleet) start(ctx context.Context, name string) error {
	m := &machine{name: name, dir: filepath.Join(f.dir, name), ended: make(chan error, 1)}
	f.hosts = append(f.hosts, m)
	for _, d := range []string{"specs.d", "manifests", "state", "run"} {
		if err := os.MkdirAll(filepath.Join(m.dir, d), 0o755); err != nil {
			return err
		}
	}
	var err error
	m.kubelet, err = kubeletsim.New(kubeletsim.Options{
		Dir: m.path("manifests"), NodeName: name,
		Behaviour: func(*corev1.Pod) kubeletsim.Behaviour { return kubeletsim.DefaultBehaviour() },
	})
	if err != nil {
		return err
	}
	run, cancel := context.WithCancel(ctx)
	m.cancel = cancel
	go func() { m.ended <- m.kubelet.Run(run) }()
	if m.server, err = m.kubelet.Listen(); err != nil {
		return err
	}
	if m.log, err = os.Create(m.path("agent.log")); err != nil {
		return err
	}
	m.agent = exec.Command(filepath.Join(f.dir, "bin", "daemonsetd"), "--specs-dir", m.path("specs.d"), "--node-file",
		m.path("node.yaml"), "--manifests-dir", m.path("manifests"),
		"--state-dir", m.path("state"), "--runtime-dir", m.path("run"), "--node-name", name, "--config", f.config(m),
		"--kubelet-config", m.path("kubelet.yaml"), "--kubelet-url", m.server.URL, "--kubelet-healthz-url",
		m.server.URL+"/healthz")
	m.agent.Stderr = m.log
	if err := m.agent.Start(); err != nil {
		return err
	}
	m.client = client.New(client.Config{Socket: m.path("run/agent.sock")})
	return f.until(ctx, name+" is ready", func() bool {
		st, err := m.client.Status(ctx)
		return err == nil && st.State == api.StateReady
	})
}

// config writes an empty configuration file, so that one of the machine's own is not read.
func (f *fleet) config(m *machine) string {
	path := m.path("daemonsetd.yaml")
	if err := os.WriteFile(path, []byte("# nothing set\n{}\n"), 0o600); err != nil {
		return os.DevNull
	}
	return path
}

func (m *machine) path(name string) string { return filepath.Join(m.dir, name) }

// lay puts a file on every host at once, as a configuration manager does: written beside and renamed into place.
func (f *fleet) lay(name string, data []byte) error {
	for _, m := range f.hosts {
		if err := m.lay(filepath.Join("specs.d", name), data); err != nil {
			return err
		}
	}
	return nil
}

func (m *machine) lay(name string, data []byte) error {
	temp := m.path(filepath.Dir(name) + "/." + filepath.Base(name) + ".new")
	if err := os.WriteFile(temp, data, 0o600); err != nil {
		return err
	}
	return os.Rename(temp, m.path(name))
}

// dsctl runs the real command and shows it with what it said.
func (f *fleet) dsctl(host string, args ...string) error {
	for _, m := range f.hosts {
		if m.name != host {
			continue
		}
		say(f.out, "%s# dsctl %s", host, strings.Join(args, " "))
		cmd := exec.Command(filepath.Join(f.dir, "bin", "dsctl"), append([]string{"--socket", m.path("run/agent.sock")},
			args...)...)
		out, err := cmd.CombinedOutput()
		for line := range strings.Lines(strings.ReplaceAll(string(out), m.dir, "")) {
			fmt.Fprint(f.out, "  ", line)
		}
		if ee, ok := errors.AsType[*exec.ExitError](err); ok && ee.ExitCode() == 1 {
			return nil // differences or an unhealthy host, which the scene is about
		}
		return err
	}
	return fmt.Errorf("no host %q", host)
}

// phases waits until a DaemonSet stands as given on each host; an empty phase is not waited for.
func (f *fleet) phases(ctx context.Context, key string, want ...string) error {
	return f.until(ctx, fmt.Sprintf("%s is %v", key, want), func() bool {
		for i, m := range f.hosts {
			if want[i] != "" && m.phase(ctx, key).Phase != want[i] {
				return false
			}
		}
		return true
	})
}

func (m *machine) phase(ctx context.Context, key string) api.DaemonSetStatus {
	st, err := m.client.Status(ctx)
	if err != nil {
		return api.DaemonSetStatus{}
	}
	for _, d := range st.DaemonSets {
		if d.Name == key {
			return d
		}
	}
	return api.DaemonSetStatus{}
}

// until asks again and again, with patience.
func (f *fleet) until(ctx context.Context, what string, ok func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited for %s in vain: %w; the agents' logs are in %s until the demo ends", what, ctx.Err(),
				f.dir)
		case <-tick.C:
		}
	}
	return nil
}

// table prints every DaemonSet on every host.
func (f *fleet) table() {
	w := tabwriter.NewWriter(f.out, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "DAEMONSET")
	rows := map[string][]string{}
	var order []string
	for i, m := range f.hosts {
		fmt.Fprint(w, "\t", strings.ToUpper(m.name))
		st, err := m.client.Status(context.Background())
		if err != nil {
			continue
		}
		for _, d := range st.DaemonSets {
			if rows[d.Name] == nil {
				rows[d.Name] = make([]string, len(f.hosts))
				order = append(order, d.Name)
			}
			rows[d.Name][i] = cell(d)
		}
	}
	fmt.Fprintln(w)
	for _, key := range order {
		fmt.Fprintln(w, key+"\t"+strings.Join(rows[key], "\t"))
	}
	_ = w.Flush()
}

func cell(d api.DaemonSetStatus) string {
	if d.CurrentRevision == "" {
		return d.Phase
	}
	return d.Phase + " " + d.CurrentRevision
}

func (f *fleet) violations() []string {
	var out []string
	for _, m := range f.hosts {
		for _, e := range m.kubelet.Violations() {
			out = append(out, m.name+": "+e.String())
		}
	}
	return out
}

// wait leaves everything running until it is interrupted.
func (f *fleet) wait(ctx context.Context) error {
	say(f.out, "\nLeft running. Look at it, in another terminal:\n")
	for _, m := range f.hosts {
		say(f.out, "  export DAEMONSETD_SOCKET=%s", m.path("run/agent.sock"))
	}
	say(f.out, "  export PATH=%s:$PATH\n  dsctl status; dsctl explain; dsctl events -w\n  files: %s/*/specs.d, "+
		"manifests, agent.log\n\nInterrupt (Ctrl-C) to end and remove it.", filepath.Join(f.dir, "bin"), f.dir)
	<-ctx.Done()
	return nil
}

// stop ends every agent and kubelet.
func (f *fleet) stop() error {
	var errs []error
	for _, m := range f.hosts {
		if m.agent != nil && m.agent.Process != nil {
			errs = append(errs, m.agent.Process.Signal(syscall.SIGTERM))
			if err := m.agent.Wait(); err != nil {
				errs = append(errs, fmt.Errorf("agent of %s: %w", m.name, err))
			}
		}
		if m.server != nil {
			errs = append(errs, m.server.Close())
		}
		if m.cancel != nil {
			m.cancel()
			if err := <-m.ended; !errors.Is(err, context.Canceled) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

func mkdir(path string) error  { return os.MkdirAll(path, 0o755) }
func remove(path string) error { return os.Remove(path) }
