package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestMain lets the scripts run the real program.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"dsctl": main})
}

func TestScripts(t *testing.T) {
	examples, err := filepath.Abs("../../packaging/examples")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("EXAMPLES", examples)
			return nil
		},
	})
}

// result is what one run of the program gave.
type result struct {
	code     int
	out, err string
}

// invoke runs the program in this process, with a socket and without a terminal.
func invoke(t *testing.T, socket string, args ...string) result {
	t.Helper()
	return invokeWith(t, streams{in: strings.NewReader("")}, append([]string{"--socket", socket}, args...)...)
}

func invokeWith(t *testing.T, s streams, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	s.out, s.err = &out, &errs
	code := run(t.Context(), args, s, func(string) string { return "" })
	return result{code, out.String(), errs.String()}
}

// golden compares with a file of testdata, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; run the test with -update to make it", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got)\n%s", path, diff)
	}
}

// verbs is every command, those below others too.
func verbs(t *testing.T) []*cobra.Command {
	t.Helper()
	var all []*cobra.Command
	for _, c := range newRootCommand(&deps{getenv: func(string) string { return "" }}).Commands() {
		if c.Hidden {
			continue // It is an answer, and no verb: see absentVerbs.
		}
		all = append(append(all, c), c.Commands()...)
	}
	return all
}

// words is what to type for a command, without the program's name.
func words(c *cobra.Command) []string { return strings.Fields(c.CommandPath())[1:] }

func TestHelp(t *testing.T) {
	golden(t, "help/dsctl.txt", invokeWith(t, streams{}, "--help").out)
	for _, c := range verbs(t) {
		got := invokeWith(t, streams{}, append(words(c), "--help")...)
		if got.code != exitOK || got.err != "" {
			t.Errorf("%s --help: exit %d, %s", c.CommandPath(), got.code, got.err)
		}
		if !strings.Contains(got.out, "EXIT STATUS\n  0  ") {
			t.Errorf("%s --help does not have the exit codes", c.CommandPath())
		}
		golden(t, "help/"+strings.Join(words(c), "-")+".txt", got.out)
	}
	files, err := os.ReadDir("testdata/help")
	if err != nil {
		t.Fatal(err)
	}
	if want := len(verbs(t)) + 1; len(files) != want {
		t.Errorf("there are %d help files, want %d", len(files), want)
	}
}

// TestHelpFits keeps the help readable in a terminal of usual width.
func TestHelpFits(t *testing.T) {
	for _, c := range verbs(t) {
		for line := range strings.Lines(c.Long) {
			if len(line) > 121 {
				t.Errorf("%s: the help has a line of %d characters: %s", c.Name(), len(line), line)
			}
		}
	}
}
