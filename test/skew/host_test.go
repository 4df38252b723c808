//go:build skew

package skew

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

// binaries are those of one version.
type binaries struct{ daemonsetd, dsctl string }

// build makes the binaries of a commit, or of the tree as it is where none is named.
func build(t *testing.T, commit string) binaries {
	t.Helper()
	source, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if commit != "" {
		archive := filepath.Join(t.TempDir(), "source.tar")
		command(t, source, "git", "archive", "--output", archive, commit)
		source = t.TempDir()
		command(t, source, "tar", "-xf", archive)
	}
	bin := t.TempDir()
	command(t, source, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", bin+"/", "./cmd/daemonsetd", "./cmd/dsctl")
	return binaries{daemonsetd: filepath.Join(bin, "daemonsetd"), dsctl: filepath.Join(bin, "dsctl")}
}

// command runs one that has to succeed, and gives what it printed.
func command(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return string(out)
}

// host is one with a simulated kubelet that goes on while agents come and go.
type host struct {
	t       *testing.T
	name    string
	dir     string
	kubelet *kubeletsim.Kubelet
	server  *kubeletsim.Server

	version binaries
	agent   *exec.Cmd
	log     bytes.Buffer
}

// address is where the agent of the i-th host gossips: on a loopback address of its own.
func address(i int) string { return fmt.Sprintf("127.77.48.%d:17948", i+1) }

// newHosts makes hosts that know where all of them are, with one gossip key and no agent yet.
func newHosts(t *testing.T, count int, of binaries) []*host {
	t.Helper()
	dir, err := os.MkdirTemp("", "skew") // short, since sockets are below it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	key := filepath.Join(dir, "gossip.key")
	command(t, dir, of.dsctl, "keyring", "generate", "--key-file", key)
	var all []string
	for i := range count {
		all = append(all, address(i))
	}
	hosts := make([]*host, count)
	for i := range hosts {
		h := &host{t: t, name: fmt.Sprintf("edge-%d", i+1), dir: filepath.Join(dir, fmt.Sprint(i+1))}
		for _, d := range []string{"specs.d", "manifests", "state", "run"} {
			if err := os.MkdirAll(h.path(d), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		h.startKubelet()
		h.write("kubelet.yaml", "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n")
		h.write("agent.yaml", fmt.Sprintf(`specsDir: %[1]s/specs.d
nodeFile: %[1]s/node.yaml
manifestsDir: %[1]s/manifests
stateDir: %[1]s/state
runtimeDir: %[1]s/run
nodeName: %[2]s
gossip:
  bind: %[3]s
  join: [%[4]s]
  keyFile: %[5]s
kubelet:
  config: %[1]s/kubelet.yaml
  url: %[6]s
  healthzURL: %[6]s/healthz
`, h.dir, h.name, address(i), strings.Join(all, ", "), key, h.server.URL))
		hosts[i] = h
	}
	return hosts
}

func (h *host) path(name string) string { return filepath.Join(h.dir, name) }

// write renames a file into place.
func (h *host) write(name, text string) {
	h.t.Helper()
	temp := filepath.Join(h.dir, ".new")
	if err := os.WriteFile(temp, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
	if err := os.Rename(temp, h.path(name)); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) startKubelet() {
	h.t.Helper()
	var err error
	h.kubelet, err = kubeletsim.New(kubeletsim.Options{Dir: h.path("manifests"), NodeName: h.name})
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = h.kubelet.Run(ctx) }()
	if h.server, err = h.kubelet.Listen(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		_ = h.server.Close()
		cancel()
		<-ended
		for _, v := range h.kubelet.Violations() {
			h.t.Errorf("the kubelet of %s saw what must never happen: %s", h.name, v)
		}
	})
}

// start runs an agent of a version on what the one before left.
func (h *host) start(of binaries) {
	h.t.Helper()
	h.version = of
	h.agent = exec.Command(of.daemonsetd, "--config", h.path("agent.yaml"))
	h.agent.Stderr = &h.log
	if err := h.agent.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		h.stop()
		if h.t.Failed() {
			h.t.Logf("log of %s:\n%s", h.name, h.log.String())
		}
	})
}

func (h *host) stop() {
	h.t.Helper()
	if h.agent == nil {
		return
	}
	_ = h.agent.Process.Signal(syscall.SIGTERM)
	if err := h.agent.Wait(); err != nil {
		h.t.Errorf("agent of %s: %v", h.name, err)
	}
	h.agent = nil
}

// dsctl asks the agent with the program of its own version, and gives what that printed; false: it failed.
func (h *host) dsctl(args ...string) (string, bool) {
	out, err := exec.Command(h.version.dsctl, append([]string{"--socket", h.path("run/agent.sock")}, args...)...).Output()
	return string(out), err == nil
}

// passHold lets the hold of a new placement be over: tests do not wait for its 10 minutes. The agent is stopped.
func (h *host) passHold() {
	h.t.Helper()
	data, err := os.ReadFile(h.path("state/rollouts.json"))
	if err != nil {
		h.t.Fatal(err)
	}
	var kept map[string]any
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber() // hashes are larger than what float64 has exactly
	if err := decoder.Decode(&kept); err != nil {
		h.t.Fatal(err)
	}
	states, _ := kept["daemonsets"].(map[string]any)
	for key, state := range states {
		if fields, ok := state.(map[string]any); ok && fields["heldUntil"] != nil {
			fields["heldUntil"] = time.Now().Add(-time.Second)
			continue
		}
		h.t.Fatalf("%s: %s is not held: %v", h.name, key, state)
	}
	if data, err = json.Marshal(kept); err != nil {
		h.t.Fatal(err)
	}
	h.write("state/rollouts.json", string(data))
}

// running are the pods of a host by UID, with the image of each that is ready.
func (h *host) running() map[types.UID]string {
	found := map[types.UID]string{}
	for _, p := range h.kubelet.Pods() {
		found[p.UID] = ""
		for _, c := range p.Status.Conditions {
			if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
				found[p.UID] = p.Spec.Containers[0].Image
			}
		}
	}
	return found
}
