package realworld

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

var update = flag.Bool("update", false, "write the golden files anew")

// changed are the files that are refused, each with the one that has the change that the refusal asks for, where that is
// a small one.
func changed() map[string]string {
	return map[string]string{
		"apps-v1beta2": "", "ceph-csi": "ceph-csi-changed", "csi-inline-volume": "", "extensions-v1beta1": "", "helm-template": "",
		"pvc": "",
	}
}

// podless are the files that are good and of which the node gets no pod: it is for others, or for want of a Secret.
func podless() []string { return []string{"secret-by-reference", "windows-exporter"} }

// names are those of all DaemonSets.
func names(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range files {
		if name := strings.TrimSuffix(filepath.Base(f), ".yaml"); name != "node" {
			out = append(out, name)
		}
	}
	return out
}

// dsctl is the real program.
type dsctl string

func build(t *testing.T) dsctl {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dsctl")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "github.com/daemonsetd/daemonsetd/cmd/dsctl").CombinedOutput()
	if err != nil {
		t.Fatalf("building dsctl: %v\n%s", err, out)
	}
	return dsctl(path)
}

// result is what one run gave.
type result struct {
	code     int
	out, err string
}

func (d dsctl) run(t *testing.T, args ...string) result {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), string(d), args...)
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = "testdata", &out, &errs
	err := cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// transcript is commands with everything that they print.
func (d dsctl) transcript(t *testing.T, commands ...[]string) string {
	t.Helper()
	var b strings.Builder
	for _, args := range commands {
		r := d.run(t, args...)
		fmt.Fprintf(&b, "$ dsctl %s\n%s", strings.Join(args, " "), r.out)
		if r.err != "" {
			fmt.Fprintf(&b, "-- stderr --\n%s", r.err)
		}
		fmt.Fprintf(&b, "-- exit code %d --\n", r.code)
	}
	return b.String()
}

func TestRealWorld(t *testing.T) {
	d, all := build(t), names(t)
	if len(all) < 30 {
		t.Fatalf("there are %d DaemonSets", len(all))
	}
	for _, name := range all {
		t.Run(name, func(t *testing.T) {
			file := name + ".yaml"
			golden(t, name+".golden", d.transcript(t,
				[]string{"validate", file}, []string{"render", "-f", file, "--node-file", "node.yaml", "--trees"}))
			want := 0
			if _, refused := changed()[name]; refused {
				want = 1
			}
			if got := d.run(t, "validate", "-o", "name", file); got.code != want {
				t.Errorf("validate: exit code %d, want %d", got.code, want)
			}
			if !slices.Contains(podless(), name) {
				checkPods(t, d, file, want == 0)
			}
		})
	}
	for name, other := range changed() {
		if !slices.Contains(all, name) || other != "" && !slices.Contains(all, other) {
			t.Errorf("%s is refused, and there is no file %s.yaml beside it", name, other)
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; run the test with -update to make it", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got)\n%s", path, diff)
	}
}

// checkPods asks the kubelet's code about the pods that are printed.
func checkPods(t *testing.T, d dsctl, file string, runs bool) {
	t.Helper()
	r := d.run(t, "render", "-f", file, "--node-file", "node.yaml", "--show-secrets", "-o", "json")
	var list struct{ Items []corev1.Pod }
	if err := json.Unmarshal([]byte(r.out), &list); err != nil {
		t.Fatalf("%v in %s", err, r.out)
	}
	if (len(list.Items) == 1) != runs || (r.code == 0) != runs {
		t.Errorf("%d pods, exit code %d: %s", len(list.Items), r.code, r.err)
	}
	for i := range list.Items {
		if errs := spec.CheckPod(&list.Items[i]); len(errs) > 0 {
			t.Errorf("the kubelet would refuse the pod: %v", errs)
		}
	}
}

// TestRefusalsSayWhatToChange wants a hint and a place with every error.
func TestRefusalsSayWhatToChange(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(changed())) {
		path := filepath.Join("testdata", name+".yaml")
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		errs := spec.Parse(path, data).Problems.Errors()
		if len(errs) == 0 {
			t.Errorf("%s is not refused", name)
		}
		for _, p := range errs {
			if p.Hint == "" || p.Line == 0 {
				t.Errorf("%s: no hint or no place: %+v", name, p)
			}
		}
	}
}

// TestFaultF24: the table of docs/config.md has every file, and what it says of each goes with what the golden files show.
func TestFaultF24(t *testing.T) {
	text, err := os.ReadFile("../../docs/config.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	_, table, _ := strings.Cut(string(text), "| file | has | result | what is missing |\n|---|---|---|---|\n")
	for row := range strings.Lines(table) {
		cells := strings.Split(strings.TrimSpace(row), "|")
		if len(cells) < 2 {
			break
		}
		if len(cells) != 6 {
			t.Fatalf("a row of the table has %d cells: %s", len(cells)-2, row)
		}
		name, word, missing := strings.TrimSpace(cells[1]), strings.TrimSpace(cells[3]), strings.TrimSpace(cells[4])
		listed = append(listed, name)
		shown, err := os.ReadFile(filepath.Join("testdata", name+".golden"))
		if err != nil {
			t.Errorf("the table has a file that is not there: %v", err)
			continue
		}
		_, refused := changed()[name]
		cannot := refused || name == "windows-exporter"
		asks := bytes.Contains(shown, []byte("by the roles in this file it would ask for"))
		account := bytes.Contains(shown, []byte("cannot ask an API server"))
		switch {
		case cannot != (word == "cannot"):
			t.Errorf("%s %s, and refused is %t", name, word, refused)
		case word == "works" && asks:
			t.Errorf("%s works, and the roles in the file ask for something", name)
		case (word == "needs the API" || word == "works without metadata") && !account:
			t.Errorf("%s %s, and validate does not say that it has no token", name, word)
		case word != "works" && missing == "":
			t.Errorf("%s %s: what is missing?", name, word)
		case !slices.Contains([]string{"works", "works without metadata", "needs the API", "cannot"}, word):
			t.Errorf("%s has the result %q", name, word)
		}
	}
	slices.Sort(listed)
	if diff := cmp.Diff(slices.Sorted(slices.Values(names(t))), listed); diff != "" {
		t.Errorf("files and table (-files +table):\n%s", diff)
	}
}

// TestEnvironmentOfFluentBit has everything that is hard about inlining in one container: order, prefix, an optional object
// that is not there, dollar signs, and a literal value that refers to one that was inlined.
func TestEnvironmentOfFluentBit(t *testing.T) {
	d := build(t)
	r := d.run(t, "render", "-f", "fluent-bit.yaml", "--node-file", "node.yaml", "--show-secrets", "-o", "json")
	var list struct{ Items []corev1.Pod }
	if err := json.Unmarshal([]byte(r.out), &list); err != nil || len(list.Items) != 1 {
		t.Fatalf("%v: %s", err, r.err)
	}
	want := []corev1.EnvVar{
		{Name: "FLUSH", Value: "1"},
		{Name: "HOST", Value: "sink.example"},
		{Name: "SINK_FLUSH", Value: "1"},
		{Name: "SINK_HOST", Value: "sink.example"},
		{Name: "SINK_USER", Value: "shipper"},
		{Name: "SINK_PASSWORD", Value: "pa$$$$w0rd-$$(HOST)"},
		{Name: "SINK_URL", Value: "https://$(SINK_USER):$(SINK_PASSWORD)@$(SINK_HOST)/"},
	}
	if diff := cmp.Diff(want, list.Items[0].Spec.Containers[0].Env); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
