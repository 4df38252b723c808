package main

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"
	"text/template"

	"github.com/daemonsetd/daemonsetd/agent/config"
	"github.com/daemonsetd/daemonsetd/packaging/manpage"
)

var manDir = flag.String("man", "", "directory to write the man pages into")

// manual are the pages that are written by hand, with what the code fills in.
var manual = []manpage.Page{{Name: "daemonsetd", Section: 8}, {Name: "daemonsetd.yaml", Section: 5}, {Name: "daemonsetd-specs", Section: 7}}

// TestManPages fills in the pages of packaging/man from the flags, the settings and the log fields. With -man it writes them, as
// the package build has it do.
func TestManPages(t *testing.T) {
	cmd := newCommand(nil)
	cmd.InitDefaultHelpFlag()
	cmd.InitDefaultVersionFlag()
	description, exit, _ := strings.Cut(long, "\nEXIT STATUS\n")
	data := map[string]string{
		"Description": manpage.Prose(description), "Exit": manpage.Terms(exit), "Options": manpage.Options("OPTIONS", cmd.Flags()),
		"Settings": settingsText(), "Fields": fieldsText(t),
	}
	build, err := manpage.BuildFromEnvironment(os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	pages := make([]manpage.Page, 0, len(manual))
	for _, p := range manual {
		p.Markdown = fill(t, "../../packaging/man/"+p.FileName()+".md", data)
		if !bytes.Contains(build.Roff(p), []byte(".SH SEE ALSO")) {
			t.Errorf("%s is not whole", p.FileName())
		}
		pages = append(pages, p)
	}
	if *manDir == "" {
		return
	}
	if err := build.Write(*manDir, pages); err != nil {
		t.Fatal(err)
	}
}

func fill(t *testing.T, path string, data map[string]string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page, err := template.New(path).Option("missingkey=error").Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := page.Execute(&b, data); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// settingsText lists every setting with its default and its flag.
func settingsText() string {
	flags := newCommand(nil).Flags()
	var b strings.Builder
	for _, s := range config.Settings() {
		fmt.Fprintf(&b, "**%s**\n: %s", manpage.Escape(s.Key), manpage.Escape(s.Usage))
		if f := flags.Lookup(s.Flag); f != nil {
			if f.DefValue != "" && f.DefValue != "[]" {
				fmt.Fprintf(&b, " (default %s)", manpage.Escape(f.DefValue))
			}
			fmt.Fprintf(&b, ". Flag **--%s**", s.Flag)
		}
		b.WriteString(".\n\n")
	}
	return b.String()
}

// fieldsText lists the fields of messages as the journal names them, from the comments of internal/base/logfield.
func fieldsText(t *testing.T) string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../internal/base/logfield/logfield.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Join(strings.Fields(spec.Doc.Text()), " ")
		text = strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(text, spec.Names[0].Name+" "), "is "), "are ")
		fmt.Fprintf(&b, "**%s**\n: %s\n\n", manpage.Escape(strings.ToUpper(value)), manpage.Escape(strings.ToUpper(text[:1])+text[1:]))
		return true
	})
	if b.Len() == 0 {
		t.Fatal("internal/base/logfield has no fields any more: where are they?")
	}
	return b.String()
}
