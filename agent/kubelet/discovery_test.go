package kubelet

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// TestDiscoveryFollowsTheFile: a configuration that is bad, unreadable or being written leaves in effect what it said
// before; one that is removed leaves the defaults.
func TestDiscoveryFollowsTheFile(t *testing.T) {
	path, now := filepath.Join(t.TempDir(), "config.yaml"), time.Now().Add(time.Hour)
	put := func(content string) {
		t.Helper()
		if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	config := func(port string) string {
		return "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nport: " + port + "\n"
	}
	d := NewDiscovery(Options{ConfigFile: path})
	look := func(force, fresh bool, url string, errors bool) {
		t.Helper()
		set, problems, ok := d.Look(now, force)
		if ok != fresh || ok && (set.URL != url || problems.HasErrors() != errors) {
			t.Fatalf("fresh %v, url %q, problems %v; want %v, %q, errors %v", ok, set.URL, problems, fresh, url, errors)
		}
	}
	look(true, true, DefaultURL, false) // there is none
	look(false, false, "", false)
	put(config("1111"))
	look(false, true, "https://127.0.0.1:1111", false)
	look(false, false, "", false)
	put("garbage")
	look(false, true, "https://127.0.0.1:1111", true)
	look(false, false, "", false)
	put(config("2222"))
	look(false, true, "https://127.0.0.1:2222", false)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	look(false, false, "", false) // for a moment, perhaps
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	look(false, true, "https://127.0.0.1:2222", true)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	look(false, false, "", false)
	now = now.Add(files.StillFor)
	look(false, true, DefaultURL, false)
	look(false, false, "", false)

	// Written in place: half of it never counts.
	put(config("3333"))
	look(false, true, "https://127.0.0.1:3333", false)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	look(false, false, "", false)
	if _, err := f.WriteString(config("4444")); err != nil {
		t.Fatal(err)
	}
	look(false, false, "", false)
	now = now.Add(files.StillFor)
	look(false, true, "https://127.0.0.1:4444", false)
}
