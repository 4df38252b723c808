// Package config is the agent's configuration: one table of settings, each of which is a flag and a key of
// /etc/daemonsetd/daemonsetd.yaml. A flag wins over the file, the file over the default.
//
// The shipped file is all comments, so that an upgrade changes nothing that is in effect; the defaults live here. A
// Config is a value: whoever has one may read it from any goroutine, and a reload makes another.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rs/zerolog"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/daemonsetd/daemonsetd/gossip/keyring"
	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/strictyaml"
)

// DefaultPath is where the configuration file is looked for.
const DefaultPath = "/etc/daemonsetd/daemonsetd.yaml"

// maxFileBytes bounds the configuration file; a real one is a few hundred bytes.
const maxFileBytes = 1 << 20

// Log formats.
const (
	FormatAuto    = "auto"
	FormatConsole = "console"
	FormatJSON    = "json"
	FormatJournal = "journald"
)

// Config is the agent's configuration. Every path is absolute after Complete.
type Config struct {
	// SpecsDir holds the DaemonSet files.
	SpecsDir string `json:"specsDir,omitempty"`
	// NodeFile describes this node; the files of node.d beside it are merged over it.
	NodeFile string `json:"nodeFile,omitempty"`
	// ManifestsDir is the kubelet's static pod directory; empty: the kubelet's own setting.
	ManifestsDir string `json:"manifestsDir,omitempty"`
	// StateDir is kept over reboots, RuntimeDir is not.
	StateDir   string `json:"stateDir,omitempty"`
	RuntimeDir string `json:"runtimeDir,omitempty"`
	// Socket is the API's unix socket; empty: agent.sock in RuntimeDir.
	Socket string `json:"socket,omitempty"`
	// NodeName is the kubelet's name for this node; empty: the host name in lower case.
	NodeName string `json:"nodeName,omitempty"`
	// MetricsAddress is a TCP address (host:port) for metrics besides the socket; empty: none.
	MetricsAddress string `json:"metricsAddress,omitempty"`
	// Cluster is the name of the fleet: hosts with another one do not hear each other, whatever their keys are.
	Cluster string `json:"cluster,omitempty"`
	// MembersFile lists who may be a member. It need not exist at its default path. At another it has to: somebody named
	// it, and without it every holder of the gossip key would be a member.
	MembersFile string  `json:"membersFile,omitempty"`
	Gossip      Gossip  `json:"gossip,omitzero"`
	Kubelet     Kubelet `json:"kubelet,omitzero"`
	Log         Log     `json:"log,omitzero"`
	// PurgeManifests lets the Debian package remove our manifests when it is purged. The agent does nothing with it.
	PurgeManifests bool `json:"purgeManifests,omitempty"`
}

// Kubelet says how the local kubelet is found and asked.
type Kubelet struct {
	// Config is the path of the KubeletConfiguration file.
	Config string `json:"config,omitempty"`
	// URL and HealthzURL override the addresses that the kubelet's configuration gives.
	URL        string `json:"url,omitempty"`
	HealthzURL string `json:"healthzURL,omitempty"`
	// AssumeReady places without asking the kubelet anything.
	AssumeReady bool `json:"assumeReady,omitempty"`
	// RootDir is the kubelet's --root-dir, where its certificate is looked for and whose disk is watched.
	RootDir string `json:"rootDir,omitempty"`
	// ServingCertFile is the kubelet's own serving certificate, which is pinned unless CAFile is set.
	ServingCertFile string `json:"servingCertFile,omitempty"`
	// CAFile, ClientCertFile, ClientKeyFile and TokenFile are for kubelets whose serving certificate is signed and whose
	// clients are authenticated.
	CAFile         string `json:"caFile,omitempty"`
	ClientCertFile string `json:"clientCertFile,omitempty"`
	ClientKeyFile  string `json:"clientKeyFile,omitempty"`
	TokenFile      string `json:"tokenFile,omitempty"`
	// InsecureSkipVerify accepts any serving certificate; it is reported as a warning for as long as it is set.
	InsecureSkipVerify bool `json:"insecureSkipVerify,omitempty"`
}

// Log says what is logged and how.
type Log struct {
	// Level is trace, debug, info, warn or error.
	Level string `json:"level,omitempty"`
	// Format is auto, console, json or journald. Auto takes the journal under systemd, console on a terminal, else JSON.
	Format string `json:"format,omitempty"`
}

// Default returns the configuration that holds where neither a flag nor the file says otherwise.
func Default() Config {
	return Config{
		SpecsDir:    "/etc/daemonsetd/specs.d",
		NodeFile:    "/etc/daemonsetd/node.yaml",
		StateDir:    "/var/lib/daemonsetd",
		RuntimeDir:  "/run/daemonsetd",
		Cluster:     "daemonsetd",
		MembersFile: "/etc/daemonsetd/members.yaml",
		Gossip:      Gossip{Bind: fmt.Sprintf("0.0.0.0:%d", DefaultGossipPort), KeyFile: keyring.DefaultPath},
		Kubelet:     Kubelet{Config: "/var/lib/kubelet/config.yaml"},
		Log:         Log{Level: "info", Format: FormatAuto},
	}
}

