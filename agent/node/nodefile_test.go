package node

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with the section "want" of a txtar file, or writes it there.
func golden(t *testing.T, path string, archive *txtar.Archive, got string) {
	t.Helper()
	for i, f := range archive.Files {
		if f.Name != "want" {
			continue
		}
		if *update {
			archive.Files[i].Data = []byte(got)
			if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
				t.Fatal(err)
			}
			return
		}
		if diff := cmp.Diff(string(f.Data), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
		return
	}
	t.Fatalf("%s has no section want", path)
}

// Each file of testdata/nodefile is a node file and what is wrong with it, or what it says.
func TestParseNodeFileGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/nodefile/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			facts, problems := parseNodeFile("node.yaml", archive.Files[0].Data, "n1")
			golden(t, path, archive, report(facts, problems))
		})
	}
}

func report(f fileFacts, problems diag.List) string {
	var b strings.Builder
	for _, p := range problems {
		b.WriteString(p.String() + "\n")
	}
	if problems.HasErrors() {
		return b.String()
	}
	d := merge([]fileFacts{f})
	for _, key := range sortedKeys(d.labels) {
		b.WriteString("label " + key + "=" + d.labels[key].value + " " + string(d.labels[key].origin) + "\n")
	}
	for _, key := range sortedKeys(d.annotations) {
		b.WriteString("annotation " + key + " " + string(d.annotations[key].origin) + "\n")
	}
	for _, s := range d.taints {
		b.WriteString("taint " + s.taint.ToString() + " " + string(s.origin) + "\n")
	}
	if d.unschedulable != nil {
		b.WriteString("unschedulable " + cordonOf(d, runtimeState{}).value + " " + string(d.cordonOrigin) + "\n")
	}
	return b.String()
}

func TestParseNodeFileLimits(t *testing.T) {
	head := "apiVersion: v1\nkind: Node\n"
	labels := head + "metadata:\n  labels:\n"
	for i := range maxLabels + 1 {
		labels += "    k" + strings.Repeat("x", i%60) + string(rune('a'+i/60)) + ": v\n"
	}
	taints := head + "spec:\n  taints:\n"
	for i := range maxTaints + 1 {
		taints += "  - {key: k" + strings.Repeat("x", i%60) + string(rune('a'+i/60)) + ", effect: NoSchedule}\n"
	}
	for want, text := range map[string]string{
		"513 labels, more than the 512 allowed":                      labels,
		"more than 256 taints":                                       taints,
		"the annotations have 262145 bytes, more than the 262144 al": head + "metadata:\n  annotations:\n    a: " + strings.Repeat("x", maxAnnotationBytes) + "\n",
		"more than the limit of 1048576":                             head + "#" + strings.Repeat("x", maxFileBytes),
	} {
		_, problems := parseNodeFile("f", []byte(text), "n1")
		if err := problems.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
}

// FuzzNodeFile checks that any bytes give either facts that a Node may have or a problem with a place.
func FuzzNodeFile(f *testing.F) {
	paths, _ := filepath.Glob("testdata/nodefile/*.txtar")
	for _, path := range paths {
		if archive, err := txtar.ParseFile(path); err == nil {
			f.Add(archive.Files[0].Data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		facts, problems := parseNodeFile("f", data, "n1")
		for _, p := range problems {
			if p.Message == "" || p.File != "f" || p.Severity == diag.Error && p.Line == 0 {
				t.Errorf("problem without message or place: %+v", p)
			}
		}
		if problems.HasErrors() {
			return
		}
		for key, s := range facts.Labels {
			if _, err := ParseLabelArgs([]string{key + "=" + s.Value}); err != nil || machineLabel(key) || s.Line < 1 {
				t.Errorf("label %q: %+v: %v", key, s, err)
			}
		}
		seen := map[string]bool{}
		for _, s := range facts.Taints {
			if _, err := ParseTaintArgs([]string{s.ToString()}); err != nil || seen[taintID(s.Taint)] || conditionOwns(s.Taint) != "" {
				t.Errorf("taint %q: %v", s.ToString(), err)
			}
			seen[taintID(s.Taint)] = true
		}
	})
}

// Each file of testdata/dropin holds drop-ins, by their names, and what becomes of them.
func TestParseDropInGolden(t *testing.T) {
	path := "testdata/dropin.txtar"
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, f := range archive.Files {
		if f.Name == "want" {
			continue
		}
		modified := time.Unix(1_000_000, 0)
		d, problems := parseDropIn("conditions.d/"+f.Name, f.Data, modified)
		for _, p := range problems {
			b.WriteString(p.String() + "\n")
		}
		if !problems.HasErrors() {
			b.WriteString(showCondition(d.at(modified)) + "; later " + showCondition(d.at(modified.Add(time.Hour))) + "\n")
		}
	}
	golden(t, path, archive, b.String())
}

func showCondition(c corev1.NodeCondition) string {
	return string(c.Type) + "=" + string(c.Status) + " " + c.Reason + " " + c.Message
}

// FuzzConditionFile checks that any bytes give either a condition that a Node may have or a problem.
func FuzzConditionFile(f *testing.F) {
	if archive, err := txtar.ParseFile("testdata/dropin.txtar"); err == nil {
		for _, file := range archive.Files {
			f.Add("NetworkUnavailable", file.Data)
		}
	}
	f.Add("Ready", []byte("status: True"))
	f.Add("A", []byte(`status: ""`))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		d, problems := parseDropIn(name, data, time.Unix(1, 0))
		if problems.HasErrors() {
			return
		}
		c := d.at(time.Unix(1, 0))
		if c.Status != yes && c.Status != no && c.Status != maybe {
			t.Errorf("status %q", c.Status)
		}
		if len(c.Message) > maxMessage || len(c.Reason) > maxReason || d.validFor < 0 {
			t.Errorf("over a limit: %+v", d)
		}
		if c.Type == corev1.NodeReady || c.Type == "" {
			t.Errorf("type %q", c.Type)
		}
	})
}
