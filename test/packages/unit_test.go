//go:build packages

package packages

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// agentConfig lets the agent place with no kubelet there, and goes over the installed file.
const agentConfig = "nodeName: edge-1\nkubelet:\n  assumeReady: true\n"

// hasty shortens the watchdog, so that the test need not wait for half a minute.
const hasty = "[Service]\nWatchdogSec=3s\n"

const specFile = "/etc/daemonsetd/specs.d/web.yaml"

const spec = `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web, namespace: kube-system}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      securityContext: {fsGroup: 2000}
      tolerations: [{operator: Exists}]
      containers:
      - name: web
        image: registry.example/web:1
        volumeMounts:
        - {name: settings, mountPath: /settings}
        - {name: password, mountPath: /password}
      volumes:
      - {name: settings, configMap: {name: web}}
      - {name: password, secret: {secretName: web}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web, namespace: kube-system}
data: {key: value}
---
apiVersion: v1
kind: Secret
metadata: {name: web, namespace: kube-system}
stringData: {password: secret}
`

// TestUnit runs the unit under a live systemd, with the oldest, a middle and the newest version that it is made for.
func TestUnit(t *testing.T) {
	for _, suite := range []string{systemd247, systemd252, systemd257} {
		t.Run(suite, func(t *testing.T) {
			r := newRoot(t, suite)
			older, newer := r.take(t, debFile(t, "old")), "/newer.deb"
			r.write(t, newer, readFile(t, debFile(t, "new")))
			m := boot(t, r)
			t.Log(strings.SplitN(m.must(t, "systemctl", "--version"), "\n", 2)[0])

			m.must(t, "dpkg", "--install", older)
			active(t, m)
			was := place(t, m)
			files := laid(t, m)
			readers(t, m)
			reload(t, m)
			m.untouched(t, was, "reloading")
			hardened(t, m)

			pid := m.property(t, "MainPID")
			m.must(t, "dpkg", "--force-confdef", "--force-confold", "--install", newer)
			active(t, m)
			if m.property(t, "MainPID") == pid {
				t.Error("the upgrade did not restart the agent")
			}
			m.untouched(t, was, "an upgrade")
			watchdog(t, m)
			crash(t, m)
			journal(t, m)
			m.untouched(t, was, "a hang and a crash")

			m.must(t, "systemctl", "stop", unit)
			if state, result := m.property(t, "ActiveState"), m.property(t, "Result"); state != "inactive" || result != "success" {
				t.Errorf("stopped as %s, %s", state, result)
			}
			m.untouched(t, was, "stopping")
			for _, file := range files {
				m.must(t, "test", "-s", file)
			}
			m.must(t, "systemctl", "start", unit)
			removal(t, m, newer)
			m.untouched(t, was, "removing and coming back")
		})
	}
}

func active(t *testing.T, m *machine) {
	t.Helper()
	if state := m.property(t, "ActiveState"); state != "active" {
		t.Fatalf("the unit is %s:\n%s", state, m.journal(t))
	}
	if text := m.property(t, "StatusText"); text == "" {
		t.Error("systemctl status has no line to show")
	}
	if enabled := m.must(t, "systemctl", "is-enabled", unit); enabled != "enabled\n" {
		t.Errorf("the unit is %s", enabled)
	}
}

// place has the agent write its first manifest.
func place(t *testing.T, m *machine) map[string]seen {
	t.Helper()
	m.write(t, configFile, agentConfig)
	m.write(t, "/etc/systemd/system/"+unit+".d/hasty.conf", hasty)
	m.must(t, "systemctl", "daemon-reload")
	m.must(t, "systemctl", "restart", unit)
	active(t, m)
	m.write(t, specFile, spec)
	m.until(t, func() error {
		if n := len(m.manifests(t)); n != 1 {
			return fmt.Errorf("%d manifests:\n%s", n, m.journal(t))
		}
		return nil
	})
	return m.manifests(t)
}

// laid looks at the files of the pod's volumes, which belong to its fsGroup. Those of the Secret lie in memory, which only the
// container's own namespace shows.
func laid(t *testing.T, m *machine) []string {
	t.Helper()
	var files []string
	for base, key := range map[string]string{"/var/lib/daemonsetd/config": "key", "/run/daemonsetd/config": "password"} {
		found := strings.Fields(m.must(t, "find", base, "-type", "f", "-name", key))
		if len(found) != 1 {
			t.Fatalf("files %q of %s, want one", found, base)
		}
		files = append(files, found[0])
		dir := found[0][:strings.LastIndex(found[0], "/")]
		if got := m.must(t, "stat", "--format=%g %A", dir, found[0]); !regexp.MustCompile(`^2000 d...r.s...\n2000 -...r.....\n$`).MatchString(got) {
			t.Errorf("%s and %s are %q, want the group 2000 with the set-group-ID bit on the directory", dir, key, got)
		}
	}
	return files
}

