//go:build packages

package packages

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestLintian: no errors, no warnings. What is overridden stands with its reason in packaging/lintian.
func TestLintian(t *testing.T) {
	args := append([]string{"--allow-root", "--fail-on", "error,warning", "--no-cfg"}, packageFiles(t, "new", "*.deb")...)
	if out, err := exec.Command("lintian", args...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("lintian: %v\n%s", err, out)
	}
}

// TestRpmlint: no errors. What is filtered stands with its reason in packaging/rpm/rpmlint.toml.
func TestRpmlint(t *testing.T) {
	args := append([]string{"--config", "../../packaging/rpm/rpmlint.toml"}, packageFiles(t, "new", "*.rpm")...)
	out, err := exec.Command("rpmlint", args...).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "2 packages and 0 specfiles checked; 0 errors") {
		t.Errorf("rpmlint: %v\n%s", err, out)
	}
}

// TestShellScripts: the maintainer scripts are in the language of the shell that runs them, dash.
func TestShellScripts(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("dpkg-deb", "--control", debFile(t, "new"), dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, script := range []string{"postinst", "prerm", "postrm"} {
		if out, err := exec.Command("dash", "-n", dir+"/"+script).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", script, err, out)
		}
	}
}

// TestBillOfMaterials: there is a CycloneDX document for each program and architecture, and it has the modules.
func TestBillOfMaterials(t *testing.T) {
	files := packageFiles(t, "new", "*.cdx.json")
	if len(files) != 4 {
		t.Errorf("got %q, want one for each of two programs and two architectures", files)
	}
	for _, file := range files {
		text := readFile(t, file)
		for _, want := range []string{`"bomFormat": "CycloneDX"`, `"name": "k8s.io/kubernetes"`, `"name": "std"`, `"alg": "SHA-256"`} {
			if !strings.Contains(text, want) {
				t.Errorf("%s lacks %s", file, want)
			}
		}
		if m := regexp.MustCompile(`"(timestamp|serialNumber)"`).FindString(text); m != "" {
			t.Errorf("%s has a %s, which differs between builds", file, m)
		}
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
