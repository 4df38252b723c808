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

// changed are the files that are refused, each with the one that has the change that the refusal asks for.
func changed() map[string]string {
	return map[string]string{"ceph-csi": "ceph-csi-changed"}
}

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
	if len(all) < 10 {
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
			checkPods(t, d, file, want == 0)
		})
	}
	for name, other := range changed() {
		if !slices.Contains(all, name) || !slices.Contains(all, other) {
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
