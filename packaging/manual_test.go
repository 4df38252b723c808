package packaging

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// goCommand runs the Go command at the root of the repository and returns its standard output.
func goCommand(t *testing.T, env []string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir, cmd.Env = "..", append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %q: %v\n%s", args, err, stderr.Bytes())
	}
	return out
}

// TestManual: the pages that packaging/build puts into the packages are whole, and are made of the version and the date that it gives.
func TestManual(t *testing.T) {
	dir := t.TempDir()
	env := []string{"VERSION=1.2.3", "SOURCE_DATE_EPOCH=86400"}
	for _, program := range []string{"daemonsetd", "dsctl"} {
		goCommand(t, env, "run", "-tags", "manpages", "./cmd/"+program, dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		want := []string{`"1970-01-02" "daemonsetd 1.2.3"`, ".SH NAME", ".SH DESCRIPTION", ".SH SEE ALSO"}
		switch {
		case strings.HasPrefix(e.Name(), "dsctl"):
			want = append(want, ".SH SYNOPSIS", ".SH OPTIONS")
		case e.Name() == "daemonsetd.8":
			want = append(want, ".SH OPTIONS", "--kubelet-config", "DAEMONSET")
		case e.Name() == "daemonsetd.yaml.5":
			want = append(want, "gossip.keyFile")
		}
		for _, w := range want {
			if !strings.Contains(strings.ReplaceAll(string(text), `\-`, "-"), w) {
				t.Errorf("%s has no %s", e.Name(), w)
			}
		}
	}
	for _, want := range []string{
		"daemonsetd.8", "daemonsetd.yaml.5", "daemonsetd-specs.7", "dsctl.1", "dsctl-reload.1", "dsctl-get.1", "dsctl-get-configs.1",
	} {
		if !slices.Contains(names, want) {
			t.Errorf("no page %s in %q", want, names)
		}
	}
}

// TestProgramsMakeNoManual: what makes man pages is in neither program.
func TestProgramsMakeNoManual(t *testing.T) {
	for dep := range strings.FieldsSeq(string(goCommand(t, nil, "list", "-deps", "./cmd/daemonsetd", "./cmd/dsctl"))) {
		for _, never := range []string{"packaging/manpage", "go-md2man", "cobra/doc"} {
			if strings.Contains(dep, never) {
				t.Errorf("the programs import %s", dep)
			}
		}
	}
}
