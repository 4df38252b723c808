//go:build manpages

package main

import (
	"os"

	"github.com/daemonsetd/daemonsetd/packaging/manpage"
)

// main writes dsctl(1) and a page for every verb, from the help texts: `go run -tags manpages ./cmd/dsctl DIR`. It is a
// program of its own, so that nothing of what makes man pages is in dsctl.
func main() { os.Exit(manpage.Main(os.Args[1:], os.Getenv, os.Stderr, manual)) }

func manual() ([]manpage.Page, error) {
	root := newRootCommand(&deps{getenv: func(string) string { return "" }})
	return manpage.Commands(root, 1, "daemonsetd(8)", "daemonsetd-specs(7)"), nil
}
