package kubelet

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"

	kubeletconfigv1beta1 "k8s.io/kubelet/config/v1beta1"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

// discovery carries one look of a Discovery.
type discovery struct {
	opts Options
	cfg  *kubeletconfigv1beta1.KubeletConfiguration
	// file is the path of the configuration that was read, empty when none was.
	file     string
	set      Settings
	problems diag.List
}

// take settles one setting: the option, else what the configuration says, else the default.
func (d *discovery) take(field, option, configured, fallback string) string {
	switch {
	case option != "":
		d.set.From[field] = FromOption
		return option
	case configured != "":
		d.set.From[field] = d.file
		return configured
	default:
		d.set.From[field] = FromDefault
		return fallback
	}
}

func (d *discovery) add(severity diag.Severity, path, message, hint string) {
	d.problems = append(d.problems, diag.Problem{
		Severity: severity, File: d.set.ConfigFile, Path: path, Message: message,
		Hint: hint,
	})
}

func (d *discovery) paths() {
	d.set.StaticPodPath = d.take("StaticPodPath", d.opts.ManifestsDir, d.cfg.StaticPodPath, DefaultStaticPodPath)
	d.set.RootDir = d.take("RootDir", d.opts.RootDir, "", DefaultRootDir)
	d.set.PodLogsDir = d.take("PodLogsDir", "", d.cfg.PodLogsDir, DefaultPodLogsDir)
	d.set.CgroupRoot = d.cfg.CgroupRoot
	d.set.FileCheckFrequency = d.cfg.FileCheckFrequency.Duration
	if d.set.FileCheckFrequency <= 0 {
		d.set.FileCheckFrequency = DefaultFileCheckFrequency
	}
}

// addresses settles where the kubelet answers. A configuration that turns a server off leaves its address empty, unless
// an option gives one.
func (d *discovery) addresses() {
	c := d.cfg
	served := c.EnableServer == nil || *c.EnableServer
	secure, readOnly, health := "", "", ""
	if c.Address != "" || c.Port != 0 {
		secure = address("https", c.Address, orPort(c.Port, 10250), "")
	}
	if c.ReadOnlyPort > 0 && served {
		readOnly = address("http", c.Address, c.ReadOnlyPort, "")
	}
	if c.HealthzPort != nil || c.HealthzBindAddress != "" {
		health = address("http", c.HealthzBindAddress, healthzPort(c), "/healthz")
	}
	if served || d.opts.URL != "" {
		d.set.URL = d.take("URL", d.base(d.opts.URL), secure, DefaultURL)
	}
	if healthzPort(c) > 0 || d.opts.HealthzURL != "" {
		d.set.HealthzURL = d.take("HealthzURL", d.health(d.opts.HealthzURL), health, DefaultHealthzURL)
	}
	if readOnly != "" {
		d.set.ReadOnlyURL = d.take("ReadOnlyURL", "", readOnly, "")
	}
}

// trust settles how the kubelet is told from an impostor, and as whom it is asked.
func (d *discovery) trust() {
	certDir := pick(d.opts.CertDir, filepath.Join(d.set.RootDir, "pki"))
	name := "kubelet.crt"
	if d.cfg.ServerTLSBootstrap {
		name = "kubelet-server-current.pem"
	}
	d.set.ServingCertFile = d.take("ServingCertFile", d.opts.ServingCertFile, d.cfg.TLSCertFile,
		filepath.Join(certDir, name))
	d.set.CAFile = d.opts.CAFile
	d.set.ClientCertFile, d.set.ClientKeyFile = d.opts.ClientCertFile, d.opts.ClientKeyFile
	d.set.TokenFile = d.opts.TokenFile
	d.set.Insecure = d.opts.Insecure
}

func (d *discovery) thresholds() {
	c := d.cfg
	d.set.EvictionHard, d.set.EvictionSoft, d.set.EvictionMinimumReclaim = c.EvictionHard, c.EvictionSoft,
		c.EvictionMinimumReclaim
	d.set.EvictionSoftGracePeriod, d.set.EnforceNodeAllocatable = c.EvictionSoftGracePeriod, c.EnforceNodeAllocatable
	d.set.MergeDefaultEvictionSettings = c.MergeDefaultEvictionSettings != nil && *c.MergeDefaultEvictionSettings
	d.set.EvictionPressureTransitionPeriod = c.EvictionPressureTransitionPeriod.Duration
	if d.set.EvictionPressureTransitionPeriod <= 0 {
		d.set.EvictionPressureTransitionPeriod = DefaultTransitionPeriod
	}
}

// warn adds what works, but perhaps not as the operator thinks.
func (d *discovery) warn() {
	if d.set.Insecure {
		d.add(diag.Warning, "", "any serving certificate of the kubelet is accepted, so an impostor on its port would be "+
			"believed",
			"unset kubelet.insecureSkipVerify; the kubelet's own certificate is then pinned, or set kubelet.caFile")
	}
	if d.file == "" {
		return
	}
	if d.set.From["StaticPodPath"] == FromDefault {
		d.add(diag.Warning, "staticPodPath", "the kubelet's configuration sets no staticPodPath, so that it reads no "+
			"static pods unless a flag tells it to",
			"set staticPodPath in it, or manifestsDir of the agent to the directory of its flag --pod-manifest-path")
	}
	if d.set.URL == "" {
		d.add(diag.Warning, "enableServer", "the kubelet's server is turned off, so that no pod's state can be asked",
			"set enableServer: true, or kubelet.assumeReady of the agent")
	}
}

// base reduces an address to scheme, host and port.
func (d *discovery) base(raw string) string {
	u := d.parse("kubelet.url", raw)
	if u == nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// health completes a health address that has no path.
func (d *discovery) health(raw string) string {
	u := d.parse("kubelet.healthzURL", raw)
	if u == nil {
		return ""
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/healthz"
	}
	return u.String()
}

func (d *discovery) parse(key, raw string) *url.URL {
	if raw == "" {
		return nil
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil {
		d.problems = append(d.problems, diag.Problem{
			Severity: diag.Error, Path: key,
			Message: fmt.Sprintf("%q is not an address of the kubelet: http:// or https:// with host and port was wanted", raw),
		})
		return nil
	}
	return u
}

// address joins an address as the kubelet has it into a URL. A kubelet that listens on every address is asked on the
// loopback one, of the same family.
func address(scheme, host string, port int32, path string) string {
	switch ip := net.ParseIP(host); {
	case host == "" || ip.Equal(net.IPv4zero):
		host = "127.0.0.1"
	case ip.Equal(net.IPv6unspecified):
		host = "::1"
	}
	return scheme + "://" + net.JoinHostPort(host, strconv.Itoa(int(port))) + path
}

func orPort(port, fallback int32) int32 {
	if port == 0 {
		return fallback
	}
	return port
}

func healthzPort(c *kubeletconfigv1beta1.KubeletConfiguration) int32 {
	if c.HealthzPort == nil {
		return 10248
	}
	return *c.HealthzPort
}