// ErrNoConfig is returned by ReadFile when there is no such file.
var ErrNoConfig = errors.New("no configuration file")

// ReadFile reads the file over c: keys that it does not have stay as they are. Problems with place come as a list; when
// it has an error, c is unchanged.
func (c *Config) ReadFile(path string) (diag.List, error) {
	lim := strictyaml.DefaultLimits()
	lim.MaxBytes = maxFileBytes
	read := *c
	// Decoding writes into a list that is there.
	read.Gossip.Join = slices.Clone(c.Gossip.Join)
	problems, err := strictyaml.DecodeFile(path, lim, &read)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %q", ErrNoConfig, path)
	}
	if err != nil {
		return nil, fmt.Errorf("reading configuration %q: %w", path, err)
	}
	if !problems.HasErrors() {
		*c = read
	}
	return problems, nil
}

// Complete fills in what follows from other settings and makes every path absolute.
func (c *Config) Complete() error {
	if c.NodeName == "" {
		host, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("reading the host name for the node's name (set nodeName): %w", err)
		}
		c.NodeName = host
	}
	// The kubelet lower-cases its name too (pkg/util/node.GetHostname).
	c.NodeName = strings.ToLower(strings.TrimSpace(c.NodeName))
	if c.Socket == "" {
		c.Socket = filepath.Join(c.RuntimeDir, "agent.sock")
	}
	for _, p := range []*string{
		&c.SpecsDir, &c.NodeFile, &c.ManifestsDir, &c.StateDir, &c.RuntimeDir, &c.Socket, &c.MembersFile, &c.Gossip.KeyFile,
		&c.Kubelet.Config,
	} {
		if *p == "" {
			continue
		}
		abs, err := filepath.Abs(*p)
		if err != nil {
			return fmt.Errorf("making %q absolute: %w", *p, err)
		}
		*p = abs
	}
	return nil
}

// NodeDir is the drop-in directory beside NodeFile: /etc/daemonsetd/node.d for /etc/daemonsetd/node.yaml.
func (c *Config) NodeDir() string {
	return filepath.Join(filepath.Dir(c.NodeFile), "node.d")
}

// Validate checks a completed configuration; every problem is told.
func (c *Config) Validate() error {
	var errs []error
	required := map[string]string{
		"specsDir": c.SpecsDir, "nodeFile": c.NodeFile, "stateDir": c.StateDir,
		"runtimeDir": c.RuntimeDir,
	}
	for _, key := range []string{"specsDir", "nodeFile", "stateDir", "runtimeDir"} {
		if required[key] == "" {
			errs = append(errs, fmt.Errorf("%s is empty: want a path", key))
		}
	}
	if msgs := validation.IsDNS1123Subdomain(c.NodeName); len(msgs) > 0 {
		errs = append(errs, fmt.Errorf("nodeName %q: %s", c.NodeName, msgs[0]))
	}
	if len(c.Socket) > maxSocketPath {
		errs = append(errs, fmt.Errorf("socket %q is %d bytes long: the kernel takes at most %d, choose a shorter path",
			c.Socket, len(c.Socket), maxSocketPath))
	}
	if _, err := zerolog.ParseLevel(c.Log.Level); err != nil || c.Log.Level == "" {
		errs = append(errs, fmt.Errorf("log.level %q: want trace, debug, info, warn or error", c.Log.Level))
	}
	switch c.Log.Format {
	case FormatAuto, FormatConsole, FormatJSON, FormatJournal:
	default:
		errs = append(errs, fmt.Errorf("log.format %q: want auto, console, json or journald", c.Log.Format))
	}
	errs = append(errs, checkURL("kubelet.url", c.Kubelet.URL), checkURL("kubelet.healthzURL", c.Kubelet.HealthzURL))
	if c.MetricsAddress != "" {
		if _, _, err := net.SplitHostPort(c.MetricsAddress); err != nil {
			errs = append(errs, fmt.Errorf("metricsAddress %q: want host:port: %w", c.MetricsAddress, err))
		}
	}
	errs = append(errs, checkCluster(c.Cluster), c.Gossip.validate())
	if (c.Kubelet.ClientCertFile == "") != (c.Kubelet.ClientKeyFile == "") {
		errs = append(errs, errors.New("kubelet.clientCertFile and kubelet.clientKeyFile go together: set both or neither"))
	}
	return errors.Join(errs...)
}

// maxSocketPath is sizeof(sun_path) less the closing NUL, unix(7).
const maxSocketPath = 107

func checkURL(key, value string) error {
	if value == "" {
		return nil
	}
	u, err := url.Parse(value)
	if err != nil {
		return fmt.Errorf("%s %q: want a URL such as https://127.0.0.1:10250: %w", key, value, err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return fmt.Errorf("%s %q: want a URL such as https://127.0.0.1:10250", key, value)
	}
	return nil
}
