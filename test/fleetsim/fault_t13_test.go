package fleetsim_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/test/fleetsim"
)

// ready sets whether the pods of a host are ready.
func ready(t *testing.T, h *fleetsim.Host, is bool) {
	t.Helper()
	for _, p := range h.Kubelet.Pods() {
		if !h.Kubelet.SetReady(p.Namespace, p.Name, is) {
			t.Fatalf("%s: %s does not run", h.Name, p.Name)
		}
	}
}

// surging is the file of a DaemonSet that starts the new pod beside the old one.
func surging(image string) string {
	return strings.Replace(logger(image, ""), "maxUnavailable: 1", "maxUnavailable: 0, maxSurge: 1", 1)
}

// TestFaultT13 has pods fail and come back while they cannot be replaced: nobody acts on the permission that the failure gave when the act becomes
// possible. Two agents are down, so that no host may take its available pod down.
func TestFaultT13(t *testing.T) {
	files := map[string]func(string) string{"one at a time": plain, "surge": surging}
	for name, file := range files {
		for what, c := range map[string]struct {
			// prevent keeps a host from acting, and allow ends that.
			prevent, allow func(t *testing.T, h *fleetsim.Host)
			// back is when the pods are available again; nil: nothing else happens.
			back func(t *testing.T, h *fleetsim.Host)
			// begins: the permission was given before anything kept the host from acting.
			begins bool
		}{
			"a file that cannot be used, and the right one": {
				func(_ *testing.T, h *fleetsim.Host) { h.Lay("logger.yaml", withConfig(file("logger:2"))) },
				func(_ *testing.T, h *fleetsim.Host) { h.Lay("logger.yaml", file("logger:2")) }, nil, false,
			},
			"a ConfigMap that is missing": {
				func(_ *testing.T, h *fleetsim.Host) { h.Lay("logger.yaml", withConfig(file("logger:2"))) },
				func(_ *testing.T, h *fleetsim.Host) {
					h.Lay("config.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: logger}\ndata: {a: b}\n")
				}, nil, false,
			},
			"a full disk": {
				func(_ *testing.T, h *fleetsim.Host) { h.SetFull(true) },
				func(_ *testing.T, h *fleetsim.Host) { h.SetFull(false); h.Agent.Wake() }, nil, true,
			},
			"a full disk, and then no kubelet": {
				func(_ *testing.T, h *fleetsim.Host) { h.SetFull(true) },
				func(_ *testing.T, h *fleetsim.Host) { h.SetFull(false); h.Agent.Wake() },
				func(_ *testing.T, h *fleetsim.Host) { h.Kubelet.SetDown(true) }, true,
			},
		} {
			if name == "surge" && c.back != nil {
				continue // how the pod is to be replaced is no part of it
			}
			t.Run(name+", "+what, func(t *testing.T) {
				rolls(t, fleetsim.Config{Hosts: 5}, file, func(t *testing.T, f *fleetsim.Fleet) {
					f.Hosts[3].Stop()
					f.Hosts[4].Stop()
					f.Step(time.Minute)
					three := f.Hosts[:3]
					for _, h := range three {
						h.Lay("logger.yaml", file("logger:2"))
					}
					f.Step(10 * time.Second)
					for _, h := range three {
						c.prevent(t, h)
					}
					f.Step(10 * time.Second)
					for _, h := range three {
						ready(t, h, false)
					}
					f.Step(20 * time.Second)
					for _, h := range three {
						if phase := onDisk(t, h).Phase; phase.Taken() != c.begins {
							t.Fatalf("%s is %s: this shows nothing", h.Name, phase)
						}
						if c.back != nil {
							c.back(t, h)
						}
						ready(t, h, true)
					}
					f.Step(37 * time.Second)
					if n := f.Count(key, "logger:1"); n != 5 {
						t.Fatalf("%d of 5 pods were left alone: this shows nothing", n)
					}
					before := manifests(t, f)
					for _, h := range three {
						c.allow(t, h)
					}
					f.Step(20 * time.Second)
					for _, h := range three {
						h.Kubelet.SetDown(false)
					}
					began := time.Now()
					watch(t, f, 0, 2*time.Minute, func() bool { return time.Since(began) > time.Minute })
					if after := manifests(t, f); strings.Join(after, " ") != strings.Join(before, " ") {
						t.Errorf("manifests changed though two hosts are down:\n%q\n%q", before, after)
					}
					f.StartAll()
					watch(t, f, 1, 20*time.Minute, func() bool { return f.Count(key, "logger:2") == 3 })
				})
			})
		}
	}
}

// withConfig has the pod use a ConfigMap.
func withConfig(file string) string {
	return strings.Replace(file, `image: "logger:2"`, `image: "logger:2", envFrom: [{configMapRef: {name: logger}}]`, 1)
}

// manifests are the names of all hosts' manifests.
func manifests(t *testing.T, f *fleetsim.Fleet) []string {
	t.Helper()
	var out []string
	for _, h := range f.Hosts {
		files, err := filepath.Glob(h.Path("manifests", "*.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range files {
			out = append(out, h.Name+"/"+filepath.Base(path))
		}
	}
	return out
}
