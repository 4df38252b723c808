package packaging

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/pflag"

	"github.com/daemonsetd/daemonsetd/agent/config"
)

var update = flag.Bool("update", false, "write daemonsetd.yaml anew")

const defaultFile = "daemonsetd.yaml"

const heading = `# Settings of daemonsetd. All of them have a default, which is what stands here: take away the # in front of those that
# you change, and of the group's name where they are in a group. daemonsetd.yaml(5) says more, and the agent says where a
# mistake is. dsctl reload takes over what can be changed while running.
`

// TestDefaultConfiguration: the file that is installed is all comments and has every setting with its default. With -update it is
// written.
func TestDefaultConfiguration(t *testing.T) {
	want := defaultConfiguration()
	if *update {
		if err := os.WriteFile(defaultFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(defaultFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s is not as the settings are; run `go test ./packaging -update`:\n%s", defaultFile, diff)
	}
	for n, line := range strings.Split(string(got), "\n") {
		if line != "" && line[0] != '#' {
			t.Errorf("%s:%d: %q is not a comment: the installed file changes nothing", defaultFile, n+1, line)
		}
	}
}

// TestDefaultConfigurationUncommented: with every setting switched on the file is still what holds without it.
func TestDefaultConfigurationUncommented(t *testing.T) {
	text, err := os.ReadFile(defaultFile)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), defaultFile)
	if err := os.WriteFile(path, regexp.MustCompile(`(?m)^#( *[a-zA-Z]+:)`).ReplaceAll(text, []byte("$1")), 0o600); err != nil {
		t.Fatal(err)
	}
	var c config.Config
	problems, err := c.ReadFile(path)
	if err != nil || len(problems) > 0 {
		t.Fatal(problems, err)
	}
	if diff := cmp.Diff(config.Default(), c, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

// defaultConfiguration writes the settings in the order of their table.
func defaultConfiguration() string {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	config.AddFlags(flags)
	var b strings.Builder
	b.WriteString(heading)
	group := ""
	for _, s := range config.Settings() {
		key, in, indent := s.Key, "", ""
		if before, after, ok := strings.Cut(s.Key, "."); ok {
			in, key, indent = before, after, "  "
		}
		if in == "" || in != group {
			b.WriteString("\n")
		}
		if in != group && in != "" {
			fmt.Fprintf(&b, "#%s:\n", in)
		}
		group = in
		if indent == "" {
			fmt.Fprintf(&b, "# %s\n", s.Usage)
		} else {
			fmt.Fprintf(&b, "#%s# %s\n", indent, s.Usage)
		}
		fmt.Fprintf(&b, "#%s%s: %s\n", indent, key, defaultValue(flags.Lookup(s.Flag)))
	}
	return b.String()
}

// defaultValue is a flag's default as YAML has it. A setting without a flag is a switch that is off.
func defaultValue(f *pflag.Flag) string {
	switch {
	case f == nil:
		return "false"
	case f.DefValue == "":
		return `""`
	default:
		return f.DefValue
	}
}

// TestFaultT12Unit: whatever happens to the agent does not happen to the host, and no core file has keys in it.
func TestFaultT12Unit(t *testing.T) {
	unit, err := os.ReadFile("systemd/daemonsetd.service")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"MemoryHigh=", "MemoryMax=", "TasksMax=", "LimitCORE=0\n"} {
		if !strings.Contains(string(unit), "\n"+want) {
			t.Errorf("the unit has no %q", want)
		}
	}
}
