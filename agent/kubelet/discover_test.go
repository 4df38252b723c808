package kubelet

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

const configHead = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"

// lookOnce is the first look of a Discovery.
func lookOnce(opts Options) (Settings, diag.List) {
	set, problems, _ := NewDiscovery(opts).Look(time.Now(), true)
	return set, problems
}

// discover writes a configuration and reads it.
func discover(t *testing.T, config string, opts Options) (Settings, diag.List) {
	t.Helper()
	opts.ConfigFile = filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(opts.ConfigFile, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return lookOnce(opts)
}

func TestDiscoverAddresses(t *testing.T) {
	type addresses struct{ URL, ReadOnlyURL, HealthzURL string }
	for _, tc := range []struct {
		name, config string
		opts         Options
		want         addresses
		from         map[string]string
	}{
		{name: "defaults", want: addresses{DefaultURL, "", DefaultHealthzURL}, from: map[string]string{"URL": FromDefault, "HealthzURL": FromDefault}},
		{
			name: "every address", config: "address: 0.0.0.0\nport: 1250\nreadOnlyPort: 1255\nhealthzPort: 1248\nhealthzBindAddress: 0.0.0.0\n",
			want: addresses{"https://127.0.0.1:1250", "http://127.0.0.1:1255", "http://127.0.0.1:1248/healthz"}, from: map[string]string{"URL": "config", "ReadOnlyURL": "config", "HealthzURL": "config"},
		},
		{
			name: "every address of the sixth version", config: "address: '::'\nreadOnlyPort: 1255\nhealthzBindAddress: '::1'\n",
			want: addresses{"https://[::1]:10250", "http://[::1]:1255", "http://[::1]:10248/healthz"},
		},
		{name: "one address", config: "address: 192.0.2.7\n", want: addresses{"https://192.0.2.7:10250", "", DefaultHealthzURL}},
		{name: "port alone", config: "port: 1250\n", want: addresses{"https://127.0.0.1:1250", "", DefaultHealthzURL}},
		{name: "no health port", config: "healthzPort: 0\n", want: addresses{DefaultURL, "", ""}},
		{name: "no server", config: "enableServer: false\nreadOnlyPort: 10255\n", want: addresses{"", "", DefaultHealthzURL}},
		{
			name: "options win", config: "port: 1250\nhealthzPort: 0\n", opts: Options{URL: "https://node:10/x", HealthzURL: "http://node:11"},
			want: addresses{"https://node:10", "", "http://node:11/healthz"}, from: map[string]string{"URL": FromOption, "HealthzURL": FromOption},
		},
		{name: "a path of the health address stays", opts: Options{HealthzURL: "https://node:10/livez"}, want: addresses{DefaultURL, "", "https://node:10/livez"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			set, problems := discover(t, configHead+tc.config, tc.opts)
			if problems.HasErrors() {
				t.Errorf("problems: %+v", problems)
			}
			if diff := cmp.Diff(tc.want, addresses{set.URL, set.ReadOnlyURL, set.HealthzURL}); diff != "" {
				t.Error(diff)
			}
			for field, from := range tc.from {
				if from == "config" {
					from = set.ConfigFile
				}
				if set.From[field] != from {
					t.Errorf("From[%s] = %q, want %q", field, set.From[field], from)
				}
			}
		})
	}
}

func TestDiscoverWhatTheAgentFollows(t *testing.T) {
	set, problems := discover(t, configHead+`
staticPodPath: /srv/static
podLogsDir: /srv/logs
fileCheckFrequency: 7s
evictionHard: {memory.available: 1Gi}
evictionSoft: {memory.available: 2Gi}
evictionMinimumReclaim: {memory.available: 10Mi}
evictionPressureTransitionPeriod: 30s
mergeDefaultEvictionSettings: true
serverTLSBootstrap: true
`, Options{RootDir: "/srv/kubelet", TokenFile: "/srv/token", ClientCertFile: "/srv/c", ClientKeyFile: "/srv/k", CAFile: "/srv/ca"})
	if len(problems) > 0 {
		t.Errorf("problems: %+v", problems)
	}
	file := set.ConfigFile
	want := Settings{
		ConfigFile: file, StaticPodPath: "/srv/static", URL: DefaultURL, HealthzURL: DefaultHealthzURL,
		ServingCertFile: "/srv/kubelet/pki/kubelet-server-current.pem", CAFile: "/srv/ca", ClientCertFile: "/srv/c", ClientKeyFile: "/srv/k", TokenFile: "/srv/token",
		RootDir: "/srv/kubelet", PodLogsDir: "/srv/logs", FileCheckFrequency: 7 * time.Second,
		EvictionHard: map[string]string{"memory.available": "1Gi"}, EvictionSoft: map[string]string{"memory.available": "2Gi"},
		EvictionMinimumReclaim: map[string]string{"memory.available": "10Mi"}, EvictionPressureTransitionPeriod: 30 * time.Second, MergeDefaultEvictionSettings: true,
		From: map[string]string{"StaticPodPath": file, "RootDir": FromOption, "PodLogsDir": file, "URL": FromDefault, "HealthzURL": FromDefault, "ServingCertFile": FromDefault},
	}
	if diff := cmp.Diff(want, set); diff != "" {
		t.Error(diff)
	}
}

// TestDiscoverEvictionUnset: an empty map of thresholds is not the same as none, for the kubelet has defaults for none.
func TestDiscoverEvictionUnset(t *testing.T) {
	unset, _ := discover(t, configHead+"staticPodPath: /x\n", Options{})
	empty, _ := discover(t, configHead+"staticPodPath: /x\nevictionHard: {}\n", Options{})
	if unset.EvictionHard != nil || empty.EvictionHard == nil {
		t.Errorf("EvictionHard unset = %v, empty = %v", unset.EvictionHard, empty.EvictionHard)
	}
	if unset.EvictionPressureTransitionPeriod != DefaultTransitionPeriod {
		t.Errorf("transition period = %v", unset.EvictionPressureTransitionPeriod)
	}
}

func TestDiscoverServingCert(t *testing.T) {
	for _, tc := range []struct {
		name, config string
		opts         Options
		want         string
	}{
		{name: "self-signed", want: "/var/lib/kubelet/pki/kubelet.crt"},
		{name: "root directory", opts: Options{RootDir: "/srv"}, want: "/srv/pki/kubelet.crt"},
		{name: "certificate directory", opts: Options{RootDir: "/srv", CertDir: "/certs"}, want: "/certs/kubelet.crt"},
		{name: "rotated", config: "serverTLSBootstrap: true\n", want: "/var/lib/kubelet/pki/kubelet-server-current.pem"},
		{name: "configured", config: "tlsCertFile: /etc/k.crt\ntlsPrivateKeyFile: /etc/k.key\n", want: "/etc/k.crt"},
		{name: "option", config: "tlsCertFile: /etc/k.crt\n", opts: Options{ServingCertFile: "/o.crt"}, want: "/o.crt"},
	} {
		set, _ := discover(t, configHead+tc.config, tc.opts)
		if set.ServingCertFile != tc.want {
			t.Errorf("%s: ServingCertFile = %q, want %q", tc.name, set.ServingCertFile, tc.want)
		}
	}
}

func TestDiscoverProblems(t *testing.T) {
	many := strings.Builder{}
	for i := range 30 {
		many.WriteString("unknown" + string(rune('a'+i%26)) + string(rune('a'+i/26)) + ": 1\n")
	}
	for _, tc := range []struct {
		name, config string
		opts         Options
		want         []diag.Severity
		message      string
		line         int
	}{
		{name: "good", config: configHead + "staticPodPath: /x\n"},
		{name: "unknown field", config: configHead + "staticPodPath: /x\nnewInTwoYears: 1\n", want: []diag.Severity{diag.Warning}, message: `unknown field "newInTwoYears"`, line: 4},
		{name: "field in the wrong case", config: configHead + "staticPodPath: /x\nStaticPodPath: /y\n", want: []diag.Severity{diag.Warning}, message: `unknown field "StaticPodPath"`, line: 4},
		{
			name: "many unknown fields", config: configHead + "staticPodPath: /x\n" + many.String(),
			want: slices.Repeat([]diag.Severity{diag.Warning}, maxUnknown+1), message: "20 more fields",
		},
		{name: "no static pod path", config: configHead, want: []diag.Severity{diag.Warning}, message: "sets no staticPodPath"},
		{name: "no static pod path, but the option", config: configHead, opts: Options{ManifestsDir: "/m"}},
		{name: "other kind", config: "apiVersion: v1\nkind: Pod\n", want: []diag.Severity{diag.Error}, message: `kind is "Pod"`, line: 2},
		{name: "other version", config: "kind: KubeletConfiguration\napiVersion: kubelet.config.k8s.io/v1\n", want: []diag.Severity{diag.Error}, message: `"kubelet.config.k8s.io/v1"`, line: 2},
		{name: "wrong type", config: configHead + "port: abc\n", want: []diag.Severity{diag.Error}, message: "cannot be decoded"},
		{name: "no port", config: configHead + "staticPodPath: /x\nreadOnlyPort: 99999\n", want: []diag.Severity{diag.Error}, message: "99999 is not a port", line: 4},
		{name: "not YAML", config: "\t{", want: []diag.Severity{diag.Error}, message: "not YAML"},
		{name: "empty", config: "", want: []diag.Severity{diag.Error}, message: `kind is ""`},
		{name: "too large", config: configHead + "# " + strings.Repeat("x", maxConfig), want: []diag.Severity{diag.Error}, message: "more than the 1048576 allowed"},
		{name: "no server", config: configHead + "staticPodPath: /x\nenableServer: false\n", want: []diag.Severity{diag.Warning}, message: "server is turned off"},
		{name: "insecure", config: configHead + "staticPodPath: /x\n", opts: Options{Insecure: true}, want: []diag.Severity{diag.Warning}, message: "impostor"},
		{name: "bad option", config: configHead + "staticPodPath: /x\n", opts: Options{URL: "10250"}, want: []diag.Severity{diag.Error}, message: `"10250" is not an address`},
		{name: "password in the option", config: configHead + "staticPodPath: /x\n", opts: Options{URL: "https://u:p@h:1"}, want: []diag.Severity{diag.Error}, message: "is not an address"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			set, problems := discover(t, tc.config, tc.opts)
			var got []diag.Severity
			var text strings.Builder
			for _, p := range problems {
				got = append(got, p.Severity)
				text.WriteString(p.Message + "\n")
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("severities: %s\n%s", diff, &text)
			}
			if !strings.Contains(text.String(), tc.message) {
				t.Errorf("the problems do not say %q:\n%s", tc.message, &text)
			}
			if tc.line != 0 && problems[0].Line != tc.line {
				t.Errorf("line %d, want %d", problems[0].Line, tc.line)
			}
			if set.FileCheckFrequency == 0 || set.StaticPodPath == "" || set.ServingCertFile == "" {
				t.Errorf("the settings cannot be used: %+v", set)
			}
		})
	}
}

