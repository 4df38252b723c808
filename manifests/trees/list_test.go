package trees

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// paths are the files of the listed trees.
func paths(all []Listed) []string {
	var out []string
	for _, l := range all {
		for _, f := range l.Files {
			out = append(out, l.Volume+"/"+f.Path)
		}
	}
	return out
}

// Who lists the trees reads and hashes up to gigabytes; whoever brings files on disk never waits for that.
func TestFaultO23ListTakesNoLock(t *testing.T) {
	r := newRig(t, t.TempDir())
	r.apply(t, tree("a", text("f", "1")), tree("b", text("f", "1")))
	reads := 0
	r.sys.beforeRead = func(path string) {
		reads++
		if !r.mu.TryLock() {
			t.Errorf("%s is read while nobody can bring files on disk", filepath.Base(path))
			return
		}
		r.mu.Unlock()
	}
	all, err := r.List()
	if err != nil || len(all) != 2 || reads < 4 {
		t.Errorf("%d trees, %d reads, %v", len(all), reads, err)
	}
}

// A tree that is swapped while it is listed is given as it was before, or as it is then: never half of each, and it is no error.
func TestFaultO23ListOfWhatChanges(t *testing.T) {
	both := func(name string) Tree { return tree("a", text(name+"1", ""), text(name+"2", "")) }
	for name, c := range map[string]struct {
		change func(r *rig)
		want   []string
	}{
		"swapped": {func(r *rig) { r.apply(t, both("new")) }, []string{"a/new1", "a/new2"}},
		"removed": {func(r *rig) {
			if err := r.Keep(func(_, _, _ string) bool { return false }); err != nil {
				t.Error(err)
			}
		}, nil},
		"nothing": {func(*rig) {}, []string{"a/old1", "a/old2"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, t.TempDir())
			r.apply(t, both("old"))
			r.sys.beforeRead = func(path string) {
				if strings.HasSuffix(path, "old2") {
					r.sys.beforeRead = nil
					c.change(r)
				}
			}
			all, err := r.List()
			if err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(c.want, paths(all)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What cannot be read at all is an error, and the others are given all the same.
func TestListOfWhatCannotBeRead(t *testing.T) {
	r := newRig(t, t.TempDir())
	r.apply(t, tree("a", text("f", "")), tree("b", text("f", "")))
	failing := errors.New("input/output error")
	r.Store.sys = unreadable{r.sys, "a", failing}
	all, err := r.List()
	if !errors.Is(err, failing) {
		t.Errorf("error %v", err)
	}
	if diff := cmp.Diff([]string{"b/f"}, paths(all)); diff != "" {
		t.Error(diff)
	}
}

// unreadable fails to read the files of one volume.
type unreadable struct {
	system
	volume string
	err    error
}

func (u unreadable) read(path string, limit int64) ([]byte, error) {
	if strings.Contains(path, "/"+u.volume+"/..") {
		return nil, &fs.PathError{Op: "read", Path: path, Err: u.err}
	}
	return u.system.read(path, limit)
}
