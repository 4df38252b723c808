package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFaultK16Kept: of files that stand twice, each one damaged or gone is told, the other one counts, and both are there afterwards. A
// first start, and a second one with everything well, are silent.
func TestFaultK16Kept(t *testing.T) {
	gone, damaged := "is missing", "cannot be used"
	for _, c := range []struct {
		name string
		gone bool
		want string
	}{
		{"node-runtime.json", false, damaged},
		{"node-runtime.json", true, gone},
		{"node-runtime.json.bak", false, damaged},
		{"node-runtime.json.bak", true, gone},
		{"node-files.json", false, damaged},
		{"node-files.json", true, gone},
		{"node-files.json.bak", false, damaged},
		{"node-files.json.bak", true, gone},
		{"node-state.json", false, damaged},
	} {
		t.Run(c.name+" "+c.want, func(t *testing.T) {
			r := newRig(t)
			put(t, r.config.NodeFile, withLabel("file", "x"))
			r.update()
			if _, err := r.SetRuntime(Patch{Labels: map[string]string{"a": "b"}}); err != nil {
				t.Fatal(err)
			}
			if r.start(); len(r.Lost()) > 0 {
				t.Fatalf("with everything well: %v", r.Lost())
			}
			// Only what is kept says what the bad node file said.
			if err := os.WriteFile(r.config.NodeFile, []byte("{bad"), 0o644); err != nil {
				t.Fatal(err)
			}
			path := r.path("var/" + c.name)
			err := os.Remove(path)
			if !c.gone {
				err = os.WriteFile(path, []byte("{damaged"), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			r.start()
			n := r.update()
			wantLabel(t, n, "a", "b")
			wantLabel(t, n, "file", "x")
			lost := r.Lost()
			if len(lost) != 1 || lost[0].File != path || !strings.Contains(lost[0].Message, c.want) || lost[0].Hint == "" {
				t.Errorf("lost: %+v", lost)
			}
			if aside, _ := filepath.Glob(path + ".bad-*"); (len(aside) == 1) == c.gone {
				t.Errorf("set aside: %v", aside)
			}
			if name, ok := strings.CutSuffix(path, ".bak"); ok || !strings.HasSuffix(path, "node-state.json") {
				a, errA := os.ReadFile(name)
				b, errB := os.ReadFile(name + ".bak")
				if diff := cmp.Diff(string(a), string(b)); diff != "" || errA != nil || errB != nil {
					t.Errorf("the two are not alike again: %v, %v\n%s", errA, errB, diff)
				}
			}
			if r.start(); len(r.Lost()) > 0 {
				t.Errorf("after another start: %v", r.Lost())
			}
		})
	}
}

// TestFaultK16NeitherKept: without the file, a copy that cannot be used is no start without what it holds.
func TestFaultK16NeitherKept(t *testing.T) {
	r := newRig(t)
	if _, err := r.SetRuntime(Patch{Labels: map[string]string{"a": "b"}}); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(r.path("var/node-runtime.json")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.path("var/node-runtime.json.bak"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(r.config); err == nil || !strings.Contains(err.Error(), "is missing, and its copy") {
		t.Errorf("error %v", err)
	}
}
