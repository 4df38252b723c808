package packaging

import (
	"os"
	"strings"
	"testing"
)

// TestFaultK14: of directories that are not the agent's own, systemd-tmpfiles changes neither mode nor owner at every boot.
// With "-" it makes what is missing, with 0755 and root's (tmpfiles.d(5)), and leaves what is there; the ":" of newer
// versions is unknown to those of the oldest distributions that the packages are for.
func TestFaultK14(t *testing.T) {
	data, err := os.ReadFile("systemd/daemonsetd.tmpfiles")
	if err != nil {
		t.Fatal(err)
	}
	shared := 0
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "#" {
			continue
		}
		if len(f) < 5 || f[0] != "d" {
			t.Errorf("line %q: want a directory with mode, user and group", line)
			continue
		}
		if strings.HasPrefix(f[1]+"/", "/run/daemonsetd/") {
			continue
		}
		shared++
		if f[2]+f[3]+f[4] != "---" {
			t.Errorf("line %q changes what others have set", line)
		}
	}
	if shared != 1 {
		t.Errorf("%d directories of others, want the kubelet's", shared)
	}
}
