package agent

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

// canary stands in a Secret; it may be in the Secret's own files, in the manifest, and nowhere else.
const canary = "c4n4ry-hunter2"

const configObjects = `apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {level: info, app.conf: "a = 1"}
---
apiVersion: v1
kind: Secret
metadata: {name: login}
stringData: {password: ` + canary + `}
`

// withConfig is a DaemonSet with a volume of each kind.
func withConfig() string {
	text := logger("logger:1", "volumes:", "- {name: conf, configMap: {name: settings}}", "- {name: cert, secret: {secretName: login, defaultMode: 0400}}")
	return strings.Replace(text, "          image: logger:1\n", "          image: logger:1\n          volumeMounts: [{name: conf, mountPath: /etc/conf}, {name: cert, mountPath: /etc/cert}]\n", 1)
}

// withEnv adds an environment variable of each kind.
func withEnv(text string) string {
	return strings.Replace(text, "          image: logger:1\n", `          image: logger:1
          env:
            - {name: LEVEL, valueFrom: {configMapKeyRef: {name: settings, key: level}}}
            - {name: LITERAL, value: plain}
            - {name: PASSWORD, valueFrom: {secretKeyRef: {name: login, key: password}}}
`, 1)
}

func (b *bed) treePath(volume string) string {
	b.t.Helper()
	list, err := b.client.Configs(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	for _, t := range list.Items {
		if t.Volume == volume {
			return t.Path
		}
	}
	return ""
}

func (b *bed) read(path string) string {
	data, _ := os.ReadFile(path)
	return string(data)
}

func TestConfigsAreLaidAndFollow(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		b.lay("specs.d/objects.yaml", configObjects)
		b.lay("specs.d/logger.yaml", withEnv(withConfig()))
		b.run()
		b.phase(api.PhaseAvailable)
		first := b.daemonSet().CurrentRevision
		conf, cert := b.treePath("conf"), b.treePath("cert")
		if got := b.read(filepath.Join(conf, "app.conf")); got != "a = 1" {
			t.Errorf("app.conf is %q", got)
		}
		if got := b.read(filepath.Join(cert, "password")); got != canary {
			t.Error("the Secret's file has not its content")
		}
		info, err := os.Stat(filepath.Join(cert, "password"))
		if err != nil || info.Mode().Perm() != 0o400 {
			t.Errorf("mode %v, %v, want 0400", info.Mode(), err)
		}
		manifest := b.read(b.path("manifests", b.manifests()[0]))
		for _, want := range []string{"path: " + conf, "type: Directory", "readOnly: true", "value: info", "value: " + canary} {
			if !strings.Contains(manifest, want) {
				t.Errorf("the manifest lacks %q:\n%s", want, manifest)
			}
		}

		// A file of a volume changes: live, in the same pod.
		before := b.identity()
		b.lay("specs.d/objects.yaml", strings.Replace(configObjects, "a = 1", "a = 2", 1))
		b.eventually("the changed file", func() bool { return b.read(filepath.Join(conf, "app.conf")) == "a = 2" })
		if after := b.identity(); len(after) != 1 || before[b.manifests()[0]] != after[b.manifests()[0]] {
			t.Errorf("a changed file touched the manifest: %v, then %v", before, after)
		}

		// A value of the environment changes: another revision, with files of its own, and the old ones go with the old pod.
		b.lay("specs.d/objects.yaml", strings.Replace(configObjects, "level: info", "level: debug", 1))
		b.eventually("the pod with the changed environment", func() bool {
			d := b.daemonSet()
			return d.Phase == api.PhaseAvailable && d.CurrentRevision != first
		})
		b.eventually("the old files to go", func() bool {
			_, err := os.Stat(conf)
			return os.IsNotExist(err)
		})
		if got := b.read(filepath.Join(b.treePath("conf"), "app.conf")); got != "a = 1" {
			t.Errorf("app.conf is %q", got)
		}
	})
}

