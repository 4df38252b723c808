package kubelet

import (
	"os"
	"path/filepath"
	"testing"
)

func lay(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestCgroupOfAPod(t *testing.T) {
	const uid = "0123456789abcdef0123456789abcdef"
	tests := map[string]struct {
		root, pod, procs, ended string
		text, endedText         string
		unified                 bool
	}{
		"v1, cgroupfs, burstable": {
			pod: "memory/kubepods/burstable/pod" + uid, procs: "c1/cgroup.procs", text: "17\n",
		},
		"v1, cgroupfs, guaranteed, own root": {
			root: "/mine", pod: "memory/mine/kubepods/pod" + uid, procs: "c1/cgroup.procs", text: "17\n",
		},
		"v1, pids alone": {
			pod: "pids/kubepods/besteffort/pod" + uid, procs: "cgroup.procs", text: "17\n18\n",
		},
		"v2, systemd": {
			pod: "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + uid + ".slice", procs: "cgroup.events", text: "populated 1\nfrozen 0\n", endedText: "populated 0\nfrozen 0\n", unified: true,
		},
		"v2, cgroupfs": {
			pod: "kubepods/pod" + uid, procs: "cgroup.events", text: "populated 1\n", endedText: "populated 0\n", unified: true,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			mount := t.TempDir()
			if tt.unified {
				lay(t, filepath.Join(mount, "cgroup.controllers"), "memory pids\n")
			}
			lay(t, filepath.Join(mount, tt.pod, "cgroup.procs"), "")
			lay(t, filepath.Join(mount, tt.pod, tt.procs), tt.text)
			c := Cgroups{Mount: mount, Root: tt.root}
			g, ok := c.Find(uid)
			if !ok {
				t.Fatal("not found")
			}
			if p, err := g.Populated(); err != nil || !p {
				t.Errorf("populated %v, %v", p, err)
			}
			lay(t, filepath.Join(mount, tt.pod, tt.procs), tt.endedText)
			if p, err := g.Populated(); err != nil || p {
				t.Errorf("populated %v, %v after the last process has ended", p, err)
			}
			if err := os.RemoveAll(filepath.Join(mount, tt.pod)); err != nil {
				t.Fatal(err)
			}
			if p, err := g.Populated(); err != nil || p {
				t.Errorf("populated %v, %v after the cgroup has gone", p, err)
			}
			for _, other := range []string{"", "fedcba", "*", "../" + uid} {
				if _, ok := c.Find(other); ok {
					t.Errorf("found a cgroup of %q", other)
				}
			}
		})
	}
}