// readers: members of the group daemonsetd read, others do not, and only root changes things.
func readers(t *testing.T, m *machine) {
	t.Helper()
	if got := m.must(t, "stat", "--format=%U:%G %a", "/run/daemonsetd/agent.sock"); got != "root:daemonsetd 660\n" {
		t.Errorf("the socket is %s", got)
	}
	as := func(group string, args ...string) (string, int) {
		return m.try(t, append([]string{"setpriv", "--reuid=65534", "--regid=" + group, "--clear-groups", "dsctl"}, args...)...)
	}
	if out, code := as("daemonsetd", "status"); code > 1 {
		t.Errorf("a member of the group cannot read: %d\n%s", code, out)
	}
	if out, code := as("daemonsetd", "cordon"); code != 4 {
		t.Errorf("a member of the group may change things: %d\n%s", code, out)
	}
	if out, code := as("65534", "status"); code < 3 {
		t.Errorf("anybody can read: %d\n%s", code, out)
	}
}

// reload: systemctl reload tells whether all files can be used, and the agent goes on either way.
func reload(t *testing.T, m *machine) {
	t.Helper()
	pid := m.property(t, "MainPID")
	m.must(t, "systemctl", "reload", unit)
	for file, good := range map[string]string{configFile: agentConfig, specFile: spec} {
		m.write(t, file, good+"\nnonsense: [\n")
		if out, code := m.try(t, "systemctl", "reload", unit); code == 0 {
			t.Errorf("a reload with a bad %s succeeded: %s", file, out)
		}
		if state := m.property(t, "ActiveState") + " " + m.property(t, "SubState"); state != "active running" {
			t.Errorf("the unit is %s after a reload with a bad %s", state, file)
		}
		m.write(t, file, good)
		m.must(t, "systemctl", "reload", unit)
	}
	m.write(t, configFile, agentConfig+"purgeManifests: false\nlog: {level: debug}\n")
	m.must(t, "systemctl", "reload", unit)
	m.write(t, configFile, agentConfig)
	m.must(t, "systemctl", "reload", unit)
	if m.property(t, "MainPID") != pid {
		t.Error("a reload made another process")
	}
}

// restarted waits until another process is up.
func restarted(t *testing.T, m *machine, pid, reason string) {
	t.Helper()
	m.until(t, func() error {
		if now := m.property(t, "MainPID"); now == pid || now == "0" || m.property(t, "ActiveState") != "active" {
			return fmt.Errorf("not restarted %s: process %s is %s", reason, now, m.property(t, "ActiveState"))
		}
		return nil
	})
}

// watchdog: an agent that does nothing any more is replaced.
func watchdog(t *testing.T, m *machine) {
	t.Helper()
	pid := m.property(t, "MainPID")
	m.must(t, "systemctl", "kill", "--signal=STOP", unit)
	restarted(t, m, pid, "after it hung")
	out := m.must(t, "journalctl", "--no-pager", "--unit="+unit)
	for _, want := range []string{"Watchdog timeout", "SIGABRT: abort", "agent.(*Agent).loop"} {
		if !strings.Contains(out, want) {
			t.Errorf("the journal lacks %q: it was not the watchdog, or nobody can tell where the agent hung\n%s", want, m.journal(t))
		}
	}
}

// crash: an agent that dies is replaced, and the count says so.
func crash(t *testing.T, m *machine) {
	t.Helper()
	pid, before := m.property(t, "MainPID"), m.property(t, "NRestarts")
	m.must(t, "systemctl", "kill", "--signal=KILL", unit)
	restarted(t, m, pid, "after it was killed")
	a, err1 := strconv.Atoi(before)
	b, err2 := strconv.Atoi(m.property(t, "NRestarts"))
	if err1 != nil || err2 != nil || b != a+1 {
		t.Errorf("restarts went from %d to %d (%v, %v)", a, b, err1, err2)
	}
}

// journal: what varies in messages is in fields that journalctl matches by.
func journal(t *testing.T, m *machine) {
	t.Helper()
	if out := m.must(t, "journalctl", "--no-pager", "--unit="+unit, "--output=cat", "DAEMONSET=kube-system/web"); strings.TrimSpace(out) == "" {
		t.Errorf("no message has the field DAEMONSET:\n%s", m.journal(t))
	}
	// With all fields, since that is where errors stand.
	out := strings.ToLower(m.must(t, "journalctl", "--no-pager", "--output=verbose", "_SYSTEMD_UNIT="+unit))
	for _, denied := range []string{"permission denied", "operation not permitted", "read-only file system"} {
		if i := strings.Index(out, denied); i >= 0 {
			t.Errorf("the agent needs something that is denied: %q", out[max(0, i-1000):i+len(denied)])
		}
	}
}

// removal: the agent goes, its pods do not, and it comes back as if nothing had been.
func removal(t *testing.T, m *machine, deb string) {
	t.Helper()
	out := m.must(t, "dpkg", "--remove", "daemonsetd")
	for name := range m.manifests(t) {
		if !strings.Contains(out, "rm '/etc/kubernetes/manifests/"+name+"'") {
			t.Errorf("%s is not named:\n%s", name, out)
		}
	}
	if out, code := m.try(t, "systemctl", "is-active", unit); code == 0 {
		t.Errorf("the agent of a removed package is %s", out)
	}
	m.must(t, "dpkg", "--install", deb)
	active(t, m)
	if _, err := os.Stat(m.path("/var/lib/daemonsetd/removed")); err == nil {
		t.Error("the note of the removal is still there")
	}
}
