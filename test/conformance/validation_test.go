package conformance

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

func TestCorpusIsAccepted(t *testing.T) {
	for name, data := range corpus(t) {
		t.Run(name, func(t *testing.T) { agree(t, data, true, true) })
	}
}

// TestMutationNames: the tables refer to each other by name.
func TestMutationNames(t *testing.T) {
	seen := map[string]bool{}
	list := slices.Concat(invalidMutations(), harmless())
	for _, r := range documented() {
		list = append(list, r.mutation)
	}
	for _, m := range list {
		if seen[m.name] {
			t.Errorf("%q is the name of two edits", m.name)
		}
		seen[m.name] = true
	}
}

// TestEachMutation edits the smallest DaemonSet in one way at a time.
func TestEachMutation(t *testing.T) {
	base := corpus(t)["minimal.yaml"]
	for _, m := range invalidMutations() {
		t.Run("invalid/"+m.name, func(t *testing.T) { agree(t, mutated(t, base, m), false, false) })
	}
	for _, m := range harmless() {
		t.Run("harmless/"+m.name, func(t *testing.T) { agree(t, mutated(t, base, m), true, true) })
	}
	t.Logf("%d invalid and %d harmless edits compared", len(invalidMutations()), len(harmless()))
}

// agree wants the sides to agree, and the API server and us to say what the table says.
func agree(t *testing.T, data []byte, api, ours bool) {
	t.Helper()
	o, err := ask(data)
	if err != nil {
		t.Fatal(err)
	}
	if (o.refusal == nil) != api {
		t.Errorf("the API server takes it: %t, the table says %t: %+v", o.refusal == nil, api, o.refusal)
	}
	if o.accepted() != ours {
		t.Errorf("we take it: %t, the table says %t: %v", o.accepted(), ours, o.ours.Problems)
	}
	if text := o.disagreement(); text != "" {
		t.Errorf("%s\n%s", text, data)
	}
}

