package diag_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

func TestProblemString(t *testing.T) {
	p := diag.Problem{Severity: diag.Error, File: "a.yaml", Line: 3, Column: 7, Message: "no such thing", Hint: `did you mean "x"?`}
	for _, tc := range []struct {
		change func(*diag.Problem)
		want   string
	}{
		{func(*diag.Problem) {}, `a.yaml:3:7: error: no such thing (did you mean "x"?)`},
		{func(p *diag.Problem) { p.Column = 0 }, `a.yaml:3: error: no such thing (did you mean "x"?)`},
		{func(p *diag.Problem) { p.Line, p.Hint = 0, "" }, `a.yaml: error: no such thing`},
		{func(p *diag.Problem) { p.File, p.Line, p.Hint = "", 0, "" }, `error: no such thing`},
	} {
		p := p
		tc.change(&p)
		if got := p.String(); got != tc.want {
			t.Errorf("String() = %q, want %q", got, tc.want)
		}
	}
}

func TestList(t *testing.T) {
	l := diag.List{
		{Severity: diag.Info, File: "b", Line: 1, Column: 1, Message: "i"},
		{Severity: diag.Warning, File: "a", Line: 9, Column: 2, Message: "w"},
		{Severity: diag.Error, File: "a", Line: 9, Column: 2, Message: "e"},
		{Severity: diag.Error, File: "a", Line: 2, Column: 8, Message: "first", Hint: "do it"},
	}
	l.Sort()
	var order []string
	for _, p := range l {
		order = append(order, p.Message)
	}
	if diff := cmp.Diff([]string{"first", "e", "w", "i"}, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if !l.HasErrors() || len(l.Errors()) != 2 || l.Count(diag.Warning) != 1 || l.Count(diag.Info) != 1 {
		t.Errorf("counts are wrong: %v %v", l.HasErrors(), l.Errors())
	}
	err := fmt.Errorf("reading: %w", l.Err())
	if want := "reading: a:2:8: first (do it) and 1 more"; err.Error() != want {
		t.Errorf("Err() = %q, want %q", err, want)
	}
	if e, ok := errors.AsType[*diag.ListError](err); !ok || len(e.Problems) != 2 {
		t.Errorf("Err() is no *ListError with both errors: %v", err)
	}
	if err := l[2:].Err(); err != nil {
		t.Errorf("Err() of a list without errors = %v", err)
	}
}

func TestSuggest(t *testing.T) {
	fields := []string{"name", "image", "imagePullPolicy", "hostPort", "hostIP", "containerPort", "env", "envFrom", "tty"}
	for got, want := range map[string]string{
		"imagee": "image", "imag": "image", "iamge": "image", "hostport": "hostPort", "HOSTPORT": "hostPort",
		"containerport": "containerPort", "imagePullPolcy": "imagePullPolicy", "envfrom": "envFrom", "nmae": "name",
		"host": "", "x": "", "": "", "ports": "", "image": "", "securityContext": "", "ab": "",
		strings.Repeat("image", 100): "",
	} {
		near, ok := diag.Suggest(got, fields)
		if near != want || ok != (want != "") {
			t.Errorf("Suggest(%q) = %q, %v, want %q", got, near, ok, want)
		}
	}
	if near, _ := diag.Suggest("bat", []string{"cat", "bar", "hat"}); near != "bar" {
		t.Errorf("of equally near ones got %q, want the first in the alphabet", near)
	}
}

func TestSuggestIsNear(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		known := rapid.SliceOfN(rapid.StringMatching(`[a-zA-Z]{1,12}`), 0, 8).Draw(t, "known")
		got := rapid.String().Draw(t, "got")
		near, ok := diag.Suggest(got, known)
		if !ok {
			return
		}
		if diff := len([]rune(near)) - len([]rune(got)); diff > 4 || diff < -4 {
			t.Fatalf("Suggest(%q) = %q", got, near)
		}
	})
}

func TestCollector(t *testing.T) {
	var c diag.Collector
	for i := range 3 * diag.MaxProblems {
		c.Add(diag.Problem{Severity: diag.Info, File: "f", Line: i + 1, Message: "i"})
	}
	if c.HasErrors() {
		t.Error("HasErrors() before any error")
	}
	c.Add(diag.Problem{Severity: diag.Error, File: "f", Line: 7, Message: "e"})
	l := c.List()
	if !c.HasErrors() || l.Count(diag.Error) != 1 {
		t.Error("an error was dropped because of many infos")
	}
	if got := l.Count(diag.Info); got != diag.MaxProblems+1 {
		t.Errorf("%d infos, want %d and one that counts the rest", got, diag.MaxProblems)
	}
	want := diag.Problem{Severity: diag.Info, File: "f", Line: diag.MaxProblems, Message: "400 more problems of severity info are not shown"}
	if !slices.Contains(l, want) {
		t.Errorf("want %v in the list", want)
	}
}
