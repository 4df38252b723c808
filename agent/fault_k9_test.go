package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

// TestFaultK9: the kubelet's file names one directory of static pods and the kubelet reads another, as a drop-in file or a flag tells it. What it says
// itself wins, also after a restart and before it answers; the difference is told, and what was left in the other directory.
func TestFaultK9(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		file, reads := b.path("run", "file"), b.path("manifests")
		b.cfg.ManifestsDir = ""
		b.slip("kubelet.yaml", "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nstaticPodPath: "+file+"\n")
		b.kubelet.SetFault("/configz", &kubeletsim.Fault{Status: 500})
		stop := b.run()
		b.lay("specs.d/logger.yaml", logger("logger:1"))
		in := func(dir string) []string {
			found, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			return found
		}
		b.eventually("the file's directory has the manifest, as nothing better is known", func() bool { return len(in(file)) == 1 })
		left := in(file)[0]
		b.kubelet.SetFault("/configz", nil)
		sleep(2 * time.Minute)
		b.phase(api.PhaseAvailable)
		if len(in(reads)) != 1 {
			t.Errorf("%v in the directory that the kubelet reads", in(reads))
		}
		b.eventually("the difference is told", func() bool { return b.health("KubeletDirectory") && b.health("ManifestsLeftBehind") })
		if text, _ := b.item("KubeletDirectory"); !strings.Contains(text, file) || !strings.Contains(text, reads) {
			t.Errorf("%q does not name both directories", text)
		}
		if text, _ := b.item("ManifestsLeftBehind"); !strings.Contains(text, left) {
			t.Errorf("%q does not name %s", text, left)
		}
		if st := b.status(); st.Paths.Manifests != reads || len(st.Manifests) != 1 || filepath.Dir(st.Manifests[0].File) != reads {
			t.Errorf("status shows %s and %+v", st.Paths.Manifests, st.Manifests)
		}

		stop()
		if err := os.Remove(left); err != nil {
			t.Fatal(err)
		}
		b.kubelet.SetFault("/configz", &kubeletsim.Fault{Status: 500})
		b.run()
		b.lay("specs.d/logger.yaml", logger("logger:2"))
		b.eventually("the new pod is ready", func() bool { _, ready := b.runsImage("logger:2"); return ready })
		if len(in(file)) != 0 || b.health("ManifestsLeftBehind") || b.health("ManifestsDirectoryMoved") {
			t.Errorf("the agent began with the other directory: %v, %+v", in(file), b.status().Health)
		}
	})
}

// TestFaultK9Option: what the operator set stays, and is told to be another one.
func TestFaultK9Option(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		b.cfg.ManifestsDir = b.path("run", "option")
		b.run()
		b.lay("specs.d/logger.yaml", logger("logger:1"))
		b.eventually("the difference is told", func() bool { return b.health("KubeletDirectory") })
		if text, _ := b.item("KubeletDirectory"); !strings.Contains(text, "manifestsDir") || !strings.Contains(text, b.cfg.ManifestsDir) {
			t.Errorf("%q", text)
		}
		b.eventually("the manifest stands there", func() bool {
			found, err := filepath.Glob(filepath.Join(b.cfg.ManifestsDir, "*.yaml"))
			return err == nil && len(found) == 1
		})
	})
}
