package main

import (
	"bytes"
	"flag"
	"os"
	"slices"
	"testing"

	"github.com/daemonsetd/daemonsetd/packaging/manpage"
)

var manDir = flag.String("man", "", "directory to write the man pages into")

// TestManPages makes dsctl(1) and a page for every verb from the help texts. With -man it writes them, as the package build
// has it do.
func TestManPages(t *testing.T) {
	pages := manpage.Commands(newRootCommand(&deps{getenv: func(string) string { return "" }}), 1, "daemonsetd(8)", "daemonsetd-specs(7)")
	build, err := manpage.BuildFromEnvironment(os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range pages {
		names = append(names, p.FileName())
		for _, heading := range []string{".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION", ".SH OPTIONS", ".SH SEE ALSO"} {
			if !bytes.Contains(build.Roff(p), []byte(heading)) {
				t.Errorf("%s has no %s", p.FileName(), heading)
			}
		}
	}
	for _, want := range []string{"dsctl.1", "dsctl-reload.1", "dsctl-get.1", "dsctl-get-configs.1"} {
		if !slices.Contains(names, want) {
			t.Errorf("no page %s in %q", want, names)
		}
	}
	if *manDir == "" {
		return
	}
	if err := build.Write(*manDir, pages); err != nil {
		t.Fatal(err)
	}
}
