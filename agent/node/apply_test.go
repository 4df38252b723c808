package node

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"
)

// theView is a node with a bit of everything: label file and taint file:NoSchedule from a file, label run and taint
// run:NoSchedule from before, and it is not ready.
func theView() (runtimeState, view) {
	d := merge([]fileFacts{{
		Path: "/n.yaml", Labels: map[string]fact{"file": {"f", 3}, "both": {"f", 4}},
		Taints: []taintFact{{corev1.Taint{Key: "file", Value: "f", Effect: "NoSchedule"}, 7}, {corev1.Taint{Key: "both", Value: "f", Effect: "NoSchedule"}, 8}},
		Cordon: &cordonFact{Value: false, Line: 9},
	}})
	r := runtimeState{
		Labels: map[string]string{"run": "r", "both": "r"},
		Taints: []corev1.Taint{{Key: "both", Value: "r", Effect: "NoSchedule"}, {Key: "run", Value: "r", Effect: "NoExecute"}, {Key: "run", Value: "r", Effect: "NoSchedule"}},
	}
	return r, newView("n1", d, r, []corev1.NodeCondition{{Type: corev1.NodeReady, Status: no}})
}

func taintPatch(t *testing.T, args ...string) Patch {
	t.Helper()
	p, err := ParseTaintArgs(args)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func labelPatch(t *testing.T, args ...string) Patch {
	t.Helper()
	p, err := ParseLabelArgs(args)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func overwriting(p Patch) Patch {
	p.Overwrite = true
	return p
}

func TestApply(t *testing.T) {
	for name, test := range map[string]struct {
		patch Patch
		want  Result
		// change is how the runtime changes differ afterwards, one per line, "-" for gone and "+" for new.
		change string
	}{
		"new label":               {labelPatch(t, "new=x"), Result{Changed: true, Operation: "labeled"}, "+label new=x"},
		"same label":              {labelPatch(t, "run=r"), Result{Operation: "not labeled"}, ""},
		"overwritten label":       {overwriting(labelPatch(t, "run=x")), Result{Changed: true, Operation: "labeled"}, "-label run=r\n+label run=x"},
		"removed label":           {labelPatch(t, "run-"), Result{Changed: true, Operation: "unlabeled"}, "-label run=r"},
		"set and removed labels":  {labelPatch(t, "run-", "new=x"), Result{Changed: true, Operation: "modified"}, "-label run=r\n+label new=x"},
		"removed label not there": {labelPatch(t, "none-"), Result{Operation: "not labeled", NotFound: []string{"none"}}, ""},
		"label as in the file":    {labelPatch(t, "file=f"), Result{Changed: true, Operation: "labeled"}, "+label file=f"},
		"label against the file": {
			overwriting(labelPatch(t, "file=x")),
			Result{Changed: true, Operation: "labeled", Shadowed: []Shadow{{"label", "file", "x", "f", "file:/n.yaml:3"}}},
			"+label file=x",
		},
		"removed label that a file sets too": {
			labelPatch(t, "both-"), Result{Changed: true, Operation: "unlabeled", Shadowed: []Shadow{{"label", "both", "", "f", "file:/n.yaml:4"}}}, "-label both=r",
		},
		"hostname":    {overwriting(labelPatch(t, "kubernetes.io/hostname=x")), Result{Changed: true, Operation: "labeled"}, "+label kubernetes.io/hostname=x"},
		"new taint":   {taintPatch(t, "new=x:NoExecute"), Result{Changed: true, Operation: "tainted"}, "+taint new=x:NoExecute"},
		"other taint": {taintPatch(t, "file:NoExecute"), Result{Changed: true, Operation: "tainted"}, "+taint file:NoExecute"},
		"overwritten taint": {
			overwriting(taintPatch(t, "run=x:NoSchedule")), Result{Changed: true, Operation: "modified"}, "-taint run=r:NoSchedule\n+taint run=x:NoSchedule",
		},
		"taint against the file": {
			overwriting(taintPatch(t, "file=x:NoSchedule")),
			Result{Changed: true, Operation: "modified", Shadowed: []Shadow{{"taint", "file:NoSchedule", "x", "f", "file:/n.yaml:7"}}},
			"+taint file=x:NoSchedule",
		},
		"removed taint": {taintPatch(t, "run:NoExecute-"), Result{Changed: true, Operation: "untainted"}, "-taint run=r:NoExecute"},
		"removed key":   {taintPatch(t, "run-"), Result{Changed: true, Operation: "untainted"}, "-taint run=r:NoExecute\n-taint run=r:NoSchedule"},
		"removed taint that a file sets too": {
			taintPatch(t, "both-"),
			Result{Changed: true, Operation: "untainted", Shadowed: []Shadow{{"taint", "both:NoSchedule", "", "f", "file:/n.yaml:8"}}},
			"-taint both=r:NoSchedule",
		},
		"taint of a condition with another effect": {taintPatch(t, "node.kubernetes.io/unschedulable:NoExecute"), Result{Changed: true, Operation: "tainted"}, "+taint node.kubernetes.io/unschedulable:NoExecute"},
		"added and removed taints":                 {taintPatch(t, "new:NoSchedule", "run-"), Result{Changed: true, Operation: "modified"}, "-taint run=r:NoExecute\n-taint run=r:NoSchedule\n+taint new:NoSchedule"},
		"cordon against the file": {
			Patch{Unschedulable: new(true)},
			Result{Changed: true, Operation: "not cordoned", Shadowed: []Shadow{{"unschedulable", "", "true", "false", "file:/n.yaml:9"}}},
			"+unschedulable",
		},
		"uncordon": {Patch{Unschedulable: new(false)}, Result{Operation: "already uncordoned"}, ""},
		"nothing":  {Patch{}, Result{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			before, v := theView()
			copyBefore := before.clone()
			after, result, err := apply(before, test.patch, v)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, result); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.change, difference(before, after)); diff != "" {
				t.Errorf("change (-want +got):\n%s", diff)
			}
			if !before.equal(copyBefore) {
				t.Errorf("apply changed what was before:\n%s", cmp.Diff(copyBefore, before))
			}
		})
	}
}

