//go:build packages

package packages

import (
	"os/exec"
	"strings"
	"testing"
)

// helper stands for the program that systemd's packages bring where rpm is at home, and writes down how it was called.
const helper = "#!/bin/sh\necho \"$*\" >>/helper.log\n"

// rpm runs rpm on the root.
func rpm(t *testing.T, r root, args ...string) string {
	t.Helper()
	// As in root.run, the package's scripts want a /proc.
	cmd := []string{"--mount", "--pid", "--fork", "--mount-proc=" + r.path("/proc"), "rpm", "--root", r.dir, "--dbpath", "/var/lib/rpm", "--nosignature"}
	out, code := output(t, exec.Command("unshare", append(cmd, args...)...))
	if code != 0 {
		t.Fatalf("rpm %v ended with %d:\n%s", args, code, out)
	}
	return out
}

// called gives how systemd's helper was called since the last time.
func called(t *testing.T, r root) string {
	t.Helper()
	log := r.read(t, "/helper.log")
	r.write(t, "/helper.log", "")
	return strings.TrimSpace(log)
}

// TestRpm follows one host through the life of the package. The root is a Debian for its shell and its systemd; there is no other
// rpm in it, so what ours depends on is not looked at.
func TestRpm(t *testing.T) {
	r := newRoot(t, systemd252)
	r.write(t, "/usr/lib/systemd/systemd-update-helper", helper)
	r.must(t, "chmod", "0755", "/usr/lib/systemd/systemd-update-helper")
	r.write(t, "/helper.log", "")
	rpm(t, r, "--initdb")

	rpm(t, r, "--install", "--nodeps", rpmFile(t, "old"))
	if got := called(t, r); got != "install-system-units "+unit {
		t.Errorf("the installation called %q", got)
	}
	checkRpmInstalled(t, r)
	was := layManifests(t, r)

	r.write(t, configFile, edited)
	rpm(t, r, "--upgrade", "--nodeps", rpmFile(t, "new"))
	if got := called(t, r); got != "mark-restart-system-units "+unit {
		t.Errorf("the upgrade called %q", got)
	}
	if got := r.read(t, configFile); got != edited {
		t.Errorf("the upgrade changed an edited configuration to %q", got)
	}
	if got := r.read(t, configFile+".rpmnew"); got != readFile(t, "../../packaging/daemonsetd.yaml") {
		t.Errorf("the new default is not beside it: %q", got)
	}
	r.modes(t, installed...)
	r.untouched(t, was, "an upgrade")

	out := rpm(t, r, "--erase", "daemonsetd")
	if got := called(t, r); got != "remove-system-units "+unit {
		t.Errorf("the removal called %q", got)
	}
	names(t, out, "rm '")
	names(t, out, "  ")
	r.untouched(t, was, "a removal")
	r.gone(t, "/usr/sbin/daemonsetd", "/usr/bin/dsctl", "/usr/lib/systemd/system/"+unit, configFile)
	if got := r.read(t, configFile+".rpmsave"); got != edited {
		t.Errorf("the removal kept %q of the configuration", got)
	}

	rpm(t, r, "--install", "--nodeps", rpmFile(t, "new"))
	if got := called(t, r); got != "install-system-units "+unit {
		t.Errorf("coming back called %q", got)
	}
	r.untouched(t, was, "a new installation")
	r.modes(t, installed...)
}

func checkRpmInstalled(t *testing.T, r root) {
	t.Helper()
	r.modes(t, installed...)
	r.modes(t, "0644 0:0 /usr/share/zsh/site-functions/_dsctl", "0644 0:0 /usr/lib/systemd/system-preset/80-daemonsetd.preset", "0644 0:0 /usr/share/licenses/daemonsetd/LICENSE")
	if got := strings.TrimSpace(rpm(t, r, "--query", "--configfiles", "daemonsetd")); got != configFile {
		t.Errorf("configuration files %q", got)
	}
	if got := rpm(t, r, "--verify", "--nodeps", "daemonsetd"); got != "" {
		t.Errorf("rpm --verify: %s", got)
	}
	if got := r.read(t, "/etc/group"); !strings.Contains(got, "\ndaemonsetd:") {
		t.Errorf("no group daemonsetd in %q", got)
	}
	if got := r.must(t, "/usr/sbin/daemonsetd", "--version"); !strings.Contains(got, oldVersion) {
		t.Errorf("version %q", got)
	}
	// rpm enables nothing: systemd does, by its presets.
	checkEnabled(t, r, false)
	if got := r.must(t, "systemctl", "preset", unit); !strings.Contains(got, "multi-user.target.wants") {
		t.Errorf("the preset does not enable the unit: %s", got)
	}
}
