package agent

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"syscall"
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
	cfg      config.Config
	log      zerolog.Logger
	set      kubelet.Settings
	problems diag.List
	identity fileIdentity
	// transport is a simulation's; nil: the network.
	transport http.RoundTripper
	client    *kubelet.Client
	poller    *kubelet.Poller
	cancel    context.CancelFunc
	done      chan struct{}
}

// fileIdentity tells a file that may have changed from one that has not.
type fileIdentity struct {
	ino         uint64
	size        int64
	mtim, ctime syscall.Timespec
}

func identify(path string) fileIdentity {
	info, err := os.Stat(path)
	if err != nil {
		return fileIdentity{}
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fileIdentity{}
	}
	return fileIdentity{st.Ino, st.Size, st.Mtim, st.Ctim}
}

func newHost(cfg config.Config, log zerolog.Logger, sim *Simulation) *host {
	h := &host{cfg: cfg, log: log, identity: identify(cfg.Kubelet.Config)}
	if sim != nil {
		h.transport = sim.Kubelet
	}
	h.set, h.problems = h.discover()
	h.makePoller()
	return h
}

func (h *host) discover() (kubelet.Settings, diag.List) {
	k := h.cfg.Kubelet
	set, problems := kubelet.Discover(kubelet.Options{
		ConfigFile: k.Config, URL: k.URL, HealthzURL: k.HealthzURL, ManifestsDir: h.cfg.ManifestsDir, CAFile: k.CAFile,
		ClientCertFile: k.ClientCertFile, ClientKeyFile: k.ClientKeyFile, TokenFile: k.TokenFile, Insecure: k.InsecureSkipVerify,
		RootDir: k.RootDir, ServingCertFile: k.ServingCertFile,
	})
	if _, err := parseThresholds(set); err != nil {
		problems = append(problems, diag.Problem{
			Severity: diag.Error, File: set.ConfigFile, Hint: "the kubelet's defaults are used",
			Message: fmt.Sprintf("the eviction thresholds cannot be used: %v", err),
		})
	}
	return set, problems
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
	id := identify(h.cfg.Kubelet.Config)
	if id == h.identity && !force {
		return false
	}
	h.identity = id
	set, problems := h.discover()
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
