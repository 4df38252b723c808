// Package host runs a real containerd and a real kubelet, with no API server unless one is wanted, on temporary
// directories, and says what runs there. It is the end-to-end tests' half of the truth: what the kubelet answers, what
// containerd reports of every container's start and end, and what the kubelet logs.
//
// Nothing outside the temporary directory stays: the processes run in a cgroup of their own, the pods in another, and
// [Host.Stop] (or, after a crash, the next [Sweep]) kills what is in them by id, unmounts and removes.
package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	kubeletconfig "k8s.io/kubelet/config/v1beta1"
)

const (
	// NodeName is the name under which the kubelet runs; it ends the names of all static pods.
	NodeName = "e2e-node"
	// Image is the only image there is: busybox with its usual links. Pods need imagePullPolicy: Never.
	Image = "localhost/daemonsetd-e2e:1"
	// DefaultPodNetwork is where pods have their addresses.
	DefaultPodNetwork = "10.213.0.0/24"

	dirPrefix    = "daemonsetd-e2e-"
	startTimeout = 60 * time.Second
	stopTimeout  = 30 * time.Second
)

// Options says which programs to run.
type Options struct {
	// Kubelet is the kubelet's binary.
	Kubelet string
	// Verbosity is the kubelet's -v; 2 when 0.
	Verbosity int
	// ControlPlane starts an API server and what else is wanted, with Run, and gives the kubeconfig with which the kubelet
	// registers there. Nil: the kubelet is on its own.
	ControlPlane func(context.Context, *Host) (kubeconfig string, err error)
	// SyncFrequency is how often the kubelet looks at a pod again, which is when it sees that a ConfigMap has changed; its
	// default when 0.
	SyncFrequency time.Duration
	// Programs are put into the image: absolute path there, path here.
	Programs map[string]string
	// PodNetwork is the range of the pods' addresses, as a CIDR; DefaultPodNetwork when empty. Two hosts at one time need
	// different ones.
	PodNetwork string
	// NodeName is the kubelet's name for the host; NodeName when empty.
	NodeName string
	// Network is the path of the network namespace in which everything on the host runs; that of the tests when empty.
	Network string
}

// Host is one machine with a container runtime and a kubelet.
type Host struct {
	// Dir holds everything of the host.
	Dir string
	// Manifests is the kubelet's staticPodPath.
	Manifests string
	// KubeletConfig is the path of the kubelet's configuration file.
	KubeletConfig string
	// KubeletLog is the path of the kubelet's log, which goes on over restarts.
	KubeletLog string
	// Ports are the kubelet's ports on 127.0.0.1.
	Ports Ports
	// Kubelet is the path of the binary that is started the next time.
	Kubelet string
	// Change changes the kubelet's configuration when it is started the next time; nil: nothing does.
	Change func(*kubeletconfig.KubeletConfiguration)

	opts       Options
	kubeconfig string
	lock       *os.File
	cgroups    *cgroups
	containerd *Process
	kubelet    *Process
	timeline   *Timeline
	client     *client
	// noDebugging: the kubelet does not tell its running pods.
	noDebugging bool
}

// Start starts containerd, imports the image and starts the kubelet. The caller stops the host, also after an error of
// a later step; after an error of Start itself nothing is left.
func Start(ctx context.Context, opts Options) (*Host, error) {
	h, err := New(opts)
	if err != nil {
		return nil, err
	}
	steps := []func(context.Context) error{
		h.startContainerd, h.importImage, h.startTimeline, h.startControlPlane, h.StartKubelet,
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, h.Stop())
		}
	}
	return h, nil
}

// startControlPlane does so where there is one.
func (h *Host) startControlPlane(ctx context.Context) error {
	if h.opts.ControlPlane == nil {
		return nil
	}
	var err error
	if h.kubeconfig, err = h.opts.ControlPlane(ctx, h); err != nil {
		return fmt.Errorf("starting the control plane: %w", err)
	}
	return nil
}

// New makes a host on which nothing runs yet, neither a container runtime nor a kubelet: its directory with a lock, and
// its cgroups. Programs can be run on it. The caller stops it.
func New(opts Options) (*Host, error) {
	opts.NodeName = cmp.Or(opts.NodeName, NodeName)
	dir, err := os.MkdirTemp("", dirPrefix)
	if err != nil {
		return nil, fmt.Errorf("making the host's directory: %w", err)
	}
	h := &Host{
		Dir:           dir,
		Manifests:     filepath.Join(dir, "manifests"),
		KubeletConfig: filepath.Join(dir, "kubelet.yaml"),
		KubeletLog:    filepath.Join(dir, "kubelet.log"),
		Kubelet:       opts.Kubelet,
		opts:          opts,
	}
	if h.lock, err = lockDir(dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := os.Mkdir(h.Manifests, 0o755); err != nil {
		return nil, errors.Join(err, h.Stop())
	}
	if err := saveIPForward(dir); err != nil {
		return nil, errors.Join(err, h.Stop())
	}
	if err := h.makeCert(); err != nil {
		return nil, errors.Join(err, h.Stop())
	}
	if h.cgroups, err = newCgroups(filepath.Base(dir)); err != nil {
		return nil, errors.Join(err, h.Stop())
	}
	if h.Ports, err = freePorts(); err != nil {
		return nil, errors.Join(err, h.Stop())
	}
	return h, nil
}

// Stop ends the kubelet, every container and containerd, and removes all that was made. It is safe on a host that has
// started in part.
func (h *Host) Stop() error {
	var errs []error
	if h.kubelet != nil {
		errs = append(errs, h.kubelet.Stop(stopTimeout))
	}
	if h.timeline != nil {
		errs = append(errs, h.timeline.stop())
	}
	if h.containerd != nil {
		errs = append(errs, h.containerd.Stop(stopTimeout))
	}
	errs = append(errs, sweepDir(h.Dir))
	if h.lock != nil {
		errs = append(errs, h.lock.Close())
	}
	return errors.Join(errs...)
}

// lockDir takes the lock that tells a running host's directory from one that a crash left behind.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking %q: %w", dir, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("locking %q: %w", f.Name(), err), f.Close())
	}
	return f, nil
}
