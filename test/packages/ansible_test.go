//go:build packages

package packages

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestAnsible runs the role of packaging/examples against this machine, with other directories: what docs/distribution.md says of it.
func TestAnsible(t *testing.T) {
	if _, err := exec.LookPath("ansible-playbook"); err != nil {
		t.Fatalf("%v: install the Debian package ansible-core", err)
	}
	dir := t.TempDir()
	bin, etc := filepath.Join(dir, "bin"), filepath.Join(dir, "etc")
	specs := filepath.Join(etc, "specs.d")
	if err := os.MkdirAll(specs, 0o700); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", bin+"/", "./cmd/dsctl")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const web = `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: "a:1"}]}
`
	good := put("web.yaml", web)
	roles, err := filepath.Abs("../../packaging/examples/ansible/roles")
	if err != nil {
		t.Fatal(err)
	}
	playbook := put("play.yml", "- hosts: all\n  gather_facts: false\n  roles: [daemonsetd]\n")
	play := func(vars map[string]any) (string, error) {
		t.Helper()
		vars["daemonsetd_etc"], vars["daemonsetd_service"] = etc, false
		text, err := json.Marshal(vars)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("ansible-playbook", "-i", "localhost,", "-c", "local", "-e", "@"+put("vars.json", string(text)), playbook)
		cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "HOME="+dir, "LC_ALL=C.UTF-8", "ANSIBLE_NOCOLOR=1",
			"ANSIBLE_ROLES_PATH="+roles, "ANSIBLE_LOCAL_TEMP="+dir+"/tmp", "ANSIBLE_REMOTE_TMP="+dir+"/remote")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	all := func() map[string]any {
		return map[string]any{
			"daemonsetd_specs":         []string{good},
			"daemonsetd_configuration": map[string]any{"gossip": map[string]any{"join": []string{"a.example.org"}}},
			"daemonsetd_gossip_key":    "# a key\n",
			"daemonsetd_node":          map[string]any{"apiVersion": "v1", "kind": "Node"},
		}
	}

	if out, err := play(all()); err != nil {
		t.Fatalf("the first run: %v\n%s", err, out)
	}
	for name, mode := range map[string]os.FileMode{"specs.d/web.yaml": 0o600, "gossip.key": 0o600, "daemonsetd.yaml": 0o644, "node.yaml": 0o644} {
		info, err := os.Stat(filepath.Join(etc, name))
		if err != nil {
			t.Error(err)
		} else if info.Mode().Perm() != mode {
			t.Errorf("%s has mode %o, want %o", name, info.Mode().Perm(), mode)
		}
	}
	if out, err := play(all()); err != nil || !strings.Contains(out, "changed=0 ") {
		t.Errorf("the second run changed something: %v\n%s", err, out)
	}

	bad := all()
	bad["daemonsetd_specs"] = []string{put("web.yaml", strings.ReplaceAll(web, "containers", "continers"))}
	if out, err := play(bad); err == nil || !strings.Contains(out, "continers") {
		t.Errorf("a file with an error: err = %v, want one that names the field\n%s", err, out)
	}
	if text, err := os.ReadFile(filepath.Join(specs, "web.yaml")); err != nil || string(text) != web {
		t.Errorf("after a file with an error the installed one is another: %v\n%s", err, text)
	}

	if out, err := play(map[string]any{"daemonsetd_specs_removed": []string{"web.yaml"}}); err != nil {
		t.Fatalf("removing: %v\n%s", err, out)
	}
	if left, err := os.ReadDir(specs); err != nil || len(left) != 0 {
		t.Errorf("left in the specs directory: %v, %v", left, err)
	}
}
