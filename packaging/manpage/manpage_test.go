package manpage

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

func TestProse(t *testing.T) {
	tests := map[string]struct{ help, want string }{
		"flows":           {"One line\nand another.\n\nA paragraph.", "One line\nand another.\n\nA paragraph.\n"},
		"indented stands": {"Like so:\n  a *b*\n  c\nAnd on.", "Like so:\n\n    a *b*\n    c\n\nAnd on.\n"},
		"heading":         {"Text.\n\nEXIT STATUS\n  0  fine", "Text.\n\n# EXIT STATUS\n\n    0  fine\n"},
		"not Markdown":    {"node.d/*.yaml and <NAME>_x", "node.d/\\*.yaml and \\<NAME\\>\\_x\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Prose(tt.help)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCommands(t *testing.T) {
	root := &cobra.Command{Use: "tool", Short: "Do things", Long: "Do things.\n\nEXIT STATUS\n  0  done\n  1  not done"}
	root.PersistentFlags().String("socket", "/run/s", "where")
	below := &cobra.Command{Use: "get THING", Short: "Get a thing", Run: func(*cobra.Command, []string) {}, Example: "  tool get a"}
	below.Flags().StringArrayP("file", "f", nil, "`path` to read; may be repeated")
	root.AddCommand(below, &cobra.Command{Use: "secret", Hidden: true, Run: func(*cobra.Command, []string) {}})
	pages := Commands(root, 1, "toold(8)")
	if len(pages) != 2 || pages[0].FileName() != "tool.1" || pages[1].FileName() != "tool-get.1" {
		t.Fatalf("pages %+v", pages)
	}
	for i, wants := range [][]string{
		{"# NAME\ntool - do things\n", "**tool** COMMAND", "# EXIT STATUS\n**0**\n: done\n\n**1**\n: not done\n", "**tool-get**(1), **toold**(8)"},
		{`**tool get** THING \[flags\]`, "**-f**, **--file** *path*\n: path to read; may be repeated\n", "# GLOBAL OPTIONS\n**--socket** *string*\n: where (default /run/s)", "# EXAMPLES\n\n    tool get a\n", "**tool**(1), **toold**(8)"},
	} {
		for _, want := range wants {
			if !strings.Contains(pages[i].Markdown, want) {
				t.Errorf("%s lacks %q:\n%s", pages[i].FileName(), want, pages[i].Markdown)
			}
		}
	}
}

func TestBuild(t *testing.T) {
	env := map[string]string{"VERSION": "1.2.3", "SOURCE_DATE_EPOCH": "86400"}
	b, err := BuildFromEnvironment(func(key string) string { return env[key] })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Build{Version: "1.2.3", Date: time.Unix(86400, 0).UTC()}, b); diff != "" {
		t.Error(diff)
	}
	roff := string(b.Roff(Page{Name: "tool", Section: 8, Markdown: "# NAME\ntool - x\n"}))
	if !strings.Contains(roff, `.TH "TOOL" "8" "1970-01-02" "daemonsetd 1.2.3" "daemonsetd"`) {
		t.Errorf("heading of %q", roff)
	}
	env["SOURCE_DATE_EPOCH"] = "yesterday"
	if _, err := BuildFromEnvironment(func(key string) string { return env[key] }); err == nil || !strings.Contains(err.Error(), "yesterday") {
		t.Errorf("error %v", err)
	}
}

func TestMainFunction(t *testing.T) {
	page := func() ([]Page, error) { return []Page{{Name: "tool", Section: 1, Markdown: "# NAME\ntool - x\n"}}, nil }
	dir := filepath.Join(t.TempDir(), "man")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		args  []string
		epoch string
		pages func() ([]Page, error)
		code  int
		said  string
	}{
		"written":      {[]string{dir}, "", page, 0, ""},
		"no directory": {nil, "", page, 2, "0 arguments, want one"},
		"no pages":     {[]string{dir}, "", func() ([]Page, error) { return nil, errors.New("no text") }, 1, "no text"},
		"wrong date":   {[]string{dir}, "yesterday", page, 1, "yesterday"},
		"a file":       {[]string{file}, "", page, 1, file},
	} {
		t.Run(name, func(t *testing.T) {
			env := map[string]string{"SOURCE_DATE_EPOCH": tt.epoch}
			var stderr strings.Builder
			if got := Main(tt.args, func(key string) string { return env[key] }, &stderr, tt.pages); got != tt.code {
				t.Errorf("exit %d, want %d", got, tt.code)
			}
			if !strings.Contains(stderr.String(), tt.said) || tt.said == "" && stderr.Len() > 0 {
				t.Errorf("said %q, want %q", stderr.String(), tt.said)
			}
		})
	}
	if text, err := os.ReadFile(filepath.Join(dir, "tool.1")); err != nil || !strings.Contains(string(text), ".SH NAME") {
		t.Errorf("page %q, %v", text, err)
	}
}
