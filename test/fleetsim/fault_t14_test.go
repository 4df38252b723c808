package fleetsim_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/test/fleetsim"
	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

// TestFaultT14: a machine that is set back to an older disk starts while it is cut off. It tells nothing before it has heard of another host: then it
// takes back what it told, holds, and its ticket does not fall.
func TestFaultT14(t *testing.T) {
	cfg := fleetsim.Config{Hosts: 4, Behaviour: func(_ int, p *corev1.Pod) kubeletsim.Behaviour {
		b := kubeletsim.Behaviour{Start: time.Second, Ready: 2 * time.Second, Stop: time.Second}
		if p.Spec.Containers[0].Image == "logger:4" {
			b.Ready = 40 * time.Second
		}
		return b
	}}
	rolls(t, cfg, plain, func(t *testing.T, f *fleetsim.Fleet) {
		h, kept := f.Hosts[3], t.TempDir()
		dirs := []string{"state", "specs.d", "manifests"}
		h.Stop()
		for _, dir := range dirs {
			copied(t, h.Path(dir), filepath.Join(kept, dir))
		}
		h.Start()
		f.Step(time.Minute)
		for _, image := range []string{"logger:2", "logger:3"} {
			f.LayAll("logger.yaml", plain(image))
			watch(t, f, 1, 10*time.Minute, func() bool { return f.Count(key, image) == 4 })
		}
		f.Step(time.Minute)
		told := onDisk(t, h)
		h.Stop()
		for _, dir := range dirs {
			if err := os.RemoveAll(h.Path(dir)); err != nil {
				t.Fatal(err)
			}
			copied(t, filepath.Join(kept, dir), h.Path(dir))
		}
		if before := onDisk(t, h); !told.Ticket.Above(before.Ticket) {
			t.Fatalf("told %+v, restored %+v: this shows nothing", told.Ticket, before.Ticket)
		}
		f.Cut(func(o *fleetsim.Host) bool { return o == h }, false)
		h.Start()
		f.Step(2 * time.Minute) // it is longer on its own than a start takes to settle
		f.Heal()
		healed := time.Now()
		watch(t, f, 1, 10*time.Minute, func() bool { return onDisk(t, h).Ticket.Compare(told.Ticket) >= 0 })
		if now := onDisk(t, h); !now.HeldUntil.After(healed.Add(9 * time.Minute)) {
			t.Errorf("told the ticket %+v, now it has %+v, held until %s", told.Ticket, now.Ticket, now.HeldUntil)
		}
		f.LayAll("logger.yaml", plain("logger:4"))
		watch(t, f, 1, 30*time.Minute, func() bool { return f.Count(key, "logger:4") == 4 })
	})
}