func TestMissingConfigBlocksAndKeeps(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		b.lay("specs.d/logger.yaml", withConfig())
		b.run()
		b.phase(api.PhaseBlocked)
		if m := b.daemonSet().Message; !strings.Contains(m, "ConfigMap default/settings is not declared") || !strings.Contains(m, "logger.yaml") {
			t.Errorf("message %q, want the object and the file", m)
		}
		b.lay("specs.d/objects.yaml", configObjects)
		b.phase(api.PhaseAvailable)
		before := b.identity()
		conf := b.treePath("conf")
		b.remove("specs.d/objects.yaml")
		b.phase(api.PhaseBlocked)
		for name, id := range b.identity() {
			if before[name] != id {
				t.Error("the manifest was touched because a ConfigMap is gone")
			}
		}
		if b.read(filepath.Join(conf, "app.conf")) != "a = 1" {
			t.Error("the files of a running pod are gone")
		}
		b.remove("specs.d/logger.yaml")
		b.eventually("the files to go with the pod", func() bool { _, err := os.Stat(conf); return os.IsNotExist(err) })
	})
}

// After a reboot the memory file system is empty, and the manifest stands.
func TestFilesAreMadeAgain(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		b.lay("specs.d/objects.yaml", configObjects)
		b.lay("specs.d/logger.yaml", withConfig())
		stop := b.run()
		b.phase(api.PhaseAvailable)
		cert := b.treePath("cert")
		before := b.identity()
		stop()
		for _, dir := range []string{"run/config", "state/config"} {
			if err := os.RemoveAll(b.path(dir)); err != nil {
				t.Fatal(err)
			}
		}
		b.run()
		if got := b.read(filepath.Join(cert, "password")); got != canary {
			t.Error("the Secret's file was not made again before the agent was ready")
		}
		for name, id := range b.identity() {
			if before[name] != id {
				t.Error("the manifest was touched")
			}
		}
	})
}

func TestRestartOnConfigChange(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		b.lay("specs.d/objects.yaml", configObjects)
		b.lay("specs.d/logger.yaml", annotated(withConfig(), `daemonsetd.io/restart-on-config-change: "true"`))
		b.run()
		b.phase(api.PhaseAvailable)
		first := b.daemonSet().CurrentRevision
		b.lay("specs.d/objects.yaml", strings.Replace(configObjects, "a = 1", "a = 2", 1))
		b.eventually("another pod", func() bool {
			d := b.daemonSet()
			return d.Phase == api.PhaseAvailable && d.CurrentRevision != first
		})
	})
}

// A Secret's value is in no log, event, metric, status, explanation or plan, in no error, and in no file that others can read.
func TestSecretIsToldNowhere(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		var log lockedBuffer
		b.lay("specs.d/objects.yaml", configObjects)
		b.lay("specs.d/logger.yaml", withEnv(withConfig()))
		opts := b.options()
		opts.Logger = zerolog.New(&log).Level(zerolog.TraceLevel)
		b.runWith(opts)
		b.phase(api.PhaseAvailable)
		b.lay("specs.d/objects.yaml", strings.Replace(configObjects, "level: info", "level: [\"bad\"]", 1))
		b.eventually("the bad file", func() bool { return b.health("BadSpecFile") })
		if _, err := b.client.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/v1/status", "/v1/explain", "/v1/configs", "/v1/pods", "/v1/diff", "/v1/nodes", "/v1/daemonsets", "/v1/events", "/metrics"} {
			if body := b.get(path); strings.Contains(body, canary) {
				t.Errorf("%s tells the secret", path)
			}
		}
		// A plan, and a diff with something in it, show manifests.
		plan, err := b.client.Plan(t.Context(), api.PlanRequest{Files: []api.PlanFile{{Name: "logger.yaml", Data: []byte(strings.Replace(withEnv(withConfig()), "logger:1", "logger:2", 1))}}})
		if err != nil || len(plan.DaemonSets) != 1 || len(plan.DaemonSets[0].Changes) != 2 {
			t.Fatalf("%+v, %v", plan, err)
		}
		for _, c := range plan.DaemonSets[0].Changes {
			if strings.Contains(c.Old+c.New, canary) {
				t.Errorf("the plan tells the secret: %s", c.File)
			}
			if text := c.Old + c.New; !strings.Contains(text, "<hidden>") || !strings.Contains(text, "value: plain") {
				t.Errorf("the plan hides too much or too little:\n%s", text)
			}
		}
		if strings.Contains(log.String(), canary) {
			t.Error("the log tells the secret")
		}
		err = filepath.WalkDir(b.dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.Type() != 0 || strings.HasPrefix(path, b.path("specs.d")) {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			if data, err := os.ReadFile(path); err == nil && bytes.Contains(data, []byte(canary)) && info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s has the secret and mode %v", path, info.Mode())
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
