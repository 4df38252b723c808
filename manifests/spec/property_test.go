package spec

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	appsdefaults "k8s.io/kubernetes/pkg/apis/apps/v1"
	"pgregory.net/rapid"
	kjson "sigs.k8s.io/json"
	kyaml "sigs.k8s.io/yaml"
)

// TestSameVerdictAsUpstream changes values of a good DaemonSet at random and compares with what the upstream code says of
// the same file: undecodable is undecodable, invalid is invalid at the same fields, and of the rest nothing is refused but
// what is in refuse.go, what package resolve cannot resolve and what the kubelet would refuse.
func TestSameVerdictAsUpstream(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var doc map[string]any
		if err := kyaml.Unmarshal([]byte(exporter), &doc); err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			key := rapid.SampledFrom([]string{"metadata", "spec"}).Draw(t, "part")
			doc[key] = mutate(t, doc[key])
		}
		data, err := json.MarshalIndent(doc, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		file := data
		if rapid.Bool().Draw(t, "yaml") {
			if file, err = kyaml.JSONToYAML(data); err != nil {
				t.Fatal(err)
			}
		}
		got := Parse("f", file)
		ds := &appsv1.DaemonSet{}
		strict, err := kjson.UnmarshalStrict(data, ds)
		if err != nil || len(strict) > 0 {
			if !got.Problems.HasErrors() {
				t.Fatalf("upstream cannot decode it (%v, %v), Parse can:\n%s", err, strict, data)
			}
			return
		}
		compare(t, got, ds, data)
	})
}

func compare(t *rapid.T, got Parsed, ds *appsv1.DaemonSet, data []byte) {
	settle(&ds.ObjectMeta)
	appsdefaults.SetObjectDefaults_DaemonSet(ds)
	var want, have []string
	_, invalid := validateDaemonSet(ds)
	for _, err := range invalid {
		want = append(want, filePath(err.Field))
	}
	for _, p := range got.Problems.Errors() {
		if !ours(p.Message) {
			have = append(have, p.Path)
		}
	}
	slices.Sort(want)
	slices.Sort(have)
	if diff := cmp.Diff(want, have); diff != "" {
		t.Fatalf("fields with errors (-upstream +Parse):\n%s\n%v\n%s", diff, got.Problems, data)
	}
}

// ours says whether an error is one of the documented refusals.
func ours(message string) bool {
	for _, start := range []string{"the kubelet would refuse the pod: ", "a static pod cannot have ", "pod name "} {
		if strings.HasPrefix(message, start) {
			return true
		}
	}
	return strings.Contains(message, " cannot be used in a static pod: ")
}

// mutate replaces, removes or adds something at a random place.
func mutate(t *rapid.T, v any) any {
	if deeper := rapid.IntRange(0, 9).Draw(t, "deeper") > 0; deeper {
		switch v := v.(type) {
		case map[string]any:
			if len(v) > 0 {
				key := rapid.SampledFrom(sortedKeys(v)).Draw(t, "key")
				v[key] = mutate(t, v[key])
				return v
			}
		case []any:
			if len(v) > 0 {
				i := rapid.IntRange(0, len(v)-1).Draw(t, "index")
				v[i] = mutate(t, v[i])
				return v
			}
		}
	}
	return rapid.SampledFrom([]any{
		nil, "", "a", "A b", "-", strings.Repeat("x", 300), "10%", "1Gi", "Always", "TCP", true, 0, 1, -1, 70000, 1.5,
		[]any{},
		[]any{"a", "a"},
		map[string]any{},
		map[string]any{"name": "a"},
		map[string]any{"app": "other"},
		[]any{map[string]any{"name": "x", "image": "y"}},
		map[string]any{"configMap": map[string]any{"name": "c"}, "name": "v"},
		map[string]any{"valueFrom": map[string]any{"secretKeyRef": map[string]any{"name": "c", "key": "k"}}, "name": "V"},
	}).Draw(t, "value")
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
