package config

import (
	"slices"

	"github.com/spf13/pflag"
)

// Setting is one row of the settings table: a flag, the same as a key of the file.
type Setting struct {
	// Flag is the name on the command line, without dashes; empty for what only the file says. Key is the dotted path in
	// the file.
	Flag, Key string
	// Usage is one line; it is also what the manual says.
	Usage string
	// text, flag or list points at the field in a Config; exactly one is set. The flag of a list is repeated, and what
	// it gives takes the place of the file's list.
	text func(*Config) *string
	flag func(*Config) *bool
	list func(*Config) *[]string
}

// KeyPurgeManifests is the key of a setting that the package's scripts read; the agent only takes note of it.
const KeyPurgeManifests = "purgeManifests"

// Settings is the table in the order in which the help shows it.
func Settings() []Setting {
	return []Setting{
		{
			Flag: "specs-dir", Key: "specsDir", Usage: "directory of the DaemonSet files",
			text: func(c *Config) *string { return &c.SpecsDir },
		},
		{Flag: "node-file", Key: "nodeFile", Usage: "this node's labels and taints as a v1 Node; node.d beside it is " +
			"merged over it", text: func(c *Config) *string { return &c.NodeFile }},
		{
			Flag: "manifests-dir", Key: "manifestsDir",
			Usage: "the kubelet's static pod directory (default: the kubelet's staticPodPath)",
			text:  func(c *Config) *string { return &c.ManifestsDir },
		},
		{
			Flag: "state-dir", Key: "stateDir", Usage: "what must outlive a reboot: last good files, timers",
			text: func(c *Config) *string { return &c.StateDir },
		},
		{
			Flag: "runtime-dir", Key: "runtimeDir", Usage: "the socket and conditions.d",
			text: func(c *Config) *string { return &c.RuntimeDir },
		},
		{
			Flag: "socket", Key: "socket", Usage: "the API's unix socket (default: agent.sock in the runtime directory)",
			text: func(c *Config) *string { return &c.Socket },
		},
		{
			Flag: "node-name", Key: "nodeName", Usage: "the kubelet's name for this node (default: the host name)",
			text: func(c *Config) *string { return &c.NodeName },
		},
		{
			Flag: "kubelet-config", Key: "kubelet.config", Usage: "the KubeletConfiguration file",
			text: func(c *Config) *string { return &c.Kubelet.Config },
		},
		{
			Flag: "kubelet-url", Key: "kubelet.url",
			Usage: "the kubelet's API (default: from its configuration, else https://127.0.0.1:10250)",
			text:  func(c *Config) *string { return &c.Kubelet.URL },
		},
		{
			Flag: "kubelet-healthz-url", Key: "kubelet.healthzURL",
			Usage: "the kubelet's health address (default: from its configuration, else http://127.0.0.1:10248/healthz)",
			text:  func(c *Config) *string { return &c.Kubelet.HealthzURL },
		},
		{
			Flag: "kubelet-assume-ready", Key: "kubelet.assumeReady",
			Usage: "place without asking the kubelet, for hosts whose kubelet cannot be queried",
			flag:  func(c *Config) *bool { return &c.Kubelet.AssumeReady },
		},
		{
			Flag: "kubelet-root-dir", Key: "kubelet.rootDir", Usage: "the kubelet's --root-dir (default: /var/lib/kubelet)",
			text: func(c *Config) *string { return &c.Kubelet.RootDir },
		},
		{
			Flag: "kubelet-serving-cert-file", Key: "kubelet.servingCertFile",
			Usage: "the kubelet's serving certificate, which is pinned (default: found through its configuration)",
			text:  func(c *Config) *string { return &c.Kubelet.ServingCertFile },
		},
		{
			Flag: "kubelet-ca-file", Key: "kubelet.caFile",
			Usage: "the CA of the kubelet's serving certificate (default: the certificate itself is pinned)",
			text:  func(c *Config) *string { return &c.Kubelet.CAFile },
		},
		{
			Flag: "kubelet-client-cert-file", Key: "kubelet.clientCertFile", Usage: "client certificate for the kubelet",
			text: func(c *Config) *string { return &c.Kubelet.ClientCertFile },
		},
		{
			Flag: "kubelet-client-key-file", Key: "kubelet.clientKeyFile", Usage: "its key",
			text: func(c *Config) *string { return &c.Kubelet.ClientKeyFile },
		},
		{
			Flag: "kubelet-token-file", Key: "kubelet.tokenFile", Usage: "bearer token for the kubelet",
			text: func(c *Config) *string { return &c.Kubelet.TokenFile },
		},
		{
			Flag: "kubelet-insecure-skip-verify", Key: "kubelet.insecureSkipVerify",
			Usage: "accept any certificate of the kubelet; reported as a warning", flag: func(c *Config) *bool {
				return &c.Kubelet.InsecureSkipVerify
			},
		},
		{
			Flag: "metrics-address", Key: "metricsAddress",
			Usage: "TCP host:port for metrics besides the socket (default: none)", text: func(c *Config) *string {
				return &c.MetricsAddress
			},
		},
		{
			Flag: "cluster", Key: "cluster", Usage: "the fleet's name, the same on every host of it",
			text: func(c *Config) *string { return &c.Cluster },
		},
		{
			Flag: "members-file", Key: "membersFile",
			Usage: "who may be a member of the fleet; a file at another path than the default has to exist",
			text:  func(c *Config) *string { return &c.MembersFile },
		},
		{
			Flag: "gossip-bind", Key: "gossip.bind",
			Usage: "IP address and port, UDP and TCP, to hear other hosts on; only loopback without a key",
			text:  func(c *Config) *string { return &c.Gossip.Bind },
		},
		{
			Flag: "gossip-advertise", Key: "gossip.advertise",
			Usage: "IP address, with or without a port, at which others reach this host (default: what gossip-bind says)",
			text:  func(c *Config) *string { return &c.Gossip.Advertise },
		},
		{
			Flag: "gossip-join", Key: "gossip.join",
			Usage: "host or host:port of a member to find the others by; may be repeated",
			list:  func(c *Config) *[]string { return &c.Gossip.Join },
		},
		{
			Flag: "gossip-key-file", Key: "gossip.keyFile",
			Usage: "keys that all members share; gossip is off where there is neither this file nor a host to join",
			text:  func(c *Config) *string { return &c.Gossip.KeyFile },
		},
		{
			Flag: "log-level", Key: "log.level", Usage: "trace, debug, info, warn or error",
			text: func(c *Config) *string { return &c.Log.Level },
		},
		{
			Flag: "log-format", Key: "log.format", Usage: "auto, console, json or journald",
			text: func(c *Config) *string { return &c.Log.Format },
		},
		{Key: KeyPurgeManifests, Usage: "purging the Debian package removes the manifests too, and so stops their pods; " +
			"the agent itself never does", flag: func(c *Config) *bool { return &c.PurgeManifests }},
	}
}

