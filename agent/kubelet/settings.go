package kubelet

import (
	"slices"
	"time"

	kubeletconfigv1beta1 "k8s.io/kubelet/config/v1beta1"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// Defaults that hold where neither the kubelet's configuration nor the agent's says otherwise. The ports, the addresses
// and the period are the kubelet's own (pkg/kubelet/apis/config/v1beta1/defaults.go).
const (
	DefaultConfigFile         = "/var/lib/kubelet/config.yaml"
	DefaultRootDir            = "/var/lib/kubelet"
	DefaultPodLogsDir         = "/var/log/pods"
	DefaultURL                = "https://127.0.0.1:10250"
	DefaultHealthzURL         = "http://127.0.0.1:10248/healthz"
	DefaultFileCheckFrequency = 20 * time.Second
	// DefaultStaticPodPath is where kubeadm and most distributions have it. The kubelet itself reads no static pods
	// unless it is told to.
	DefaultStaticPodPath = "/etc/kubernetes/manifests"
	// DefaultTransitionPeriod is how long the kubelet holds a pressure condition after the last sign of it.
	DefaultTransitionPeriod = 5 * time.Minute
)

// Options says where to look for the kubelet. The zero value looks where most hosts have it. Every other field
// overrides what the kubelet's configuration says.
type Options struct {
	// ConfigFile is the KubeletConfiguration file; empty: DefaultConfigFile.
	ConfigFile string
	// URL is the kubelet's authenticated API, HealthzURL its health address. A path of HealthzURL is kept; without one
	// /healthz is asked.
	URL, HealthzURL string
	// ManifestsDir is the directory of static pods.
	ManifestsDir string
	// RootDir is the kubelet's --root-dir; empty: DefaultRootDir. CertDir is its --cert-dir; empty: RootDir/pki.
	RootDir, CertDir string
	// ServingCertFile is the kubelet's own serving certificate, which is pinned unless CAFile is set.
	ServingCertFile string
	// CAFile signs the kubelet's serving certificate.
	CAFile string
	// ClientCertFile, ClientKeyFile and TokenFile say who is asking.
	ClientCertFile, ClientKeyFile, TokenFile string
	// Insecure accepts any serving certificate. Discovery warns about it.
	Insecure bool
}

// Settings is how the local kubelet is asked, and what its configuration says about things that the agent follows.
type Settings struct {
	// ConfigFile is the file that was looked for, read or not.
	ConfigFile string
	// StaticPodPath is the directory (for an odd kubelet: the file) of static pods.
	StaticPodPath string
	// URL is scheme, host and port of the authenticated API; empty when the kubelet has none (enableServer: false).
	URL string
	// ReadOnlyURL is the same of the read-only API; empty when there is none.
	ReadOnlyURL string
	// HealthzURL is the whole address that answers whether the kubelet lives; empty when there is none (healthzPort: 0).
	HealthzURL string

	ServingCertFile, CAFile                  string
	ClientCertFile, ClientKeyFile, TokenFile string
	// Insecure accepts any serving certificate.
	Insecure bool

	// RootDir is the kubelet's directory, of which nodefs is the file system.
	RootDir string
	// CgroupRoot is the cgroup below which the kubelet makes those of pods; empty: the top.
	CgroupRoot string
	// PodLogsDir is where the container runtime writes the logs of pods.
	PodLogsDir string
	// FileCheckFrequency is how often the kubelet lists StaticPodPath when no watch event tells it to look.
	FileCheckFrequency time.Duration

	// EvictionHard, EvictionSoft and EvictionMinimumReclaim map a signal (memory.available) to a quantity or a
	// percentage. Nil means unset, which for EvictionHard means the kubelet's defaults; an empty map means none.
	EvictionHard, EvictionSoft, EvictionMinimumReclaim map[string]string
	// EvictionSoftGracePeriod is unused by the conditions, but a soft threshold without one is an error of the kubelet.
	EvictionSoftGracePeriod map[string]string
	// EnforceNodeAllocatable nil means ["pods"].
	EnforceNodeAllocatable []string
	// EvictionPressureTransitionPeriod is never 0: the kubelet takes 5 minutes for it.
	EvictionPressureTransitionPeriod time.Duration
	// MergeDefaultEvictionSettings keeps the defaults of the signals that EvictionHard does not name.
	MergeDefaultEvictionSettings bool

	// From says for each setting that has an address or a path where it came from: "option", the path of the kubelet's
	// configuration, or "default". Its keys are the field names of this struct.
	From map[string]string
}

// Values of Settings.From other than a path.
const (
	FromOption  = "option"
	FromDefault = "default"
)

// Discovery reads the kubelet's configuration and applies the options, again and again. While the file is being
// written, and when it is bad, what it said before holds. It belongs to one goroutine.
type Discovery struct {
	opts Options
	file *files.File[*kubeletconfigv1beta1.KubeletConfiguration]
	// gone says that the last look found no file.
	gone bool
}

// NewDiscovery reads nothing yet.
func NewDiscovery(opts Options) *Discovery {
	return &Discovery{opts: opts, file: newConfigFile(pick(opts.ConfigFile, DefaultConfigFile))}
}

// Look gives usable settings, if there may be something new in the file, or if force is set, which also takes the file
// for whole; else fresh is false. Where the file is missing or bad, the options and the kubelet's defaults hold and the
// list says so. An error in the list means that the kubelet may well be set up otherwise than the settings say.
func (f *Discovery) Look(now time.Time, force bool) (set Settings, problems diag.List, fresh bool) {
	look := f.file.Look
	if force {
		look = f.file.Force
	}
	r := look(now)
	absent := r.State == files.Gone || force && r.State == files.Away
	fresh = r.State == files.Fresh || r.State == files.Refused || absent && !f.gone
	if r.State == files.Same || r.State == files.Fresh || r.State == files.Refused || absent {
		f.gone = absent
	}
	if !fresh && !force {
		return Settings{}, nil, false
	}
	d := discovery{
		opts: f.opts, cfg: &kubeletconfigv1beta1.KubeletConfiguration{}, problems: r.Problems,
		set: Settings{ConfigFile: f.file.Path(), From: map[string]string{}},
	}
	switch {
	case absent:
		// The kubelet runs with its defaults, or not at all. There is no copy that could fail to go.
		_ = f.file.Forget()
		d.problems = noConfig(f.file.Path())
	case r.Known:
		d.cfg, d.file = r.Value, f.file.Path()
	}
	d.problems = slices.Clone(d.problems)
	d.paths()
	d.addresses()
	d.trust()
	d.thresholds()
	d.warn()
	return d.set, d.problems, true
}

// pick returns the first that is not empty.
func pick(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
