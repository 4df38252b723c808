package kubelet

import (
	"context"
	"errors"
	"io"
	"net/http"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
)

// askNow bounds a question of the loop itself.
const askNow = 200 * time.Millisecond

// HostConfig is what a Host is made of.
type HostConfig struct {
	// Options are how the kubelet is found.
	Options Options
	// Node is this host's name for its node.
	Node string
	// AssumeReady: it is never asked.
	AssumeReady bool
	// Transport is in place of connections to it; nil: the network.
	Transport http.RoundTripper
	// Check finds what else is wrong with its settings; nil: nothing is.
	Check  func(Settings) diag.List
	Logger zerolog.Logger
}

// Host is the kubelet of this host: its settings, and the poller that asks it. The kubelet may be installed or
// configured after the agent; its configuration is looked at again in every round (Refresh), and a change starts a new
// poller. A Host belongs to the goroutine of the agent's loop.
type Host struct {
	cfg HostConfig
	// discovery follows the kubelet's configuration; set and problems are what it gave last.
	discovery *Discovery
	set       Settings
	problems  diag.List
	client    *Client
	// asking is client for whoever reads logs, on goroutines of their own.
	asking atomic.Pointer[Client]
	poller *Poller
	cancel context.CancelFunc
	done   chan struct{}
}

// NewHost finds the kubelet, and asks it nothing yet.
func NewHost(c HostConfig) *Host {
	h := &Host{cfg: c, discovery: NewDiscovery(c.Options)}
	h.set, h.problems, _ = h.discover(true)
	h.makePoller()
	return h
}

// discover gives the settings, if there may be others than before or force is set; else fresh is false.
func (h *Host) discover(force bool) (set Settings, problems diag.List, fresh bool) {
	set, problems, fresh = h.discovery.Look(time.Now(), force)
	if !fresh {
		return set, nil, false
	}
	if h.cfg.Check != nil {
		problems = append(problems, h.cfg.Check(set)...)
	}
	return set, problems, true
}

func (h *Host) makePoller() {
	client, err := New(h.set, Config{Transport: h.cfg.Transport})
	if err != nil {
		// Addresses were checked with the configuration; what is left is a kubelet configuration that makes no address.
		h.problems = append(h.problems, diag.Problem{
			Severity: diag.Error, File: h.set.ConfigFile, Message: err.Error(),
			Hint: "set kubelet.url and kubelet.healthzURL; until then the default addresses are asked",
		})
		// Never assume what could not be asked.
		h.set.URL, h.set.HealthzURL, h.set.ReadOnlyURL = DefaultURL, DefaultHealthzURL, ""
		client, err = New(h.set, Config{Transport: h.cfg.Transport})
	}
	h.client = client
	h.asking.Store(client)
	// The default addresses are constants, which make a client; without one the kubelet could only be assumed.
	h.poller = NewPoller(client, PollerConfig{Node: h.cfg.Node, AssumeReady: h.cfg.AssumeReady || err != nil})
}

// Ask asks for the pods now, briefly, for a decision that the last answer is too old for; false: there is no answer.
func (h *Host) Ask(ctx context.Context) ([]corev1.Pod, bool) {
	if latest := h.poller.Latest(); h.client == nil || !latest.Usable() || latest.AssumeReady {
		return nil, false
	}
	ctx, cancel := context.WithTimeout(ctx, askNow)
	defer cancel()
	list, err := h.client.Pods(ctx)
	if err != nil {
		return nil, false
	}
	return list.Items, true
}

// Logs reads the log of a container; see Client.Logs. Any goroutine may call it.
func (h *Host) Logs(ctx context.Context, req LogRequest) (io.ReadCloser, error) {
	c := h.asking.Load()
	if c == nil || h.cfg.AssumeReady {
		return nil, &Error{
			Op: opLogs, State: Unreachable, Err: errors.New("the kubelet is not asked"),
			Remedy: "set kubelet.url and unset kubelet.assumeReady",
		}
	}
	return c.Logs(ctx, req)
}

// Settings are the kubelet's, and Problems the findings in its configuration.
func (h *Host) Settings() Settings { return h.set }

// Problems are the findings in the kubelet's configuration.
func (h *Host) Problems() diag.List { return h.problems }

// Latest is the latest of its answers.
func (h *Host) Latest() *Snapshot { return h.poller.Latest() }

// Wake gets a value when an answer is another one. After a Refresh it is another channel.
func (h *Host) Wake() <-chan struct{} { return h.poller.Wake() }

// Hurry has it asked more often for a time, as somebody waits for its next answer.
func (h *Host) Hurry() { h.poller.Hurry() }

// Start asks the kubelet once, briefly, and then goes on asking in the background.
func (h *Host) Start(ctx context.Context) {
	h.poller.Prime(ctx)
	ctx, h.cancel = context.WithCancel(ctx)
	h.done = make(chan struct{})
	go func(p *Poller, done chan struct{}) {
		defer close(done)
		_ = p.Run(ctx) // ends with the context, and that is all it can say
	}(h.poller, h.done)
}

// Stop ends what Start began, and waits for it.
func (h *Host) Stop() {
	if h.cancel == nil {
		return
	}
	h.cancel()
	<-h.done
	h.cancel = nil
}

// Refresh reads the kubelet's configuration again where it has changed, or where force is set, and says whether the
// settings did change. Then it is asked anew; ctx bounds that.
func (h *Host) Refresh(ctx context.Context, force bool) bool {
	set, problems, fresh := h.discover(force)
	if !fresh {
		return false
	}
	h.problems = problems
	if reflect.DeepEqual(set, h.set) {
		return false
	}
	h.cfg.Logger.Info().Str(logfield.File, h.cfg.Options.ConfigFile).Msg("kubelet settings changed")
	h.set = set
	h.Stop()
	h.makePoller()
	h.Start(ctx)
	return true
}