func mutated(t *testing.T, base []byte, mutations ...mutation) []byte {
	t.Helper()
	data, err := apply(base, mutations...)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestBrokenText writes the smallest DaemonSet in ways that a tree of values cannot have.
func TestBrokenText(t *testing.T) {
	for name, text := range brokenTexts(t) {
		t.Run(name, func(t *testing.T) { agree(t, text, false, false) })
	}
}

// brokenTexts gives them by what is wrong with them.
func brokenTexts(t *testing.T) map[string][]byte {
	t.Helper()
	base := string(corpus(t)["minimal.yaml"])
	texts := map[string][]byte{}
	for _, c := range []struct{ name, old, new string }{
		{"key twice", "  name: minimal\n", "  name: minimal\n  name: other\n"},
		{"key twice deep down", "        image: busybox\n", "        image: busybox\n        image: busybox\n"},
		{"two keys twice", "        image: busybox\n", "        image: busybox\n        name: main\n        image: busybox\n"},
		{"tab", "  name: minimal\n", "\tname: minimal\n"},
		{"open quote", "image: busybox", `image: "busybox`},
		{"open bracket", "image: busybox", "args: [a"},
		{"wrong indentation", "        image: busybox\n", "       image: busybox\n"},
		{"no kind", "kind: DaemonSet\n", ""},
		{"no version", "apiVersion: apps/v1\n", ""},
		{"old version", "apps/v1", "extensions/v1beta1"},
		{"unknown version", "apps/v1", "apps/v9"},
		{"kind in the wrong case", "kind: DaemonSet", "kind: Daemonset"},
		{"text alone", base, "hello"},
		{"nothing", base, ""},
	} {
		text := strings.Replace(base, c.old, c.new, 1)
		if text == base {
			t.Fatalf("%s: %q does not occur", c.name, c.old)
		}
		texts[c.name] = []byte(text)
	}
	return texts
}

// lenient are edits of what only an API server sets and shows in its output. An API server that is asked strictly refuses them.
func lenient() []mutation {
	return []mutation{
		{"unknown status", "status", `{bogus: 1}`},
		{"bad owner", "metadata.ownerReferences", `[{}]`},
		{"bad creation time", "metadata.creationTimestamp", `yesterday`},
		{"bad generation", "metadata.generation", `-4`},
	}
}

// TestDocumentedLeniency: what only an API server sets, and shows in its output, is ignored whatever it is.
func TestDocumentedLeniency(t *testing.T) {
	base := corpus(t)["minimal.yaml"]
	for _, m := range lenient() {
		t.Run(m.name, func(t *testing.T) {
			o, err := ask(mutated(t, base, m))
			if err != nil {
				t.Fatal(err)
			}
			if !o.accepted() || len(o.ours.Problems) != 1 || o.ours.Problems[0].Path != m.path {
				t.Errorf("want it accepted with one remark at %s: %v", m.path, o.ours.Problems)
			}
		})
	}
}

// TestDocumentedRefusals: each happens, with its reason at its place, and only for files that an API server takes.
func TestDocumentedRefusals(t *testing.T) {
	base := corpus(t)["minimal.yaml"]
	page, err := os.ReadFile("../../docs/config.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range documented() {
		t.Run(r.name, func(t *testing.T) {
			o, err := ask(mutated(t, base, r.mutation))
			if err != nil {
				t.Fatal(err)
			}
			if o.refusal != nil {
				t.Fatalf("the API server refuses it too: %s", o.refusal.text)
			}
			if (o.unfit == nil) != r.runs {
				t.Errorf("a kubelet runs it: %t, the table says %t: %v", o.unfit == nil, r.runs, o.unfit)
			}
			if !slices.ContainsFunc(o.ours.Problems.Errors(), func(p diag.Problem) bool { return p.Path == r.at && r.explains(p) }) {
				t.Errorf("want a problem at %q that says %q, have %v", r.at, r.says, o.ours.Problems)
			}
			if !bytes.Contains(page, []byte(r.told)) {
				t.Errorf("docs/config.md does not tell it: there is no %q", r.told)
			}
		})
	}
	t.Logf("%d documented refusals", len(documented()))
}

// TestMutationsTogether edits the whole corpus in several ways at once.
func TestMutationsTogether(t *testing.T) {
	random, wanted := newRandom(t), number(t, "CONFORMANCE_FILES", 2000)
	bases := corpus(t)
	names := slices.Sorted(maps.Keys(bases))
	tolerated, refusals := map[string]bool{}, []mutation{}
	for _, r := range documented() {
		refusals = append(refusals, r.mutation)
		tolerated[r.name] = r.runs
	}
	pools := [][]mutation{invalidMutations(), refusals, harmless(), harmless(), harmless()}
	counts := map[string]int{}
	for counts["compared"] < wanted {
		name := names[random.IntN(len(names))]
		chosen := choose(random, pools)
		data, err := apply(bases[name], chosen...)
		if err != nil {
			counts["edits that do not go together"]++
			continue
		}
		o, err := ask(data)
		if err != nil {
			t.Fatalf("%s with %q: %v", name, chosen, err)
		}
		counts["compared"]++
		counts[o.kind()]++
		expected := o.stricter() && (o.beyond() || slices.ContainsFunc(chosen, func(m mutation) bool { return tolerated[m.name] }))
		if text := o.disagreement(); text != "" && !expected {
			t.Fatalf("%s with %q: %s\n%s", name, chosen, text, data)
		}
	}
	for _, kind := range []string{"accepted", "refused by the API server", "refused by the kubelet"} {
		if counts[kind] < wanted/20 {
			t.Errorf("%d of %d files are of the kind %q, want at least 5 %%", counts[kind], wanted, kind)
		}
	}
	t.Logf("%v", counts)
}

// beyond says that all our errors are of refusals that come of two fields together, which edits that are harmless by themselves can make: a
// surge beside a port of the host.
func (o opinion) beyond() bool {
	return !slices.ContainsFunc(o.ours.Problems.Errors(), func(d diag.Problem) bool {
		return d.Path != "spec.updateStrategy.rollingUpdate.maxSurge" || !strings.Contains(d.Message, "of the host")
	})
}

// stricter says that we alone refuse the file.
func (o opinion) stricter() bool { return o.refusal == nil && o.unfit == nil && !o.accepted() }

func (o opinion) kind() string {
	switch {
	case o.refusal != nil:
		return "refused by the API server"
	case o.unfit != nil:
		return "refused by the kubelet"
	}
	return "accepted"
}

func choose(random *rand.Rand, pools [][]mutation) []mutation {
	var chosen []mutation
	for range 1 + random.IntN(3) {
		pool := pools[random.IntN(len(pools))]
		chosen = append(chosen, pool[random.IntN(len(pool))])
	}
	return chosen
}
