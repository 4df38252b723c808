package manifestdir

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// TestPrePull: a manifest that pulls images is written, read and removed as others are, and listed apart from them.
func TestPrePull(t *testing.T) {
	dir := t.TempDir()
	s := newStore(t, dir)
	m := manifest(t, "logger", "/specs/a.yaml")
	images, err := render.Images(m)
	if err != nil {
		t.Fatal(err)
	}
	pull, err := render.Pull(m, "n", images)
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, s, m)
	mustWrite(t, s, pull)
	l := mustScan(t, s)
	if len(l.Ours) != 1 || len(l.Pulls) != 1 || l.Pulls[0].FileName != pull.FileName || !l.Pulls[0].Intact || len(l.Foreign)+len(l.Problems) != 0 {
		t.Fatalf("listed: %+v", l)
	}
	if data, err := s.Read(pull.FileName); err != nil || string(data) != string(pull.Data) {
		t.Errorf("read: %q, %v", data, err)
	}
	if err := s.Remove(pull.FileName); err != nil {
		t.Fatal(err)
	}
	if l := mustScan(t, s); len(l.Ours) != 1 || len(l.Pulls) != 0 {
		t.Errorf("listed after that: %+v", l)
	}

	// One that somebody put there under this name stays.
	if err := os.WriteFile(filepath.Join(dir, pull.FileName), m.Data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(pull); !errors.Is(err, ErrForeignFile) {
		t.Errorf("written over: %v", err)
	}
	if err := s.Remove(pull.FileName); !errors.Is(err, ErrForeignFile) {
		t.Errorf("removed: %v", err)
	}
}
