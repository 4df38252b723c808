package spec

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// lost are what a loader has lost, one line each.
func (r *rig) lost() []string {
	out := []string{}
	for _, x := range r.l.TakeLost() {
		out = append(out, filepath.Base(x.File)+" "+x.What+"; to do: "+x.Todo)
	}
	return out
}

func (r *rig) wantLost(want ...string) {
	r.tb.Helper()
	got := r.lost()
	if len(got) != len(want) {
		r.tb.Fatalf("lost %q, want %q", got, want)
	}
	for i, w := range want {
		for part := range strings.SplitSeq(w, " | ") {
			if !strings.Contains(got[i], part) {
				r.tb.Errorf("lost %q, want %q", got[i], part)
			}
		}
	}
}

// TestFaultK16LastGood: a copy that is damaged or gone is told, with what to do, and is there again where the spec file is well.
func TestFaultK16LastGood(t *testing.T) {
	kept := func(r *rig, name string) string { return filepath.Join(r.state, "last-good", name) }
	remove := func(path string) error { return os.Remove(path) }
	truncate := func(path string) error { return os.WriteFile(path, nil, 0o600) }
	flip := func(path string) error {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(path, bytes.Replace(data, []byte("X=1"), []byte("X=2"), 1), 0o600)
	}
	for name, c := range map[string]struct {
		file  string
		spoil func(string) error
		want  string
	}{
		"gone":              {"a.yaml", remove, "is missing"},
		"empty":             {"a.yaml", truncate, "cannot be used: it is not a last good version"},
		"bytes changed":     {"a.yaml", flip, "cannot be used: its bytes have not the digest"},
		"directory damaged": {dirFile, truncate, "cannot be used: unexpected end of JSON input"},
	} {
		for _, bad := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				r := newRig(t)
				r.arrive("a.yaml", "X=1")
				r.arrive("b.yaml", "Y=1")
				r.settle()
				r.wantLost()
				r.persist()
				r.persist()
				r.wantLost()
				r.restart()
				r.settle()
				r.persist()
				r.wantLost()
				r.must(c.spoil(kept(r, c.file)))
				if bad {
					r.arrive("a.yaml", "garbage")
				}
				r.restart()
				r.settle()
				r.persist()
				todo := "nothing"
				if bad && c.file != dirFile {
					todo = "repair " + r.path("a.yaml")
				}
				r.wantLost(c.file + " " + c.want + " | to do: " + todo)
				r.persist()
				r.wantLost()
				if bad && c.file != dirFile {
					return
				}
				r.arrive("a.yaml", "garbage")
				r.restart()
				r.want(r.settle(), "X=1@a.yaml", "Y=1@b.yaml")
				r.persist()
				r.wantLost()
			})
		}
	}
}

// TestFaultK16RemovedIsNotLost: a copy that went with its spec file is not missed, in whatever order, nor by a crash in between.
func TestFaultK16RemovedIsNotLost(t *testing.T) {
	r := newRig(t)
	r.arrive("a.yaml", "X=1")
	r.arrive("b.yaml", "Y=1")
	r.settle()
	r.persist()
	r.remove("a.yaml")
	r.settle()
	r.persist()
	r.restart()
	r.settle()
	r.persist()
	r.wantLost()
	r.remove("b.yaml")
	r.must(os.Remove(filepath.Join(r.state, "last-good", "b.yaml")))
	r.restart()
	r.settle()
	r.persist()
	r.wantLost()
}
