package fleetsim_test

import (
	"os"
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/gossip/memnet"
	"github.com/daemonsetd/daemonsetd/test/fleetsim"
)

// enrolled runs a fleet of four with members files, on which a DaemonSet has just been placed.
func enrolled(t *testing.T, prepare, do func(t *testing.T, f *fleetsim.Fleet)) {
	t.Helper()
	cfg := fleetsim.Config{
		Hosts: 4, Seed: 9, MembersFile: true, Log: t.Output(), Faults: memnet.Faults{DelayMin: time.Millisecond, DelayMax: 2 * time.Millisecond},
	}
	fleetsim.Run(t, cfg, func(t *testing.T, f *fleetsim.Fleet) {
		prepare(t, f)
		f.LayAll("logger.yaml", plain("logger:1"))
		f.StartAll()
		watch(t, f, 4, time.Minute, func() bool { return f.Count(key, "logger:1") == 4 })
		do(t, f)
	})
}

// rewrite changes a host's members file, by rename.
func rewrite(t *testing.T, h *fleetsim.Host, change func(string) string) {
	t.Helper()
	path := h.Path("members.yaml")
	data, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path+".new", []byte(change(string(data))), 0o600)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestNewWithMembersFile: where members files list everybody, nobody waits for 10 minutes after a DaemonSet was placed.
func TestNewWithMembersFile(t *testing.T) {
	enrolled(t, func(*testing.T, *fleetsim.Fleet) {}, func(t *testing.T, f *fleetsim.Fleet) {
		f.LayAll("logger.yaml", plain("logger:2"))
		took := watch(t, f, 1, 2*time.Minute, func() bool { return f.Count(key, "logger:2") == 4 })
		t.Logf("4 hosts one by one in %s", took)
	})
}

// TestNewWithOtherMembersFiles: a host whose members file says something else has not shown that it knows of the others, and they wait.
func TestNewWithOtherMembersFiles(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, f *fleetsim.Fleet){
		"a host without one": func(t *testing.T, f *fleetsim.Fleet) {
			rewrite(t, f.Hosts[0], func(string) string { return "forgotten: []\n" })
		},
		"one that lists a host that is not there": func(t *testing.T, f *fleetsim.Fleet) {
			for _, h := range f.Hosts {
				rewrite(t, h, func(text string) string { return text + "- {name: node-9}\n" })
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			enrolled(t, prepare, func(t *testing.T, f *fleetsim.Fleet) {
				f.LayAll("logger.yaml", plain("logger:2"))
				began := time.Now()
				watch(t, f, 0, 10*time.Minute, func() bool { return time.Since(began) > 3*time.Minute })
			})
		})
	}
}
