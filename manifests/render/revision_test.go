package render_test

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// A change of these values means that every pod of every host is replaced by an upgrade of the agent.
func TestRevisionIsFrozen(t *testing.T) {
	template := []byte(`{"spec":{"containers":[{"image":"busybox","name":"c"}]}}`)
	for _, tc := range []struct {
		name    string
		digests []string
		want    string
	}{
		{"template alone", nil, "bqp585hsqs"},
		{"one digest", []string{"a"}, "z9jx97lfn5"},
		{"two digests", []string{"b", "a"}, "fxfqhtctg5"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := render.Revision(template, tc.digests...); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestRevisionIgnoresOrderOfDigests(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		digests := rapid.SliceOfN(rapid.String(), 0, 6).Draw(t, "digests")
		shuffled := rapid.Permutation(digests).Draw(t, "shuffled")
		before := slices.Clone(shuffled)
		a, b := render.Revision([]byte("{}"), digests...), render.Revision([]byte("{}"), shuffled...)
		if a != b {
			t.Fatalf("%q and %q for one set of digests", a, b)
		}
		if !render.IsRevision(a) {
			t.Fatalf("%q is no revision", a)
		}
		if !slices.Equal(before, shuffled) {
			t.Fatal("the caller's digests were reordered")
		}
	})
}

// What belongs to one part must not be mistaken for another part's.
func TestRevisionKeepsPartsApart(t *testing.T) {
	seen := map[string][]string{}
	for _, parts := range [][]string{{"ab"}, {"a", "b"}, {"", "ab"}, {"", "a", "b"}, {"ab", ""}, {"a", "", "b"}, {"b", "a"}, {""}, {"", ""}} {
		r := render.Revision([]byte(parts[0]), parts[1:]...)
		if other, ok := seen[r]; ok {
			t.Errorf("%q and %q have the same revision %s", parts, other, r)
		}
		seen[r] = parts
	}
}

// Any change of any value in a template gives another revision.
func TestRevisionFollowsEveryField(t *testing.T) {
	template := []byte(`{"metadata":{"annotations":{"a":"b"},"labels":{"app":"x"}},"spec":{"containers":[{"args":["--a","--b"],` +
		`"image":"busybox","name":"c","ports":[{"hostPort":80}]}],"hostNetwork":true,"terminationGracePeriodSeconds":30}}`)
	want := render.Revision(template)
	var mutated int
	for path, m := range mutations(t, template) {
		mutated++
		if render.Revision(m) == want {
			t.Errorf("a change of %s did not change the revision", path)
		}
	}
	if mutated != 9 {
		t.Errorf("%d fields were changed, want 9", mutated)
	}
}

// mutations changes one leaf at a time.
func mutations(t *testing.T, template []byte) map[string][]byte {
	t.Helper()
	var root any
	if err := json.Unmarshal(template, &root); err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	var walk func(path string, v any, set func(any))
	walk = func(path string, v any, set func(any)) {
		switch v := v.(type) {
		case map[string]any:
			for k, e := range v {
				walk(path+"."+k, e, func(n any) { v[k] = n })
			}
		case []any:
			for i, e := range v {
				walk(path+"[]", e, func(n any) { v[i] = n })
			}
		default:
			set("changed")
			b, err := json.Marshal(root)
			if err != nil {
				t.Fatal(err)
			}
			out[path+strings.Repeat("'", len(out))] = b
			set(v)
		}
	}
	walk("", root, nil)
	return out
}

// The odds in Revision's documentation rest on all values being about equally likely.
func TestRevisionSpreads(t *testing.T) {
	const n = 27_000
	counts := map[byte]int{}
	for i := range n / render.RevisionLength {
		for _, c := range []byte(render.Revision([]byte{byte(i), byte(i >> 8)})) {
			counts[c]++
		}
	}
	if len(counts) != 27 {
		t.Fatalf("%d different characters, want 27", len(counts))
	}
	for c, got := range counts {
		if math.Abs(float64(got)-1000) > 200 {
			t.Errorf("%q occurs %d times in %d, want about 1000", c, got, n)
		}
	}
}

func TestIsRevision(t *testing.T) {
	for s, want := range map[string]bool{
		"bcdfghjklm": true, "2456789bcd": true,
		"": false, "bcdfghjkl": false, "bcdfghjklmn": false, "bcdfghjkla": false, "bcdfg-jklm": false, "BCDFGHJKLM": false,
	} {
		if got := render.IsRevision(s); got != want {
			t.Errorf("IsRevision(%q) = %v, want %v", s, got, want)
		}
	}
}
