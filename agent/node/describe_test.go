package node

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDescribe(t *testing.T) {
	r := newRig(t)
	put(t, r.config.NodeFile, head+"metadata:\n  labels:\n    file: f\n  annotations:\n    note: x\nspec:\n  unschedulable: false\n  taints:\n  - {key: file, value: f, effect: NoSchedule}\n")
	put(t, r.path("run/conditions.d/Link"), "status: False\n")
	r.update()
	p := taintPatch(t, "file=x:NoSchedule", "run:NoSchedule")
	p.Overwrite, p.Unschedulable, p.Labels = true, new(true), map[string]string{"file": "x", "run": "r"}
	result, err := r.SetRuntime(p)
	if err != nil || len(result.Shadowed) != 3 {
		t.Fatalf("%+v, %v", result, err)
	}
	r.update(Inputs{})
	d := r.Describe()
	file := Origin("file:" + r.config.NodeFile)
	shadowed := func(v string) *string { return &v }
	labels := map[string]Described{}
	for _, l := range d.Labels {
		labels[l.Key] = l
	}
	for _, want := range []Described{
		{"file", "f", file + ":5", shadowed("x")}, {"run", "r", OriginRuntime, nil}, {"kubernetes.io/hostname", "n1", OriginAutomatic, nil},
	} {
		if diff := cmp.Diff(want, labels[want.Key]); diff != "" {
			t.Errorf("label (-want +got):\n%s", diff)
		}
	}
	if diff := cmp.Diff([]Described{{"note", "x", file + ":7", nil}}, d.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Described{Value: "false", Origin: file + ":9", Shadowed: shadowed("true")}, d.Unschedulable); diff != "" {
		t.Errorf("unschedulable (-want +got):\n%s", diff)
	}
	var taints []string
	for _, info := range d.Taints {
		line := info.ToString() + " " + strings.TrimPrefix(string(info.Origin), string(file))
		if info.Shadowed != nil {
			line += " shadows " + *info.Shadowed
		}
		taints = append(taints, line)
	}
	if diff := cmp.Diff([]string{
		"file=f:NoSchedule :11 shadows x", "run:NoSchedule runtime",
		"node.kubernetes.io/not-ready:NoExecute condition", "node.kubernetes.io/not-ready:NoSchedule condition",
	}, taints); diff != "" {
		t.Errorf("taints (-want +got):\n%s", diff)
	}
	last := d.Conditions[len(d.Conditions)-1]
	if path, ok := last.Origin.File(); last.Type != "Link" || !ok || path != r.path("run/conditions.d/Link") || d.Conditions[0].Origin != OriginKubelet {
		t.Errorf("conditions: %+v", d.Conditions)
	}
	if len(d.Signals) != len(DefaultThresholds().List) || d.SampleSource != SourceProc {
		t.Errorf("signals: %+v from %q", d.Signals, d.SampleSource)
	}
	data, err := json.Marshal(d)
	if err != nil || !strings.Contains(string(data), `"effect":"NoSchedule","origin":"runtime"`) {
		t.Errorf("JSON: %s, %v", data, err)
	}
}
