//go:build packages

package packages

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	unit       = "daemonsetd.service"
	configFile = "/etc/daemonsetd/daemonsetd.yaml"
	ours       = "daemonsetd-kube-system-web-5f6b9cd7hx.yaml"
	edited     = "# Mine.\nnodeName: edited\n"
)

// installed are files that both packages have, with mode, owner and group.
var installed = []string{
	"0755 0:0 /etc/daemonsetd",
	"0644 0:0 /etc/daemonsetd/daemonsetd.yaml",
	"0700 0:0 /etc/daemonsetd/specs.d",
	"0755 0:0 /etc/daemonsetd/node.d",
	"0700 0:0 /var/lib/daemonsetd",
	"0755 0:0 /etc/kubernetes/manifests",
	"0755 0:0 /run/daemonsetd/conditions.d",
	"0755 0:0 /usr/sbin/daemonsetd",
	"0755 0:0 /usr/bin/dsctl",
	"0644 0:0 /usr/lib/systemd/system/daemonsetd.service",
	"0644 0:0 /usr/lib/sysusers.d/daemonsetd.conf",
	"0644 0:0 /usr/lib/tmpfiles.d/daemonsetd.conf",
	"0644 0:0 /usr/share/bash-completion/completions/dsctl",
	"0644 0:0 /usr/share/fish/vendor_completions.d/dsctl.fish",
	"0644 0:0 /usr/share/man/man1/dsctl-reload.1.gz",
	"0644 0:0 /usr/share/man/man5/daemonsetd.yaml.5.gz",
	"0644 0:0 /usr/share/man/man7/daemonsetd-specs.7.gz",
	"0644 0:0 /usr/share/man/man8/daemonsetd.8.gz",
}

// manifest is a manifest as the agent writes it, as far as the packages' scripts look at it. The test of the unit has real ones.
func manifest(owner string) string {
	return "# Written by daemonsetd.\napiVersion: v1\nkind: Pod\nmetadata:\n  annotations:\n    daemonsetd.io/daemonset: " + owner +
		"\n  name: web-5f6b9cd7hx\n  namespace: kube-system\nspec: {}\n"
}

// layManifests puts one manifest of ours beside files that are not, however much they look like it.
func layManifests(t *testing.T, r root) map[string]seen {
	t.Helper()
	dir := "/etc/kubernetes/manifests/"
	r.write(t, dir+ours, manifest("kube-system/web"))
	r.write(t, dir+"daemonsetd-kube-system-copy-5f6b9cd7hx.yaml", manifest("kube-system/web"))
	r.write(t, dir+"daemonsetd-kube-system-mine-5f6b9cd7hx.yaml", strings.Replace(manifest("kube-system/mine"), "daemonsetd.io", "example.com", 1))
	r.write(t, dir+"daemonsetd-it's mine.yaml", "# x\n")
	r.write(t, dir+"etcd.yaml", manifest("kube-system/web"))
	if err := os.Symlink(ours, r.path(dir+"daemonsetd-kube-system-web-aaaaaaaaaa.yaml")); err != nil {
		t.Fatal(err)
	}
	return r.manifests(t)
}

// names checks that a message names our manifest and no other.
func names(t *testing.T, out, what string) {
	t.Helper()
	if !strings.Contains(out, what+"/etc/kubernetes/manifests/"+ours) {
		t.Errorf("want our manifest named after %q:\n%s", what, out)
	}
	for _, foreign := range []string{"-copy-", "-mine-", "etcd", "it's", "aaaaaaaaaa"} {
		if strings.Contains(out, foreign) {
			t.Errorf("%q is not ours and is named:\n%s", foreign, out)
		}
	}
}

// TestDeb follows one host through the life of the package.
func TestDeb(t *testing.T) {
	r := newRoot(t, systemd252)
	older, newer := r.take(t, debFile(t, "old")), "/newer.deb"
	r.write(t, newer, readFile(t, debFile(t, "new")))

	r.must(t, "dpkg", "--install", older)
	checkDebInstalled(t, r)
	was := layManifests(t, r)

	r.write(t, configFile, edited)
	// As apt upgrades with nobody there: --force-confold is what Ansible and unattended upgrades give.
	r.must(t, "dpkg", "--force-confdef", "--force-confold", "--install", newer)
	if got := r.read(t, configFile); got != edited {
		t.Errorf("the upgrade changed an edited configuration to %q", got)
	}
	if got := r.must(t, "/usr/sbin/daemonsetd", "--version"); strings.Contains(got, oldVersion+"\n") {
		t.Errorf("still the old version: %s", got)
	}
	r.modes(t, installed...)
	r.untouched(t, was, "an upgrade")

	out := r.must(t, "dpkg", "--remove", "daemonsetd")
	names(t, out, "rm '")
	names(t, out, "  ")
	r.untouched(t, was, "a removal")
	r.gone(t, "/usr/sbin/daemonsetd", "/usr/bin/dsctl", "/usr/lib/systemd/system/"+unit)
	if got := r.read(t, configFile); got != edited {
		t.Errorf("the removal changed the configuration to %q", got)
	}

	r.must(t, "dpkg", "--install", newer)
	r.gone(t, "/var/lib/daemonsetd/removed", "/etc/systemd/system/"+unit)
	if got := r.read(t, configFile); got != edited {
		t.Errorf("coming back changed the configuration to %q", got)
	}
	checkEnabled(t, r, true)
	r.untouched(t, was, "a new installation")
}

