package spec

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

// toyParse reads a toy language, so that the loader's tests say in one line what a file declares: "X=v1" is a DaemonSet
// default/X whose template is v1, "many=7" is seven ConfigMaps, anything else is an error, and so is an empty file.
func toyParse(file string, data []byte) Parsed {
	var p Parsed
	fail := func(line int, message string) Parsed {
		return Parsed{Problems: diag.List{{Severity: diag.Error, File: file, Line: line, Column: 1, Message: message}}}
	}
	if len(data) == 0 {
		return fail(0, "declares nothing")
	}
	for i, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		key, value, ok := strings.Cut(line, "=")
		src := Source{File: file, Document: i, Line: i + 1, Column: 1}
		switch {
		case !ok:
			return fail(i+1, "wanted key=value")
		case key == "many":
			n, _ := strconv.Atoi(value)
			for j := range n {
				meta := metav1.ObjectMeta{Namespace: "default", Name: fmt.Sprintf("%s-%d", filepath.Base(file), j)}
				p.ConfigMaps = append(p.ConfigMaps, &ConfigMap{Object: &corev1.ConfigMap{ObjectMeta: meta}, Source: src})
			}
		default:
			ds := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: key}}
			p.DaemonSets = append(p.DaemonSets, &DaemonSet{Object: ds, Source: src, Template: []byte(value)})
		}
	}
	return p
}

// rig is a specs directory with a loader on it and a time of its own, an hour ahead of the files' so that a file is old
// unless a test makes the loader see it change.
type rig struct {
	tb         testing.TB
	dir, state string
	l          *Loader
	now        time.Time
	parsed     []string // base names, in the order in which they were parsed
	log        bytes.Buffer
}

func newRig(tb testing.TB) *rig {
	root := tb.TempDir()
	r := &rig{tb: tb, dir: filepath.Join(root, "specs.d"), state: filepath.Join(root, "state"), now: time.Now().Add(time.Hour)}
	r.must(os.Mkdir(r.dir, 0o755))
	r.restart()
	return r
}

// restart makes a new loader on what is on disk; what was not persisted is lost.
func (r *rig) restart() {
	r.tb.Helper()
	l, err := NewLoader(LoaderConfig{Dir: r.dir, StateDir: r.state, Logger: zerolog.New(&r.log)})
	r.must(err)
	l.parse = func(file string, data []byte) Parsed {
		r.parsed = append(r.parsed, filepath.Base(file))
		return toyParse(file, data)
	}
	r.l = l
}

func (r *rig) must(err error) {
	r.tb.Helper()
	if err != nil {
		r.tb.Fatal(err)
	}
}

func (r *rig) path(name string) string { return filepath.Join(r.dir, name) }

// write writes in place.
func (r *rig) write(name, content string) {
	r.tb.Helper()
	r.must(os.WriteFile(r.path(name), []byte(content), 0o644))
}

// arrive renames a file in, as the watch would tell it.
func (r *rig) arrive(name, content string) {
	r.tb.Helper()
	temp := r.path("." + name + ".Xy12ab")
	r.must(os.WriteFile(temp, []byte(content), 0o644))
	r.must(os.Rename(temp, r.path(name)))
	r.l.watch.moved[name] = true
}

func (r *rig) remove(name string) {
	r.tb.Helper()
	r.must(os.Remove(r.path(name)))
}

func (r *rig) load() (*Snapshot, time.Duration) { return r.l.load(r.now) }

// settle loads until the loader has nothing to wait for.
func (r *rig) settle() *Snapshot {
	r.tb.Helper()
	for range 20 {
		snap, again := r.load()
		if again == 0 {
			return snap
		}
		if again < 0 || again > stillFor {
			r.tb.Fatalf("again = %v, want at most %v", again, stillFor)
		}
		r.now = r.now.Add(again)
	}
	r.tb.Fatal("the loader never settles")
	return nil
}

func (r *rig) persist() {
	r.tb.Helper()
	r.must(r.l.Persist())
}

// inEffect is what a snapshot declares: object=template@file, sorted.
func inEffect(s *Snapshot) []string {
	out := []string{}
	for _, d := range s.DaemonSets {
		out = append(out, fmt.Sprintf("%s=%s@%s", d.Object.Name, d.Template, filepath.Base(d.Source.File)))
	}
	return out
}

func (r *rig) want(s *Snapshot, want ...string) {
	r.tb.Helper()
	if want == nil {
		want = []string{}
	}
	if diff := cmp.Diff(want, inEffect(s)); diff != "" {
		r.tb.Fatalf("in effect (-want +got):\n%s", diff)
	}
}

func (r *rig) status(s *Snapshot, name string) FileStatus {
	r.tb.Helper()
	for _, f := range s.Files {
		if f.File == r.path(name) {
			return f
		}
	}
	r.tb.Fatalf("no status of %s in %+v", name, s.Files)
	return FileStatus{}
}

// wantBad checks that a file is reported as an error with message in it.
func (r *rig) wantBad(s *Snapshot, name, message string) diag.Problem {
	r.tb.Helper()
	st := r.status(s, name)
	errs := st.Problems.Errors()
	if !st.Bad || len(errs) == 0 || !strings.Contains(errs[0].Message, message) || errs[0].File != r.path(name) {
		r.tb.Fatalf("want %s bad with %q, got %+v", name, message, st)
	}
	return errs[0]
}

func (r *rig) keptNames() []string {
	r.tb.Helper()
	entries, err := os.ReadDir(filepath.Join(r.state, "last-good"))
	r.must(err)
	out := []string{}
	for _, e := range entries {
		if e.Name() != dirFile {
			out = append(out, e.Name())
		}
	}
	return out
}