func TestDiscoverWithoutFile(t *testing.T) {
	set, problems := lookOnce(Options{ConfigFile: filepath.Join(t.TempDir(), "none")})
	if len(problems) != 1 || problems[0].Severity != diag.Warning {
		t.Errorf("a file that was named and is missing: %+v, want one warning", problems)
	}
	if set.URL != DefaultURL || set.StaticPodPath != DefaultStaticPodPath {
		t.Errorf("settings: %+v", set)
	}
	_, problems = lookOnce(Options{ConfigFile: t.TempDir()})
	if len(problems) != 1 || problems[0].Severity != diag.Error {
		t.Errorf("a directory in place of the file: %+v, want one error", problems)
	}
}

func FuzzKubeletConfig(f *testing.F) {
	f.Add([]byte(configHead + "staticPodPath: /x\nport: 1\nhealthzPort: 0\nevictionHard: {a: b}\n"))
	f.Add([]byte("kind: KubeletConfiguration\napiVersion: 1\n"))
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("{\"kind\":\"KubeletConfiguration\"}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4096 {
			return
		}
		cfg, problems := parseConfig("config.yaml", data)
		if (cfg == nil) != problems.HasErrors() {
			t.Errorf("configuration %v with problems %+v", cfg, problems)
		}
		for _, p := range problems {
			if p.Message == "" || strings.Contains(p.Message, "\n") || p.File == "" {
				t.Errorf("problem %+v", p)
			}
		}
	})
}