func lines(r runtimeState) []string {
	var out []string
	for _, taint := range r.Taints {
		out = append(out, "taint "+taint.ToString())
	}
	for _, key := range sortedKeys(r.Labels) {
		out = append(out, "label "+key+"="+r.Labels[key])
	}
	if r.Unschedulable {
		out = append(out, "unschedulable")
	}
	return out
}

func difference(before, after runtimeState) string {
	var out []string
	minus := func(a, b runtimeState, sign string) {
		have := map[string]bool{}
		for _, line := range lines(b) {
			have[line] = true
		}
		for _, line := range lines(a) {
			if !have[line] {
				out = append(out, sign+line)
			}
		}
	}
	minus(before, after, "-")
	minus(after, before, "+")
	return strings.Join(out, "\n")
}

func TestApplyRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		patch    Patch
		conflict bool
		want     string
	}{
		"another value":          {labelPatch(t, "run=x"), true, "'run' already has a value (r), and --overwrite is false"},
		"another value in file":  {labelPatch(t, "file=x"), true, "'file' already has a value (f), and --overwrite is false"},
		"label of the machine":   {overwriting(labelPatch(t, "kubernetes.io/arch=x")), true, `label "kubernetes.io/arch" follows the machine and cannot be changed`},
		"removal of a file's":    {labelPatch(t, "file-"), true, `label "file" is set at /n.yaml:3 and has to be removed there`},
		"removal of automatic":   {labelPatch(t, "kubernetes.io/os-"), true, `label "kubernetes.io/os" is set on every node and cannot be removed`},
		"taint there already":    {taintPatch(t, "run=r:NoSchedule"), true, "node n1 already has run taint(s) with same effect(s) and --overwrite is false"},
		"taint of a condition":   {taintPatch(t, "node.kubernetes.io/disk-pressure:NoSchedule"), true, `taint "node.kubernetes.io/disk-pressure:NoSchedule" follows the condition DiskPressure and cannot be set by hand`},
		"taint not there":        {taintPatch(t, "none:NoSchedule-"), true, `taint "none:NoSchedule" not found`},
		"taint key not there":    {taintPatch(t, "none-"), true, `taint "none" not found`},
		"taint of a file":        {taintPatch(t, "file-"), true, `taint "file:NoSchedule" is set at /n.yaml:7 and has to be removed there`},
		"taint that is implied":  {taintPatch(t, "node.kubernetes.io/not-ready:NoExecute-"), true, `taint "node.kubernetes.io/not-ready:NoExecute" follows the condition Ready and cannot be removed by hand`},
		"invalid label":          {Patch{Labels: map[string]string{"a": "b!"}}, false, `invalid label value: "a=b!"`},
		"several things at once": {labelPatch(t, "run=x", "file-", "new=y"), true, "'run' already has a value (r), and --overwrite is false\nlabel \"file\" is set"},
	} {
		t.Run(name, func(t *testing.T) {
			before, v := theView()
			after, result, err := apply(before, test.patch, v)
			patchErr, ok := errors.AsType[*PatchError](err)
			if !ok || !strings.Contains(err.Error(), test.want) || patchErr.Conflict != test.conflict {
				t.Errorf("error %v, want %q with conflict %v", err, test.want, test.conflict)
			}
			if want := strings.HasSuffix(test.want, "--overwrite is false"); patchErr != nil && patchErr.NeedsOverwrite != want {
				t.Errorf("needs overwrite: %v, want %v", patchErr.NeedsOverwrite, want)
			}
			if !after.equal(before) || result.Changed {
				t.Errorf("a refused patch changed something: %+v", after)
			}
		})
	}
}

