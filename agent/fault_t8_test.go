package agent

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

// secretPlaces are the directories of this host in which a file has the canary's value, with the file's mode.
func (b *bed) secretPlaces() []string {
	b.t.Helper()
	var out []string
	err := filepath.WalkDir(b.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return ignoreGone(err)
		}
		data, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(data, []byte(canary)) {
			return ignoreGone(err)
		}
		info, err := d.Info()
		if err != nil {
			return ignoreGone(err)
		}
		rel, err := filepath.Rel(b.dir, path)
		parts := strings.Split(rel, string(filepath.Separator))
		out = append(out, strings.Join(parts[:min(2, len(parts)-1)], "/")+" "+info.Mode().String())
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// ignoreGone is for files that are replaced while somebody looks.
func ignoreGone(err error) error {
	if os.IsNotExist(err) {
		return nil
	}
	return err
}

// TestFaultT8Copies: after a life with revisions, a bad file and its correction, a Secret's value lies in the places that
// docs/operations.md lists, under those modes, and in no other; when what declares it has gone, nowhere.
func TestFaultT8Copies(t *testing.T) {
	docs, err := os.ReadFile(filepath.Join("..", "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(docs), "## Where copies of Secrets lie")
	section, _, _ = strings.Cut(section, "\n## ")
	if !found {
		t.Fatal("docs/operations.md does not say where copies of Secrets lie")
	}
	// Where a place of this test is in the docs.
	documented := map[string]string{
		"specs.d -rw-r--r--":         "`/etc/daemonsetd/specs.d/`",
		"state/last-good -rw-------": "`/var/lib/daemonsetd/last-good/`",
		"manifests -rw-------":       "the kubelet's manifests directory",
		"run/config -r--------":      "`/run/daemonsetd/config/`",
	}
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		text := withEnv(withConfig())
		b.lay("specs.d/objects.yaml", configObjects)
		b.lay("specs.d/logger.yaml", text)
		b.run()
		b.eventually("the first revision", func() bool { return b.rolledOut("") && len(b.revisions(0)) == 1 })
		b.lay("specs.d/logger.yaml", strings.ReplaceAll(text, "logger:1", "logger:2"))
		b.eventually("the second one", func() bool { return b.rolledOut("") && len(b.revisions(0)) == 2 })
		bad := func() bool {
			return slices.ContainsFunc(b.status().Health, func(h api.HealthItem) bool { return strings.Contains(h.Text, "objects.yaml") })
		}
		b.lay("specs.d/objects.yaml", "kind: [")
		b.eventually("the mistake is seen", bad)
		b.lay("specs.d/objects.yaml", configObjects)
		b.eventually("it is corrected", func() bool { return !bad() })

		got := b.secretPlaces()
		for _, place := range got {
			if name := documented[place]; name == "" || !strings.Contains(section, name) {
				t.Errorf("the value lies in %s, and docs/operations.md does not say so", place)
			}
		}
		if len(got) != len(documented) {
			t.Errorf("found %q, documented are %v", got, documented)
		}
		b.remove("specs.d/logger.yaml")
		b.remove("specs.d/objects.yaml")
		b.eventually("nothing is left of it", func() bool { return len(b.secretPlaces()) == 0 })
	})
}
