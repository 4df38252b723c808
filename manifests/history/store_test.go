package history_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	"pgregory.net/rapid"

	"github.com/daemonsetd/daemonsetd/internal/base/atomicfile"
	"github.com/daemonsetd/daemonsetd/manifests/history"
	"github.com/daemonsetd/daemonsetd/manifests/render"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)

func open(dir string) *history.Store {
	return history.New(history.Config{Dir: dir, Logger: zerolog.Nop()})
}

// revision is one with a template of its own for each n.
func revision(n int, number uint64) history.Revision {
	template := fmt.Appendf(nil, `{"metadata":{"labels":{"app":"<logger> & %d"}}}`, n)
	return history.Revision{Fleet: render.Revision(template), Number: number, Source: "/s/logger.yaml", Template: template, Last: start.Add(time.Duration(number) * time.Minute)}
}

func record(t testing.TB, s *history.Store, limit int, r history.Revision, live ...string) {
	t.Helper()
	if err := s.Record(history.Entry{Namespace: "default", Name: "logger", Revision: r, Limit: limit, Live: live}); err != nil {
		t.Fatal(err)
	}
}

// numbers are those of the list.
func numbers(t testing.TB, s *history.Store) []uint64 {
	t.Helper()
	list, err := s.List("default", "logger")
	if err != nil {
		t.Fatal(err)
	}
	var out []uint64
	for _, r := range list {
		out = append(out, r.Number)
	}
	return out
}

func TestWhatIsRecordedIsRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "revisions")
	s := open(dir)
	if list, err := s.List("default", "logger"); len(list) != 0 || err != nil {
		t.Errorf("%v, %v before anything was recorded", list, err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading made the directory: %v", err)
	}
	want := revision(1, 7)
	want.ChangeCause, want.Annotations = "image <2> & \u2028 é", map[string]string{"a": "b"}
	record(t, s, 10, want)
	want.First = want.Last
	// Another process sees the same.
	got, err := open(dir).Get("default", "logger", want.Fleet)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if render.Revision(got.Template) != want.Fleet {
		t.Error("the template has other bytes now")
	}
	list, err := s.List("default", "logger")
	want.Template = nil
	if diff := cmp.Diff([]history.Revision{want}, list); err != nil || diff != "" {
		t.Error(err, diff)
	}
	for path, mode := range map[string]fs.FileMode{"": 0o700, "default": 0o700, "default/logger": 0o700, "default/logger/" + want.Fleet + ".json": 0o600} {
		if info, err := os.Stat(filepath.Join(dir, path)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%q has mode %v, %v, want %v", path, info.Mode(), err, mode)
		}
	}
}

