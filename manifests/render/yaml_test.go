package render

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"pgregory.net/rapid"
)

// tree draws any JSON value, lists of lists and empty ones too.
func tree(depth int) *rapid.Generator[any] {
	leaf := rapid.OneOf(
		rapid.Map(rapid.String(), func(s string) any { return s }),
		rapid.Map(rapid.StringMatching(`[ab \n:#-]{0,12}`), func(s string) any { return s }),
		rapid.Map(rapid.StringMatching(`-{0,3}[a-zA-Z0-9./@=,+%: -]{0,12}`), func(s string) any { return s }),
		rapid.Map(rapid.SampledFrom(reserved), func(s string) any { return strings.ToUpper(s[:1]) + s[1:] }),
		rapid.Map(rapid.Int64(), func(n int64) any { return n }),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Just[any](nil),
	)
	if depth == 0 {
		return leaf
	}
	child := tree(depth - 1)
	return rapid.OneOf(
		leaf,
		rapid.Map(rapid.SliceOfN(child, 0, 4), func(l []any) any { return l }),
		rapid.Map(rapid.MapOfN(rapid.StringN(0, 40, 100), child, 0, 4), func(m map[string]any) any { return m }),
	)
}

func TestToYAMLIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// The top is always a mapping: the kubelet takes a file that begins with a brace for JSON.
		in := map[string]any{"a": tree(3).Draw(t, "a"), "b": tree(2).Draw(t, "b")}
		asJSON, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		out, err := toYAML(asJSON)
		if err != nil {
			t.Fatal(err)
		}
		if i := strings.IndexFunc(string(out), func(r rune) bool { return r < ' ' && r != '\n' || r == '\u0085' || r == '\u2028' || r == '\u2029' }); i >= 0 {
			t.Fatalf("a control character at %d of %q", i, out)
		}
		back, err := utilyaml.ToJSON(out)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		var want, got any
		if err := utiljson.Unmarshal(asJSON, &want); err != nil {
			t.Fatal(err)
		}
		if err := utiljson.Unmarshal(back, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("-want +got: %s\n%q", diff, out)
		}
	})
}

func TestScalar(t *testing.T) {
	for in, want := range map[string]string{
		"a":            "a",
		"a b":          "a b",
		"a: b":         `"a: b"`,
		"a #b":         `"a #b"`,
		"a:":           `"a:"`,
		"a:b":          "a:b",
		" a":           `" a"`,
		"a ":           `"a "`,
		"-":            `"-"`,
		"- a":          `"- a"`,
		"--a=b":        "--a=b",
		"---":          `"---"`,
		"":             `""`,
		"No":           `"No"`,
		"nope":         "nope",
		"1":            `"1"`,
		"100m":         "100m",
		"1e3":          `"1e3"`,
		".5":           `".5"`,
		"~":            `"~"`,
		"a\nb\n":       "|\n  a\n  b",
		"a\n\n  b":     "|-\n  a\n\n    b",
		"a\nb\n\n":     `"a\nb\n\n"`,
		"\na":          `"\na"`,
		" a\nb":        `" a\nb"`,
		"a \nb":        `"a \nb"`,
		"a\r\nb":       `"a\r\nb"`,
		"a\n\tb":       `"a\n\tb"`,
		"\n":           `"\n"`,
		"a\nb\u2028\n": `"a\nb\u2028\n"`,
	} {
		if got := scalar(in, 2); got != want {
			t.Errorf("scalar(%q) = %q, want %q", in, got, want)
		}
	}
	if got := scalar("a\nb", -1); got != `"a\nb"` {
		t.Errorf("a key became %q", got)
	}
}

func TestToYAMLLimitsKeys(t *testing.T) {
	for n, wantErr := range map[int]bool{maxKey: false, maxKey + 1: true} {
		in := `{"a":[{"` + strings.Repeat("k", n) + `":1}]}`
		out, err := toYAML([]byte(in))
		if (err != nil) != wantErr {
			t.Errorf("a key of %d bytes: %v", n, err)
		}
		if err != nil {
			continue
		}
		if back, err := utilyaml.ToJSON(out); err != nil || string(back) != in {
			t.Errorf("a key of %d bytes was read back as %.60q, %v", n, back, err)
		}
	}
}
