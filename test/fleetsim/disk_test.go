package fleetsim_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/gossip/memnet"
	"github.com/daemonsetd/daemonsetd/test/fleetsim"
	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

// rolls runs a fleet on which logger:1 is available everywhere and is not new any more.
func rolls(t *testing.T, cfg fleetsim.Config, file func(image string) string, do func(t *testing.T, f *fleetsim.Fleet), first ...func(f *fleetsim.Fleet)) {
	t.Helper()
	cfg.Seed, cfg.Faults, cfg.Log = 1, memnet.Faults{DelayMin: time.Millisecond, DelayMax: 2 * time.Millisecond}, t.Output()
	fleetsim.Run(t, cfg, func(t *testing.T, f *fleetsim.Fleet) {
		for _, do := range first {
			do(f)
		}
		f.LayAll("logger.yaml", file("logger:1"))
		f.StartAll()
		watch(t, f, len(f.Hosts), time.Minute, func() bool { return f.Count(key, "logger:1") == len(f.Hosts) })
		f.Step(11 * time.Minute)
		do(t, f)
	})
}

func plain(image string) string { return logger(image, "") }

// onDisk is what a host has on disk of its rollout.
func onDisk(t *testing.T, h *fleetsim.Host) rollout.State {
	t.Helper()
	data, err := os.ReadFile(h.Path("state", "rollouts.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		DaemonSets map[string]rollout.State `json:"daemonsets"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	return file.DaemonSets[key]
}

// copied copies a directory with the modes of what is in it.
func copied(t *testing.T, from, to string) {
	t.Helper()
	err := os.CopyFS(to, os.DirFS(from))
	if err == nil {
		err = filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(from, path)
			if err != nil {
				return err
			}
			return os.Chmod(filepath.Join(to, rel), info.Mode().Perm())
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestTouchedManifests: somebody edits the manifests of all hosts in the middle of a rollout, without any change of the pods. That is undone, and no
// pod goes out of its turn.
func TestTouchedManifests(t *testing.T) {
	cfg := fleetsim.Config{Hosts: 5, Behaviour: func(_ int, p *corev1.Pod) kubeletsim.Behaviour {
		ready := 2 * time.Second
		if p.Spec.Containers[0].Image == "logger:2" {
			ready = 2 * time.Minute
		}
		return kubeletsim.Behaviour{Start: time.Second, Ready: ready, Stop: time.Second}
	}}
	rolls(t, cfg, plain, func(t *testing.T, f *fleetsim.Fleet) {
		f.LayAll("logger.yaml", plain("logger:2"))
		watch(t, f, 1, time.Minute, func() bool { return len(f.Unavailable(key)) == 1 })
		touched := 0
		for _, h := range f.Hosts {
			files, err := filepath.Glob(h.Path("manifests", "*.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range files {
				data, err := os.ReadFile(path)
				if err == nil {
					err = os.WriteFile(path, append(data, "# touched\n"...), 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
				touched++
			}
			h.Agent.Wake()
		}
		if touched < 4 {
			t.Fatalf("%d manifests stand", touched)
		}
		began := time.Now()
		watch(t, f, 1, time.Minute, func() bool { return time.Since(began) > 30*time.Second })
		for _, h := range f.Hosts {
			files, _ := filepath.Glob(h.Path("manifests", "*.yaml"))
			for _, path := range files {
				if data, err := os.ReadFile(path); err != nil || strings.Contains(string(data), "# touched") {
					t.Errorf("%s: not restored: %v", path, err)
				}
			}
		}
		watch(t, f, 1, 20*time.Minute, func() bool { return f.Count(key, "logger:2") == len(f.Hosts) })
	})
}

// TestRestoredDisk: a host comes back with a disk that is older than what it has told. It takes back what it told, holds, and its ticket does not
// fall, whatever its file says.
func TestRestoredDisk(t *testing.T) {
	rolls(t, fleetsim.Config{Hosts: 3}, plain, func(t *testing.T, f *fleetsim.Fleet) {
		h, kept := f.Hosts[2], t.TempDir()
		h.Stop()
		dirs := []string{"state", "specs.d", "manifests"}
		for _, dir := range dirs {
			copied(t, h.Path(dir), filepath.Join(kept, dir))
		}
		h.Start()
		f.Step(time.Minute)
		f.LayAll("logger.yaml", plain("logger:2"))
		watch(t, f, 1, 10*time.Minute, func() bool { return f.Count(key, "logger:2") == 3 })
		f.Step(time.Minute)
		told := onDisk(t, h)
		h.Stop()
		f.Step(time.Minute)
		for _, dir := range dirs {
			if err := os.RemoveAll(h.Path(dir)); err != nil {
				t.Fatal(err)
			}
			copied(t, filepath.Join(kept, dir), h.Path(dir))
		}
		if before := onDisk(t, h); !told.Ticket.Above(before.Ticket) {
			t.Fatalf("told %+v, restored %+v: this shows nothing", told.Ticket, before.Ticket)
		}
		restored := time.Now()
		h.Start()
		f.Step(2 * time.Minute)
		now := onDisk(t, h)
		if told.Ticket.Above(now.Ticket) || !now.HeldUntil.After(restored.Add(9*time.Minute)) {
			t.Errorf("told the ticket %+v, now it has %+v, held until %s", told.Ticket, now.Ticket, now.HeldUntil)
		}
		h.Lay("logger.yaml", plain("logger:2"))
		watch(t, f, 1, 30*time.Minute, func() bool { return f.Count(key, "logger:2") == 3 })
	})
}

// TestLostRollouts: the file of the rollouts alone is gone. What this host told stands in the log of its own records.
func TestLostRollouts(t *testing.T) {
	rolls(t, fleetsim.Config{Hosts: 3}, plain, func(t *testing.T, f *fleetsim.Fleet) {
		h := f.Hosts[2]
		for _, early := range f.Hosts[:2] {
			early.Lay("logger.yaml", plain("logger:2"))
		}
		watch(t, f, 1, 10*time.Minute, func() bool { return f.Count(key, "logger:2") == 2 })
		f.Step(time.Minute)
		told := onDisk(t, h)
		if told.Ticket.Class < 2 {
			t.Fatalf("it has let nobody pass: %+v", told.Ticket)
		}
		h.Stop()
		h.Lay("logger.yaml", plain("logger:2"))
		if err := os.Remove(h.Path("state", "rollouts.json")); err != nil {
			t.Fatal(err)
		}
		for range 3 { // also where it is stopped before it is sure
			h.Stop()
			h.Start()
			f.Step(2 * time.Second)
		}
		f.Step(time.Minute)
		if now := onDisk(t, h); told.Ticket.Above(now.Ticket) {
			t.Errorf("told the ticket %+v, now it has %+v", told.Ticket, now.Ticket)
		}
		watch(t, f, 1, 30*time.Minute, func() bool { return f.Count(key, "logger:2") == 3 })
	})
}
