package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubeletconfig "k8s.io/kubelet/config/v1beta1"
	"sigs.k8s.io/yaml"
)

// Ports are TCP ports on 127.0.0.1.
type Ports struct {
	// Kubelet is the authenticated API's port; /runningpods/ is served there alone.
	Kubelet int
	// ReadOnly serves /pods without credentials.
	ReadOnly int
	// Healthz serves /healthz.
	Healthz int
}

func freePorts() (Ports, error) {
	ports, err := FreePorts(3)
	if err != nil {
		return Ports{}, err
	}
	return Ports{Kubelet: ports[0], ReadOnly: ports[1], Healthz: ports[2]}, nil
}

// FreePorts picks n TCP ports on 127.0.0.1 that were free a moment ago.
func FreePorts(n int) ([]int, error) {
	var listeners []net.Listener
	defer func() {
		for _, l := range listeners {
			_ = l.Close()
		}
	}()
	ports := make([]int, n)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		listeners = append(listeners, l)
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}

// StartKubelet starts the kubelet, for the first time or again, and waits until it answers. Its directories, ports and
// log stay the same.
func (h *Host) StartKubelet(ctx context.Context) error {
	config, err := yaml.Marshal(h.kubeletConfiguration())
	if err != nil {
		return err
	}
	if err := os.WriteFile(h.KubeletConfig, config, 0o644); err != nil {
		return err
	}
	verbosity := h.opts.Verbosity
	if verbosity == 0 {
		verbosity = 2
	}
	args := []string{
		h.Kubelet, "--config", h.KubeletConfig, "--root-dir", filepath.Join(h.Dir, "kubelet"), "--cert-dir", h.certDir(),
		"--hostname-override", h.opts.NodeName, fmt.Sprintf("--v=%d", verbosity),
	}
	if h.kubeconfig != "" {
		args = append(args, "--kubeconfig", h.kubeconfig)
	}
	h.kubelet, err = h.Run(h.KubeletLog, args...)
	if err != nil {
		return err
	}
	return h.waitFor(ctx, h.kubelet, func(ctx context.Context) error {
		if h.client, err = newClient(h.Ports.Kubelet, h.certFile(), h.opts.Network); err != nil {
			return err
		}
		if h.noDebugging {
			_, err := h.Pods(ctx)
			return err
		}
		_, err := h.RunningPods(ctx)
		return err
	})
}

// StopKubelet stops the kubelet. The pods go on running, as they do on any host.
func (h *Host) StopKubelet() error {
	if h.kubelet == nil {
		return errors.New("the kubelet was never started")
	}
	return h.kubelet.Stop(stopTimeout)
}

// KubeletURL is where the kubelet's authenticated API listens.
func (h *Host) KubeletURL() string { return fmt.Sprintf("https://127.0.0.1:%d", h.Ports.Kubelet) }

// HealthzURL is where the kubelet says that it is well.
func (h *Host) HealthzURL() string {
	return fmt.Sprintf("http://127.0.0.1:%d/healthz", h.Ports.Healthz)
}

// ContainerLog is the path of the file with what a container of the pod printed since it was started for the n-th time,
// from 0, in the runtime's form (a time, the stream, and whether the line is whole before each).
func (h *Host) ContainerLog(pod *corev1.Pod, container string, n int) string {
	return filepath.Join(h.logsDir(), fmt.Sprintf("%s_%s_%s", pod.Namespace, pod.Name, pod.UID), container,
		fmt.Sprintf("%d.log", n))
}

func (h *Host) logsDir() string { return filepath.Join(h.Dir, "pod-logs") }

// kubeletConfiguration is that of a kubelet with nobody to authenticate and nothing of the machine's touched that can
// be left alone. Thresholds are low, so that a build machine's nearly full disk does not evict the tests.
func (h *Host) kubeletConfiguration() kubeletconfig.KubeletConfiguration {
	config := kubeletconfig.KubeletConfiguration{
		TypeMeta: metav1.TypeMeta{
			APIVersion: "kubelet.config.k8s.io/v1beta1",
			Kind:       "KubeletConfiguration",
		},
		StaticPodPath:                 h.Manifests,
		SyncFrequency:                 metav1.Duration{Duration: h.opts.SyncFrequency},
		PodLogsDir:                    h.logsDir(),
		VolumePluginDir:               filepath.Join(h.Dir, "volume-plugins"),
		ContainerRuntimeEndpoint:      "unix://" + h.runtimeSocket(),
		TLSCertFile:                   h.certFile(),
		TLSPrivateKeyFile:             h.keyFile(),
		Address:                       "127.0.0.1",
		Port:                          int32(h.Ports.Kubelet),
		ReadOnlyPort:                  int32(h.Ports.ReadOnly),
		HealthzPort:                   new(int32(h.Ports.Healthz)),
		CgroupRoot:                    h.cgroups.root,
		CgroupDriver:                  "cgroupfs",
		CgroupsPerQOS:                 new(true),
		FailCgroupV1:                  new(false),
		FailSwapOn:                    new(false),
		EnforceNodeAllocatable:        []string{"none"},
		LocalStorageCapacityIsolation: new(false),
		MakeIPTablesUtilChains:        new(false),
		EvictionHard: map[string]string{
			"memory.available": "50Mi", "nodefs.available": "1%", "nodefs.inodesFree": "1%", "imagefs.available": "1%",
		},
	}
	config.Authentication.Anonymous.Enabled = new(true)
	config.Authentication.Webhook.Enabled = new(false)
	config.Authorization.Mode = kubeletconfig.KubeletAuthorizationModeAlwaysAllow
	if h.Change != nil {
		h.Change(&config)
	}
	h.noDebugging = config.EnableDebuggingHandlers != nil && !*config.EnableDebuggingHandlers
	return config
}

// parseFailure matches what the kubelet logs of a manifest that it could read but not use, also of one half written. A
// manifest that is gone when the kubelet comes to read it is no such thing.
var parseFailure = regexp.MustCompile(`couldn't parse as pod|invalid pod|Could not process manifest file|` +
	`static pods may not reference|is a directory, not recursing|is not a directory or file`)

// LogMark is the present end of the kubelet's log, for ParseErrors.
func (h *Host) LogMark() (int64, error) {
	info, err := os.Stat(h.KubeletLog)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// ParseErrors gives the lines of the kubelet's log after mark that speak of a manifest it could not use.
func (h *Host) ParseErrors(mark int64) ([]string, error) {
	data, err := os.ReadFile(h.KubeletLog)
	if err != nil {
		return nil, err
	}
	var lines []string
	for line := range strings.Lines(string(data[mark:])) {
		if parseFailure.MatchString(line) {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	return lines, nil
}