// AddFlags defines a flag for every setting that has one, with the defaults of Default.
func AddFlags(fs *pflag.FlagSet) {
	d := Default()
	for _, s := range Settings() {
		switch {
		case s.Flag == "":
		case s.text != nil:
			fs.String(s.Flag, *s.text(&d), s.Usage)
		case s.list != nil:
			fs.StringArray(s.Flag, *s.list(&d), s.Usage)
		default:
			fs.Bool(s.Flag, *s.flag(&d), s.Usage)
		}
	}
}

// ApplyFlags sets what was given on the command line, and only that.
func (c *Config) ApplyFlags(fs *pflag.FlagSet) error {
	for _, s := range Settings() {
		if s.Flag == "" || !fs.Changed(s.Flag) {
			continue
		}
		var err error
		switch {
		case s.text != nil:
			*s.text(c), err = fs.GetString(s.Flag)
		case s.list != nil:
			*s.list(c), err = fs.GetStringArray(s.Flag)
		default:
			*s.flag(c), err = fs.GetBool(s.Flag)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Changed names the keys in which two configurations differ, in the table's order. Lists differ when their order does.
func Changed(a, b Config) []string {
	var keys []string
	for _, s := range Settings() {
		if s.differs(&a, &b) {
			keys = append(keys, s.Key)
		}
	}
	return keys
}

func (s Setting) differs(a, b *Config) bool {
	switch {
	case s.text != nil:
		return *s.text(a) != *s.text(b)
	case s.list != nil:
		return !slices.Equal(*s.list(a), *s.list(b))
	default:
		return *s.flag(a) != *s.flag(b)
	}
}
