package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

func write(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "daemonsetd.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFileOverDefaultsAndFlagsOverFile(t *testing.T) {
	c := Default()
	problems, err := c.ReadFile(write(t, "specsDir: /srv/specs\nnodeName: From-File\nkubelet:\n  assumeReady: true\nlog: {level: debug}\ngossip:\n  join: [c]\n  bind: 127.0.0.1\n"))
	if err != nil || len(problems) > 0 {
		t.Fatal(problems, err)
	}
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	AddFlags(fs)
	if err := fs.Parse([]string{"--node-name=From-Flag", "--kubelet-assume-ready=false", "--state-dir", "state", "--gossip-join", "a", "--gossip-join=b:1", "--gossip-key-file="}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.ApplyFlags(fs), c.Complete(), c.Validate()); err != nil {
		t.Fatal(err)
	}
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.SpecsDir, want.NodeName, want.StateDir, want.Socket, want.Log.Level = "/srv/specs", "from-flag", filepath.Join(wd, "state"), "/run/daemonsetd/agent.sock", "debug"
	want.Gossip = Gossip{Bind: "127.0.0.1", Join: []string{"a", "b:1"}}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Error(diff)
	}
	if got := c.NodeDir(); got != "/etc/daemonsetd/node.d" {
		t.Errorf("node.d is %q", got)
	}
}

func TestNoFile(t *testing.T) {
	c := Default()
	if _, err := c.ReadFile(filepath.Join(t.TempDir(), "none.yaml")); !errors.Is(err, ErrNoConfig) {
		t.Errorf("error %v, want %v", err, ErrNoConfig)
	}
}

func TestCommentsOnlyChangeNothing(t *testing.T) {
	c := Default()
	problems, err := c.ReadFile(write(t, "# specsDir: /etc/daemonsetd/specs.d\n\n# log:\n#   level: info\n"))
	if err != nil || problems.HasErrors() {
		t.Fatalf("the shipped file, which is all comments, is refused: %v, %v", problems, err)
	}
	if diff := cmp.Diff(Default(), c); diff != "" {
		t.Error(diff)
	}
}

func TestBadFileChangesNothingAndSaysWhere(t *testing.T) {
	c := Default()
	problems, err := c.ReadFile(write(t, "specsDir: /srv\nkubelet:\n  asumeReady: true\nlog: {level: [info]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), c); diff != "" {
		t.Errorf("a bad file changed something:\n%s", diff)
	}
	if problems.Count("error") != 2 || problems[0].Line != 3 || problems[0].Column != 3 || !strings.Contains(problems[0].Hint, "assumeReady") || problems[1].Line != 4 {
		t.Errorf("problems %+v", problems)
	}
}

func TestValidate(t *testing.T) {
	tests := map[string]struct {
		change func(*Config)
		want   string
	}{
		"level":       {func(c *Config) { c.Log.Level = "loud" }, `log.level "loud"`},
		"empty level": {func(c *Config) { c.Log.Level = "" }, "log.level"},
		"format":      {func(c *Config) { c.Log.Format = "xml" }, `log.format "xml"`},
		"node name":   {func(c *Config) { c.NodeName = "a_b" }, `nodeName "a_b"`},
		"url":         {func(c *Config) { c.Kubelet.URL = "127.0.0.1:10250" }, "kubelet.url"},
		"healthz":     {func(c *Config) { c.Kubelet.HealthzURL = "ftp://x" }, "kubelet.healthzURL"},
		"metrics":     {func(c *Config) { c.MetricsAddress = "9000" }, `metricsAddress "9000"`},
		"socket":      {func(c *Config) { c.Socket = "/" + strings.Repeat("s", 107) }, "choose a shorter path"},
		"half a pair": {func(c *Config) { c.Kubelet.ClientCertFile = "/c" }, "go together"},
		"bind":        {func(c *Config) { c.Gossip.Bind = ":7947" }, `gossip.bind ":7947"`},
		"advertise":   {func(c *Config) { c.Gossip.Advertise = "0.0.0.0" }, `gossip.advertise "0.0.0.0"`},
		"join":        {func(c *Config) { c.Gossip.Join = []string{"ok", "a,b"} }, `gossip.join "a,b"`},
		"cluster":     {func(c *Config) { c.Cluster = "a b" }, `cluster "a b"`},
		"no cluster":  {func(c *Config) { c.Cluster = "" }, `cluster ""`},
		"no specs":    {func(c *Config) { c.SpecsDir = "" }, "specsDir is empty"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := Default()
			c.NodeName = "node-1"
			if err := c.Complete(); err != nil {
				t.Fatal(err)
			}
			if err := c.Validate(); err != nil {
				t.Fatalf("the defaults are refused: %v", err)
			}
			tt.change(&c)
			if err := c.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want it to contain %q", err, tt.want)
			}
		})
	}
}