func checkDebInstalled(t *testing.T, r root) {
	t.Helper()
	r.modes(t, installed...)
	r.modes(t, "0644 0:0 /usr/share/zsh/vendor-completions/_dsctl", "0644 0:0 /usr/share/doc/daemonsetd/copyright", "0644 0:0 /usr/share/doc/daemonsetd/changelog.Debian.gz")
	if got := strings.Fields(r.must(t, "dpkg-query", "--show", "--showformat=${Conffiles}", "daemonsetd")); len(got) != 2 || got[0] != configFile {
		t.Errorf("conffiles %q, want the configuration alone", got)
	}
	if got := r.must(t, "dpkg", "--verify", "daemonsetd"); got != "" {
		t.Errorf("dpkg --verify: %s", got)
	}
	if got := r.read(t, "/etc/group"); !strings.Contains(got, "\ndaemonsetd:") {
		t.Errorf("no group daemonsetd in %q", got)
	}
	if got := r.must(t, "/usr/sbin/daemonsetd", "--version"); !strings.Contains(got, oldVersion) {
		t.Errorf("version %q", got)
	}
	if got := r.must(t, "dsctl", "version", "--client"); !strings.Contains(got, oldVersion) {
		t.Errorf("version %q", got)
	}
	checkEnabled(t, r, true)
}

func checkEnabled(t *testing.T, r root, want bool) {
	t.Helper()
	_, err := os.Lstat(r.path("/etc/systemd/system/multi-user.target.wants/" + unit))
	if (err == nil) != want {
		t.Errorf("enabled %t, want %t", err == nil, want)
	}
}

// TestDebDisabled: what an administrator disabled stays disabled in an upgrade.
func TestDebDisabled(t *testing.T) {
	r := newRoot(t, systemd252)
	r.must(t, "dpkg", "--install", r.take(t, debFile(t, "old")))
	r.must(t, "systemctl", "disable", unit)
	r.must(t, "dpkg", "--install", r.take(t, debFile(t, "new")))
	checkEnabled(t, r, false)
}

// TestDebPurge: the state goes; manifests go when the configuration said so before the package was removed.
func TestDebPurge(t *testing.T) {
	const mounted = "/var/lib/daemonsetd/config/kube-system/web/5f6b9cd7hx/conf/key"
	tests := map[string]struct {
		config string
		// hostPath makes our manifest one that has files of the state directory mounted.
		hostPath      bool
		remove, purge bool
	}{
		"as installed":         {config: "# purgeManifests: true\n"},
		"no":                   {config: "purgeManifests: false\n"},
		"said as a text":       {config: "purgeManifests: \"true \"\n"},
		"in a group":           {config: "kubelet:\n  purgeManifests: true\n"},
		"mounted files":        {hostPath: true},
		"yes":                  {config: "purgeManifests: true # Appliance.\n", purge: true},
		"yes, mounted files":   {config: "purgeManifests: true\n", hostPath: true, purge: true},
		"yes, removed earlier": {config: "purgeManifests: true\n", remove: true, purge: true},
	}
	r := newRoot(t, systemd252)
	deb := r.take(t, debFile(t, "new"))
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if err := os.RemoveAll(r.path("/etc/kubernetes/manifests")); err != nil {
				t.Fatal(err)
			}
			r.must(t, "dpkg", "--install", deb)
			r.write(t, configFile, tt.config)
			was := layManifests(t, r)
			if tt.hostPath {
				r.write(t, "/etc/kubernetes/manifests/"+ours, manifest("kube-system/web")+"# path: "+filepath.Dir(mounted)+"\n")
				was = r.manifests(t)
			}
			r.write(t, mounted, "value")
			r.write(t, "/var/lib/daemonsetd/pods.json", "{}")
			if tt.remove {
				r.must(t, "dpkg", "--remove", "daemonsetd")
				r.untouched(t, was, "a removal")
			}
			out := r.must(t, "dpkg", "--purge", "daemonsetd")
			if tt.purge {
				delete(was, ours)
			} else {
				names(t, out, "rm '")
			}
			r.untouched(t, was, "a purge")
			r.gone(t, configFile, "/etc/daemonsetd", "/var/lib/daemonsetd/pods.json", "/run/daemonsetd", "/etc/systemd/system/"+unit)
			if tt.hostPath && !tt.purge {
				r.modes(t, "0644 0:0 "+mounted)
			} else {
				r.gone(t, "/var/lib/daemonsetd")
			}
			checkEnabled(t, r, false)
			if err := os.RemoveAll(r.path("/var/lib/daemonsetd")); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestFaultO18PurgeRemovesTheGossipKey: whoever has the key can pose as a member, so that a host that is given away must not have
// it. What else an operator laid beside it is not ours to remove.
func TestFaultO18PurgeRemovesTheGossipKey(t *testing.T) {
	const key, members = "/etc/daemonsetd/gossip.key", "/etc/daemonsetd/members.yaml"
	r := newRoot(t, systemd252)
	deb := r.take(t, debFile(t, "new"))
	for name, roster := range map[string]bool{"alone": false, "with a members file": true} {
		t.Run(name, func(t *testing.T) {
			r.must(t, "dpkg", "--install", deb)
			r.write(t, key, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n")
			if roster {
				r.write(t, members, "members: []\n")
			}
			r.must(t, "dpkg", "--remove", "daemonsetd")
			r.modes(t, "0644 0:0 "+key)
			r.must(t, "dpkg", "--purge", "daemonsetd")
			r.gone(t, key)
			if roster {
				r.modes(t, "0644 0:0 "+members)
				return
			}
			r.gone(t, "/etc/daemonsetd")
		})
	}
}
