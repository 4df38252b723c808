package agent

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/rs/zerolog"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/config"
	"github.com/daemonsetd/daemonsetd/agent/kubelet"
	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
)

// host is the kubelet of this host: its settings, and the poller that asks it. The kubelet may be installed or configured
// after the agent; its configuration file is looked at again in every round, and a change starts a new poller. Only the
// loop uses a host, but for poller.Latest.
type host struct {
	cfg config.Config
	log zerolog.Logger
	// discovery follows the kubelet's configuration; set and problems are what it gave last.
	discovery *kubelet.Discovery
	set       kubelet.Settings
	problems  diag.List
	// transport is a simulation's; nil: the network.
	transport http.RoundTripper
	client    *kubelet.Client
	poller    *kubelet.Poller
	cancel    context.CancelFunc
	done      chan struct{}
}

func newHost(cfg config.Config, log zerolog.Logger, sim *Simulation) *host {
	h := &host{cfg: cfg, log: log, discovery: discovery(cfg)}
	if sim != nil {
		h.transport = sim.Kubelet
	}
	h.set, h.problems, _ = h.discover(true)
	h.makePoller()
	return h
}

func discovery(cfg config.Config) *kubelet.Discovery {
	k := cfg.Kubelet
	return kubelet.NewDiscovery(kubelet.Options{
		ConfigFile: k.Config, URL: k.URL, HealthzURL: k.HealthzURL, ManifestsDir: cfg.ManifestsDir, CAFile: k.CAFile,
		ClientCertFile: k.ClientCertFile, ClientKeyFile: k.ClientKeyFile, TokenFile: k.TokenFile, Insecure: k.InsecureSkipVerify,
		RootDir: k.RootDir, ServingCertFile: k.ServingCertFile,
	})
}

// discover gives the settings, if there may be others than before or force is set; else fresh is false.
func (h *host) discover(force bool) (set kubelet.Settings, problems diag.List, fresh bool) {
	set, problems, fresh = h.discovery.Look(time.Now(), force)
	if !fresh {
		return set, nil, false
	}
	if _, err := parseThresholds(set); err != nil {
		problems = append(problems, diag.Problem{
			Severity: diag.Error, File: set.ConfigFile, Hint: "the kubelet's defaults are used",
			Message: fmt.Sprintf("the eviction thresholds cannot be used: %v", err),
		})
	}
	return set, problems, true
}

func (h *host) makePoller() {
	client, err := kubelet.New(h.set, kubelet.Config{Transport: h.transport})
	if err != nil {
		// Addresses were checked with the configuration; what is left is a kubelet configuration that makes no address.
		h.problems = append(h.problems, diag.Problem{Severity: diag.Error, File: h.set.ConfigFile, Message: err.Error(), Hint: "set kubelet.url and kubelet.healthzURL; until then the default addresses are asked"})
		// Never assume what could not be asked.
		h.set.URL, h.set.HealthzURL, h.set.ReadOnlyURL = kubelet.DefaultURL, kubelet.DefaultHealthzURL, ""
		client, err = kubelet.New(h.set, kubelet.Config{Transport: h.transport})
	}
	h.client = client
	// The default addresses are constants, which make a client; without one the kubelet could only be assumed.
	h.poller = kubelet.NewPoller(client, kubelet.PollerConfig{AssumeReady: h.cfg.Kubelet.AssumeReady || err != nil})
}

// pods asks for the pods now, briefly, for a decision that the last answer is too old for.
func (h *host) pods(ctx context.Context) ([]corev1.Pod, bool) {
	if h.client == nil || !h.poller.Latest().Healthy || h.poller.Latest().AssumeReady {
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

// askNow bounds a question of the loop itself.
const askNow = 200 * time.Millisecond

func (h *host) settings() kubelet.Settings { return h.set }

// start asks the kubelet once, briefly, and then goes on asking in the background.
func (h *host) start(ctx context.Context) {
	h.poller.Prime(ctx)
	ctx, h.cancel = context.WithCancel(ctx)
	h.done = make(chan struct{})
	go func(p *kubelet.Poller, done chan struct{}) {
		defer close(done)
		_ = p.Run(ctx) // ends with the context, and that is all it can say
	}(h.poller, h.done)
}

func (h *host) stop() {
	if h.cancel == nil {
		return
	}
	h.cancel()
	<-h.done
	h.cancel = nil
}

// refresh reads the kubelet's configuration again where it has changed, and says whether the settings did.
func (h *host) refresh(ctx context.Context, force bool) bool {
	set, problems, fresh := h.discover(force)
	if !fresh {
		return false
	}
	h.problems = problems
	if reflect.DeepEqual(set, h.set) {
		return false
	}
	h.log.Info().Str(logfield.File, h.cfg.Kubelet.Config).Msg("kubelet settings changed")
	h.set = set
	h.stop()
	h.makePoller()
	h.start(ctx)
	return true
}