// Every field of Config has a row in the table, or a flag could be forgotten.
func TestEverySettingIsAFlagAndAKey(t *testing.T) {
	a, b := Default(), Config{
		SpecsDir: "x", NodeFile: "x", ManifestsDir: "x", StateDir: "x", RuntimeDir: "x", Socket: "x", NodeName: "x", MetricsAddress: "x", Log: Log{Level: "x", Format: "x"}, PurgeManifests: true,
		Cluster: "x", MembersFile: "x", Gossip: Gossip{Bind: "x", Advertise: "x", Join: []string{"x"}, KeyFile: "x"},
		Kubelet: Kubelet{Config: "x", URL: "x", HealthzURL: "x", AssumeReady: true, RootDir: "x", ServingCertFile: "x", CAFile: "x", ClientCertFile: "x", ClientKeyFile: "x", TokenFile: "x", InsecureSkipVerify: true},
	}
	for _, s := range Settings() {
		switch {
		case s.text != nil:
			*s.text(&a) = "x"
		case s.list != nil:
			*s.list(&a) = []string{"x"}
		default:
			*s.flag(&a) = true
		}
	}
	if diff := cmp.Diff(b, a); diff != "" {
		t.Errorf("fields without a row in Settings:\n%s", diff)
	}
	if got := Changed(Default(), a); len(got) != len(Settings()) {
		t.Errorf("Changed names %d settings, want all %d", len(got), len(Settings()))
	}
	for _, s := range Settings() {
		c := Default()
		last := s.Key[strings.LastIndex(s.Key, ".")+1:]
		value := last + ": zz"
		switch {
		case s.flag != nil:
			value = last + ": true"
		case s.list != nil:
			value = last + ": [yy, zz]"
		}
		if group, _, ok := strings.Cut(s.Key, "."); ok {
			value = group + ": {" + value + "}"
		}
		if problems, err := c.ReadFile(write(t, value+"\n")); err != nil || problems.HasErrors() {
			t.Errorf("key %s: %v, %v", s.Key, problems, err)
		}
		if diff := cmp.Diff([]string{s.Key}, Changed(Default(), c)); diff != "" {
			t.Errorf("key %s sets another field: %s", s.Key, diff)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add("specsDir: /srv\nlog: {level: debug}\n")
	f.Add("kubelet:\n  assumeReady: yes\n")
	f.Add("cluster: north\ngossip: {bind: \"[::1]:0\", join: [a, \"b:1\"]}\n")
	f.Add("a: *b")
	f.Fuzz(func(t *testing.T, text string) {
		c := Default()
		problems, err := c.ReadFile(write(t, text))
		if (err != nil || problems.HasErrors()) && !cmp.Equal(c, Default()) {
			t.Errorf("a bad file changed the configuration: %+v", c)
		}
		for _, p := range problems {
			if p.Message == "" || p.Line < 0 || p.Line > strings.Count(text, "\n")+strings.Count(text, "\r")+2 {
				t.Errorf("problem %+v of a file of %d bytes", p, len(text))
			}
		}
	})
}
