// Package manpage makes man pages: from the commands of a program and their help, and from pages written in Markdown.
// Both come from the one place where a text stands, so that the manual says what the program says.
//
// It is in neither program. Each has a second main, built with the tag manpages, that writes its pages instead of being
// the program; packaging/build runs both. All of it runs on the goroutine of main.
package manpage

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cpuguy83/go-md2man/v2/md2man"
)

// Page is one man page.
type Page struct {
	// Name and Section are those of the heading and of the file: dsctl-reload and 1 make dsctl-reload.1.
	Name    string
	Section int
	// Markdown is the text, with a first-level heading for each section: NAME, SYNOPSIS, DESCRIPTION and so on.
	Markdown string
}

// Build says what a set of pages was made from.
type Build struct {
	// Version stands in the footer, Date too; it is the date of the source, not of the build.
	Version string
	Date    time.Time
}

// BuildFromEnvironment takes VERSION and SOURCE_DATE_EPOCH (seconds since 1970, reproducible-builds.org), which the
// package build sets. Without them it is version devel of 1970.
func BuildFromEnvironment(getenv func(string) string) (Build, error) {
	b := Build{Version: getenv("VERSION"), Date: time.Unix(0, 0).UTC()}
	if b.Version == "" {
		b.Version = "devel"
	}
	if text := getenv("SOURCE_DATE_EPOCH"); text != "" {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return Build{}, fmt.Errorf("SOURCE_DATE_EPOCH %q: want seconds since 1970: %w", text, err)
		}
		b.Date = time.Unix(seconds, 0).UTC()
	}
	return b, nil
}

// Main is the main function of a program that writes pages into the directory that its only argument names. The
// environment is that of BuildFromEnvironment. It returns the exit code: 0, 1 for pages that cannot be made or written,
// 2 for wrong arguments.
func Main(args []string, getenv func(string) string, stderr io.Writer, pages func() ([]Page, error)) int {
	if len(args) != 1 {
		fmt.Fprintf(stderr, "manpages: %d arguments, want one: the directory to write the pages into\n", len(args))
		return 2
	}
	err := func() error {
		build, err := BuildFromEnvironment(getenv)
		if err != nil {
			return err
		}
		all, err := pages()
		if err != nil {
			return err
		}
		return build.Write(args[0], all)
	}()
	if err != nil {
		fmt.Fprintf(stderr, "manpages: error: %v\n", err)
		return 1
	}
	return 0
}

// FileName is the page's base name.
func (p Page) FileName() string { return p.Name + "." + strconv.Itoa(p.Section) }

// Roff is the page as man(1) reads it.
func (b Build) Roff(p Page) []byte {
	head := fmt.Sprintf("%% %q %q %q %q %q\n", strings.ToUpper(p.Name), strconv.Itoa(p.Section),
		b.Date.Format("2006-01-02"),
		"daemonsetd "+b.Version, "daemonsetd")
	return md2man.Render([]byte(head + p.Markdown))
}

// Write puts the pages into a directory, which it makes.
func (b Build) Write(dir string, pages []Page) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("directory of man pages: %w", err)
	}
	for _, p := range pages {
		if err := os.WriteFile(filepath.Join(dir, p.FileName()), b.Roff(p), 0o644); err != nil {
			return fmt.Errorf("writing a man page: %w", err)
		}
	}
	return nil
}

// special are the characters that mean something in Markdown within a line.
var special = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `_`, `\_`, "`", "\\`", `<`, `\<`, `>`, `\>`, `[`, `\[`, `]`,
	`\]`, `~`, `\~`)

// Escape makes plain text mean itself in Markdown.
func Escape(text string) string { return special.Replace(text) }

// Prose turns the text of a help message into Markdown: a line in capitals is a heading, an indented line stands as it
// is, and the rest flows.
func Prose(help string) string {
	var b strings.Builder
	verbatim := false
	for line := range strings.Lines(strings.Trim(help, "\n") + "\n") {
		line = strings.TrimRight(line, "\n")
		indented := strings.HasPrefix(line, "  ")
		switch {
		case indented && !verbatim, !indented && verbatim && line != "":
			b.WriteString("\n")
		}
		switch {
		case indented:
			b.WriteString("    " + strings.TrimPrefix(line, "  ") + "\n")
		case isHeading(line):
			b.WriteString("# " + line + "\n")
		default:
			b.WriteString(Escape(line) + "\n")
		}
		verbatim = indented || verbatim && line == ""
	}
	return b.String()
}

func isHeading(line string) bool {
	return len(line) > 1 && strings.ToUpper(line) == line && strings.Trim(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ ") == ""
}
