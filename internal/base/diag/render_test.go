package diag_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

func render(t *testing.T, l diag.List, o diag.RenderOptions) string {
	t.Helper()
	var b strings.Builder
	if err := diag.Render(&b, l, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestRender(t *testing.T) {
	got := render(t, diag.List{
		{
			Severity: diag.Error, File: "a.yaml", Line: 12, Column: 5, Message: `unknown field "imagee"`, Hint: `did you mean "image"?`,
			Snippet: "    imagee: busybox", Width: 6,
		},
		{Severity: diag.Warning, File: "a.yaml", Line: 14, Column: 2, Message: "tab", Snippet: "\tä: 1", Width: 1},
		{Severity: diag.Info, File: "a.yaml", Line: 20, Column: 1, Path: "data[x]", Message: "hidden", Hint: "do this"},
		{Severity: diag.Error, Message: "no place"},
		{Severity: diag.Error, File: "a.yaml", Line: 3, Column: 9, Message: "at the end", Snippet: "a: ", Width: 1},
	}, diag.RenderOptions{})
	want := `error: unknown field "imagee"
  --> a.yaml:12:5
   |
12 |     imagee: busybox
   |     ^^^^^^ did you mean "image"?

warning: tab
  --> a.yaml:14:2
   |
14 |     ä: 1
   |     ^

info: hidden
  --> a.yaml:20:1
   = field: data[x]
   = help: do this

error: no place

error: at the end
 --> a.yaml:3:9
  |
3 | a: 
  |    ^
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Render (-want +got):\n%s", diff)
	}
}

func TestRenderLongLine(t *testing.T) {
	line := strings.Repeat("x", 300) + "HERE" + strings.Repeat("y", 300)
	got := render(t, diag.List{{Severity: diag.Error, File: "f", Line: 1, Column: 301, Message: "m", Snippet: line, Width: 4}}, diag.RenderOptions{})
	lines := strings.Split(got, "\n")
	text, caret := lines[3], lines[4]
	if at := strings.Index(text, "HERE"); at < 0 || strings.Index(caret, "^^^^") != at || len(text) > 120 {
		t.Errorf("the place is not in view:\n%s", got)
	}
}

func TestRenderColor(t *testing.T) {
	l := diag.List{{Severity: diag.Error, File: "f", Line: 1, Column: 1, Message: "m", Hint: "h", Snippet: "text", Width: 4}}
	colored := render(t, l, diag.RenderOptions{Color: true})
	plain := render(t, l, diag.RenderOptions{})
	if !strings.Contains(colored, "\x1b[") || strings.Contains(plain, "\x1b") {
		t.Errorf("colours: %q and %q", colored, plain)
	}
	for _, code := range []string{"\x1b[1;31m", "\x1b[1;33m", "\x1b[1;36m", "\x1b[1;34m", "\x1b[1m", "\x1b[0m"} {
		colored = strings.ReplaceAll(colored, code, "")
	}
	if colored != plain {
		t.Errorf("colours change the text: %q and %q", colored, plain)
	}
}

// TestRenderCaret checks that the caret stands under the character it means and that nothing of a file reaches a terminal raw.
func TestRenderCaret(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := rapid.StringOfN(rapid.RuneFrom([]rune("ab \tä\x1b")), 0, 250, -1).Draw(t, "before")
		after := rapid.StringOfN(rapid.RuneFrom([]rune("ab \tä\x07")), 0, 250, -1).Draw(t, "after")
		p := diag.Problem{Severity: diag.Error, File: "f", Line: 1, Message: "m", Snippet: before + "§" + after, Width: 1}
		p.Column = utf8.RuneCountInString(before) + 1
		var b strings.Builder
		if err := diag.Render(&b, diag.List{p}, diag.RenderOptions{}); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(b.String(), "\n")
		text, caret := []rune(lines[3]), []rune(lines[4])
		if text[len(caret)-1] != '§' || len(text) > 4+2*3+100 {
			t.Fatalf("caret:\n%s", b.String())
		}
		if strings.ContainsAny(b.String(), "\x1b\x07\t") {
			t.Fatalf("control characters in %q", b.String())
		}
	})
}

type brokenWriter struct{}

var errBroken = errors.New("broken")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestRenderWriteError(t *testing.T) {
	if err := diag.Render(brokenWriter{}, diag.List{{Severity: diag.Error, Message: "m"}}, diag.RenderOptions{}); !errors.Is(err, errBroken) {
		t.Errorf("Render = %v, want the writer's error", err)
	}
}

func TestRenderOnce(t *testing.T) {
	p := diag.Problem{Severity: diag.Error, File: "f", Line: 1, Column: 1, Path: "a", Message: "m", Snippet: "text", Width: 4}
	q, r := p, p
	q.Path, r.Column = "b", 2
	if got := render(t, diag.List{p, q, r}, diag.RenderOptions{}); strings.Count(got, "error: m") != 2 {
		t.Errorf("want the second left out:\n%s", got)
	}
}