// Going back to an old template gives it a new number, and its old one is gone.
func TestOldTemplateGetsNewNumber(t *testing.T) {
	s := open(t.TempDir())
	record(t, s, 10, revision(1, 1))
	record(t, s, 10, revision(2, 2))
	record(t, s, 10, revision(1, 3))
	if diff := cmp.Diff([]uint64{2, 3}, numbers(t, s)); diff != "" {
		t.Error(diff)
	}
	got, err := s.Get("default", "logger", revision(1, 0).Fleet)
	if want := revision(1, 3); err != nil || !got.First.Equal(revision(1, 1).Last) || !got.Last.Equal(want.Last) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestLimit(t *testing.T) {
	for name, c := range map[string]struct {
		limit int
		live  []int
		want  []uint64
	}{
		"none but the target": {0, nil, []uint64{5}},
		"one":                 {1, nil, []uint64{4, 5}},
		"live ones count":     {2, []int{1, 2}, []uint64{1, 2, 5}},
		"live ones stay":      {0, []int{2, 3}, []uint64{2, 3, 5}},
		"enough":              {4, nil, []uint64{1, 2, 3, 4, 5}},
		"below nothing":       {-1, nil, []uint64{5}},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t.TempDir())
			for n := 1; n <= 4; n++ {
				record(t, s, 10, revision(n, uint64(n)))
			}
			var live []string
			for _, n := range c.live {
				live = append(live, revision(n, 0).Fleet)
			}
			record(t, s, c.limit, revision(5, 5), live...)
			if diff := cmp.Diff(c.want, numbers(t, s)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// However long a cause is, it is kept as far as it is read.
func TestLongChangeCause(t *testing.T) {
	s := open(t.TempDir())
	r := revision(1, 1)
	r.ChangeCause = strings.Repeat("é", history.MaxChangeCause)
	record(t, s, 10, r)
	got, err := s.Get("default", "logger", r.Fleet)
	if err != nil || got.ChangeCause != strings.Repeat("é", history.MaxChangeCause/2) || !got.Same(r) {
		t.Errorf("%d bytes, %v", len(got.ChangeCause), err)
	}
	r.ChangeCause = "x" + r.ChangeCause
	record(t, s, 10, r)
	if got, err = s.Get("default", "logger", r.Fleet); err != nil || strings.Contains(got.ChangeCause, "\uFFFD") || len(got.ChangeCause) != history.MaxChangeCause-1 {
		t.Errorf("%d bytes, %v", len(got.ChangeCause), err)
	}
}

func TestRefusedToRecord(t *testing.T) {
	for name, edit := range map[string]func(*history.Entry){
		"namespace":          func(e *history.Entry) { e.Namespace = ".." },
		"name":               func(e *history.Entry) { e.Name = "../x" },
		"no name":            func(e *history.Entry) { e.Name = "" },
		"revision":           func(e *history.Entry) { e.Revision.Fleet = "../../etc" },
		"number":             func(e *history.Entry) { e.Revision.Number = 0 },
		"no template":        func(e *history.Entry) { e.Revision.Template = nil },
		"template no JSON":   func(e *history.Entry) { e.Revision.Template = []byte("{") },
		"template no object": func(e *history.Entry) { e.Revision.Template = []byte("1") },
		"template much large": func(e *history.Entry) {
			e.Revision.Template = fmt.Appendf(nil, `{"a":%q}`, strings.Repeat("x", history.MaxFileBytes))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			e := history.Entry{Namespace: "default", Name: "logger", Revision: revision(1, 1), Limit: 10}
			edit(&e)
			if err := open(dir).Record(e); err == nil {
				t.Error("no error")
			}
			found, _ := filepath.Glob(filepath.Join(dir, "*", "*", "*"))
			if outside, _ := filepath.Glob(filepath.Join(dir, "..", "x*")); len(found)+len(outside) > 0 {
				t.Errorf("files %v %v", found, outside)
			}
		})
	}
}

// A file that cannot be used is set aside, told once, and holds up nothing.
func TestDamaged(t *testing.T) {
	good := revision(2, 2)
	other := revision(3, 3)
	for name, damage := range map[string]func(path string) error{
		"empty":       func(p string) error { return os.Truncate(p, 0) },
		"cut":         func(p string) error { return os.Truncate(p, 150) },
		"header":      func(p string) error { return os.WriteFile(p, []byte(`{"version":2}`), 0o600) },
		"a bit":       func(p string) error { return flip(p) },
		"another's":   func(p string) error { return os.Rename(filepath.Join(filepath.Dir(p), other.Fleet+".json"), p) },
		"a directory": func(p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o700)) },
		"a link":      func(p string) error { return errors.Join(os.Remove(p), os.Symlink("/etc/passwd", p)) },
		"much larger": func(p string) error { return os.Truncate(p, history.MaxFileBytes+1) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(dir)
			for n := uint64(1); n <= 3; n++ {
				record(t, s, 10, revision(int(n), n))
			}
			bad := revision(1, 1).Fleet
			path := filepath.Join(dir, "default", "logger", bad+".json")
			if err := damage(path); err != nil {
				t.Fatal(err)
			}
			list, err := s.List("default", "logger")
			if err == nil || !strings.Contains(err.Error(), path+".bad") || !errors.Is(err, history.ErrNotFound) {
				t.Errorf("error %v", err)
			}
			if !slices.ContainsFunc(list, func(r history.Revision) bool { return r.Fleet == good.Fleet }) || len(list) > 2 {
				t.Errorf("%v", list)
			}
			if _, err := s.List("default", "logger"); err != nil {
				t.Errorf("told again: %v", err)
			}
			if _, err := s.Get("default", "logger", bad); !errors.Is(err, history.ErrNotFound) {
				t.Errorf("error %v", err)
			}
			if aside, err := filepath.Glob(path + ".bad-*"); err != nil || len(aside) != 1 {
				t.Errorf("set aside as %v, %v", aside, err)
			}
			record(t, s, 10, revision(1, 4))
			if _, err := s.Get("default", "logger", bad); err != nil {
				t.Errorf("it cannot be recorded anew: %v", err)
			}
		})
	}
}