func TestCordonWords(t *testing.T) {
	for want, test := range map[string]struct {
		before, file string
		on           bool
	}{
		"cordoned":           {"", "", true},
		"already cordoned":   {"runtime", "", true},
		"uncordoned":         {"runtime", "", false},
		"already uncordoned": {"", "", false},
		"not uncordoned":     {"", "true", false},
		"not cordoned":       {"", "false", true},
	} {
		var d declared
		if test.file != "" {
			d.unschedulable = new(test.file == "true")
		}
		before := runtimeState{Unschedulable: test.before != ""}
		after, result, err := apply(before, Patch{Unschedulable: &test.on}, newView("n1", d, before, nil))
		if err != nil || result.Operation != want || after.Unschedulable != test.on || result.Changed != (before.Unschedulable != test.on) {
			t.Errorf("%q: %+v, unschedulable %v, %v", want, result, after.Unschedulable, err)
		}
	}
}

func TestApplyLimits(t *testing.T) {
	before, v := theView()
	before.Labels = map[string]string{}
	p := Patch{Labels: map[string]string{}}
	for i := range maxLabels {
		p.Labels["k"+strings.Repeat("x", i%60)+string(rune('a'+i/60))] = ""
	}
	if _, _, err := apply(before, p, v); err == nil || !strings.Contains(err.Error(), "labels, more than the 512 allowed") {
		t.Errorf("labels: %v", err)
	}
	p = Patch{}
	for i := range maxTaints + 1 {
		p.Taints = append(p.Taints, corev1.Taint{Key: "k" + strings.Repeat("x", i%60) + string(rune('a'+i/60)), Effect: "NoSchedule"})
	}
	if _, _, err := apply(runtimeState{}, p, v); err == nil || !strings.Contains(err.Error(), "257 runtime taints, more than the 256 allowed") {
		t.Errorf("taints: %v", err)
	}
}

func TestShadowSays(t *testing.T) {
	for want, s := range map[string]Shadow{
		`label "a" stays "f" as set at /n.yaml:3, which wins over runtime changes; change it there`:         {"label", "a", "x", "f", "file:/n.yaml:3"},
		`unschedulable stays "false" as set at /n.yaml:9, which wins over runtime changes; change it there`: {"unschedulable", "", "true", "false", "file:/n.yaml:9"},
	} {
		if s.String() != want {
			t.Errorf("got %q, want %q", s.String(), want)
		}
	}
}

// Whatever is applied in whatever order: a label that a file sets keeps the file's value, every other one has the value
// that was set last, and no taint stands twice.
func TestFileWins(t *testing.T) {
	_, start := theView()
	keys := []string{"file", "both", "run", "new"}
	rapid.Check(t, func(r *rapid.T) {
		state, want := runtimeState{}, map[string]string{}
		for range rapid.IntRange(0, 20).Draw(r, "patches") {
			key := rapid.SampledFrom(keys).Draw(r, "key")
			p := Patch{Overwrite: true, Labels: map[string]string{key: "v"}, Taints: []corev1.Taint{{Key: key, Value: "v", Effect: "NoSchedule"}}}
			want[key] = "v"
			if rapid.Bool().Draw(r, "remove") {
				p = Patch{RemoveLabels: []string{key}}
				delete(want, key)
			}
			v := newView("n1", start.declared, state, nil)
			if after, _, err := apply(state, p, v); err == nil {
				state = after
			}
		}
		v := newView("n1", start.declared, state, nil)
		for _, key := range keys {
			value := want[key]
			if f, ok := start.declared.labels[key]; ok {
				value = f.value
			}
			if v.labels[key].value != value {
				r.Fatalf("label %s is %q, want %q", key, v.labels[key].value, value)
			}
		}
		seen := map[string]bool{}
		for _, s := range v.taints {
			if seen[taintID(s.taint)] {
				r.Fatalf("taint %s stands twice", taintID(s.taint))
			}
			seen[taintID(s.taint)] = true
			if f, ok := start.declared.findTaint(s.taint); ok && f != s {
				r.Fatalf("taint %s is %v, the file says %v", taintID(s.taint), s, f)
			}
		}
	})
}
