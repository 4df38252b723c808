//go:build manpages

package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"

	"github.com/daemonsetd/daemonsetd/agent/config"
	"github.com/daemonsetd/daemonsetd/packaging/manpage"
)

// The files that pages are made of, from the root of the repository.
const (
	pagesDir   = "packaging/man"
	fieldsFile = "internal/base/logfield/logfield.go"
)

// main fills in the pages of packaging/man from the flags, the settings and the log fields, and writes them: at the
// root of the repository, `go run -tags manpages ./cmd/daemonsetd DIR`. It is a program of its own, so that nothing of
// what makes man pages is in daemonsetd.
func main() { os.Exit(manpage.Main(os.Args[1:], os.Getenv, os.Stderr, manual)) }

// manual are the pages that are written by hand, with what the code fills in.
func manual() ([]manpage.Page, error) {
	cmd := newCommand(nil)
	cmd.InitDefaultHelpFlag()
	cmd.InitDefaultVersionFlag()
	description, exit, _ := strings.Cut(long, "\nEXIT STATUS\n")
	fields, err := fieldsText()
	if err != nil {
		return nil, err
	}
	data := map[string]string{
		"Description": manpage.Prose(description), "Exit": manpage.Terms(exit),
		"Options": manpage.Options("OPTIONS", cmd.Flags()), "Settings": settingsText(), "Fields": fields,
	}
	pages := []manpage.Page{
		{Name: "daemonsetd", Section: 8}, {Name: "daemonsetd.yaml", Section: 5}, {Name: "daemonsetd-specs", Section: 7},
	}
	for i, p := range pages {
		if pages[i].Markdown, err = fill(filepath.Join(pagesDir, p.FileName()+".md"), data); err != nil {
			return nil, err
		}
	}
	return pages, nil
}

func fill(path string, data map[string]string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("reading a page: %w; run this at the root of the repository", err)
	}
	page, err := template.New(path).Option("missingkey=error").Parse(string(text))
	if err != nil {
		return "", fmt.Errorf("page %s: %w", path, err)
	}
	var b strings.Builder
	if err := page.Execute(&b, data); err != nil {
		return "", fmt.Errorf("page %s: %w", path, err)
	}
	return b.String(), nil
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
func fieldsText() (string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), fieldsFile, nil, parser.ParseComments)
	if err != nil {
		return "", fmt.Errorf("reading the log fields: %w", err)
	}
	var b strings.Builder
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		lit, ok := spec.Values[0].(*ast.BasicLit)
		if !ok {
			return true
		}
		value, unquoted := strconv.Unquote(lit.Value)
		if unquoted != nil {
			err = fmt.Errorf("log field %s of %s: %w", spec.Names[0].Name, fieldsFile, unquoted)
		}
		text := strings.Join(strings.Fields(spec.Doc.Text()), " ")
		text = strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(text, spec.Names[0].Name+" "), "is "), "are ")
		text = manpage.Escape(strings.ToUpper(text[:1]) + text[1:])
		fmt.Fprintf(&b, "**%s**\n: %s\n\n", manpage.Escape(strings.ToUpper(value)), text)
		return true
	})
	if err == nil && b.Len() == 0 {
		err = fmt.Errorf("%s has no fields: where are they?", fieldsFile)
	}
	return b.String(), err
}