func flip(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	data[len(data)-20] ^= 1
	return os.WriteFile(path, data, 0o600)
}

// What a crash leaves is removed, and what is not ours is not touched.
func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	own := filepath.Join(dir, "default", "logger")
	if err := os.MkdirAll(own, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{atomicfile.TempName(), "notes.txt", "UPPER.json"} {
		if err := os.WriteFile(filepath.Join(own, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := open(dir)
	record(t, s, 0, revision(1, 1))
	if diff := cmp.Diff([]uint64{1}, numbers(t, s)); diff != "" {
		t.Error(diff)
	}
	entries, err := os.ReadDir(own)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	want := []string{"UPPER.json", revision(1, 1).Fleet + ".json", "notes.txt"}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

// Whatever is recorded in whatever order: the target is there, live ones are, and of the others the newest, as many as the
// limit leaves room for.
func TestHistoryModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "history")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		s := open(dir)
		model := map[string]uint64{}
		for number := uint64(1); number < 10; number++ {
			r := revision(rapid.IntRange(1, 6).Draw(t, "template"), number)
			limit := rapid.IntRange(0, 4).Draw(t, "limit")
			live := revision(rapid.IntRange(1, 6).Draw(t, "live"), 0).Fleet
			if err := s.Record(history.Entry{Namespace: "default", Name: "logger", Revision: r, Limit: limit, Live: []string{live}}); err != nil {
				t.Fatal(err)
			}
			model[r.Fleet] = number
			expire(model, r.Fleet, live, limit)
			got := map[string]uint64{}
			list, err := s.List("default", "logger")
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range list {
				got[r.Fleet] = r.Number
			}
			if diff := cmp.Diff(model, got); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

// expire removes the lowest number that may go until few enough are left.
func expire(model map[string]uint64, target, live string, limit int) {
	for len(model)-1 > limit {
		victim := ""
		for fleet, number := range model {
			if fleet != target && fleet != live && (victim == "" || number < model[victim]) {
				victim = fleet
			}
		}
		if victim == "" {
			return
		}
		delete(model, victim)
	}
}

// Readers see whole revisions whatever is written meanwhile.
func TestReadersAndWriter(t *testing.T) {
	s := open(t.TempDir())
	record(t, s, 2, revision(0, 1))
	done := make(chan error, 1)
	go func() {
		var errs []error
		for range 200 {
			list, err := s.List("default", "logger")
			errs = append(errs, err)
			if len(list) == 0 {
				errs = append(errs, errors.New("an empty history"))
			}
		}
		done <- errors.Join(errs...)
	}()
	for n := uint64(2); n < 20; n++ {
		record(t, s, 2, revision(int(n), n))
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// The template is JSON within JSON, which an operator can read.
func TestFileIsReadable(t *testing.T) {
	dir := t.TempDir()
	r := revision(1, 1)
	record(t, open(dir), 10, r)
	data, err := os.ReadFile(filepath.Join(dir, "default", "logger", r.Fleet+".json"))
	if err != nil {
		t.Fatal(err)
	}
	header, body, _ := strings.Cut(string(data), "\n")
	var got struct{ Template any }
	if err := json.Unmarshal([]byte(body), &got); err != nil || got.Template == nil || !strings.HasPrefix(header, "# daemonsetd revision, format 1, sha256 ") {
		t.Errorf("%s, %v", data, err)
	}
}
