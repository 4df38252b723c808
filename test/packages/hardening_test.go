//go:build packages

package packages

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// allowed is what the agent needs; all else of the probe has to be refused.
var allowed = map[string]bool{
	"own a group": true, "list interfaces": true, "read meminfo": true, "read cgroups": true,
	"write to /etc/kubernetes/manifests": true, "write to /var/lib/daemonsetd": true, "write to /run/daemonsetd": true, "write to /tmp": true,
	"socket inet": true, "socket inet6": true, "socket unix": true,
	// Its own first process can be seen: where it is root's, as here, hidepid hides nothing from root.
	"see init": true,
}

// hardened runs the probe in the place of the agent: same unit, same everything but the program and how it is waited for.
func hardened(t *testing.T, m *machine) {
	t.Helper()
	probe := filepath.Join(t.TempDir(), "probe")
	build := exec.Command("go", "build", "-o", probe, "./probe")
	build.Env = append(build.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// Not /usr/sbin/daemonsetd itself, so that the agent goes on.
	m.must(t, "install", "-m", "0755", m.take(t, probe), "/usr/sbin/probe")
	// Root's by group alone, so that it takes CAP_DAC_OVERRIDE to read it.
	m.must(t, "sh", "-c", "mkdir -m 0755 /opt/private; echo x >/opt/private/file; chown 1000:1000 /opt/private/file; chmod 0600 /opt/private/file")
	// A disk of its own, as /var and /srv are on many hosts.
	m.must(t, "mount", "-t", "tmpfs", "none", "/srv")
	text := m.read(t, "/usr/lib/systemd/system/"+unit)
	for from, to := range map[string]string{
		"Type=notify": "Type=oneshot", "NotifyAccess=main": "", "ExecStart=/usr/sbin/daemonsetd": "ExecStart=/usr/sbin/probe", "ExecReload=/usr/bin/dsctl reload": "",
		"Restart=always": "Restart=no", "WatchdogSec=30s": "",
	} {
		if strings.Count(text, "\n"+from+"\n") != 1 {
			t.Fatalf("the unit has no line %q", from)
		}
		text = strings.Replace(text, "\n"+from+"\n", "\n"+to+"\n", 1)
	}
	m.write(t, "/etc/systemd/system/probe.service", text)
	m.must(t, "systemctl", "daemon-reload")
	m.must(t, "systemctl", "start", "probe.service")
	var out string
	m.until(t, func() error {
		// The journal takes a moment longer than the unit.
		if out = m.must(t, "journalctl", "--no-pager", "--output=cat", "--unit=probe.service"); !strings.Contains(out, "probe: end") {
			return fmt.Errorf("the probe did not do its work:\n%s", out)
		}
		return nil
	})
	lines := regexp.MustCompile(`(?m)^probe: ([^:]+): (.*)$`).FindAllStringSubmatch(out, -1)
	if len(lines) < len(allowed)+15 {
		t.Fatalf("the journal has not all of the probe's work:\n%s", out)
	}
	for _, line := range lines {
		if ok := line[2] == "ok"; ok != allowed[line[1]] {
			t.Errorf("%s: %s, allowed: %t", line[1], line[2], allowed[line[1]])
		}
	}
}

// TestSecurityScore: `systemd-analyze security` is content, with the versions that can judge a unit that is not loaded.
func TestSecurityScore(t *testing.T) {
	for _, suite := range []string{systemd252, systemd257} {
		r := newRoot(t, suite)
		r.must(t, "dpkg", "--unpack", "--force-depends", r.take(t, debFile(t, "new")))
		out, code := r.run(t, "systemd-analyze", "security", "--offline=yes", "--threshold=20", "--no-pager", "/usr/lib/systemd/system/"+unit)
		t.Logf("%s: %s", suite, regexp.MustCompile(`Overall exposure level.*: [0-9.]+`).FindString(out))
		if code != 0 || !strings.Contains(out, "Overall exposure level") {
			t.Errorf("%s: code %d\n%s", suite, code, out)
		}
	}
}
