package node

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// texts tracks files as their own text.
func texts() *tracker[string] {
	return &tracker[string]{kind: files.Kind[string]{
		Rules: ours(1000, 0),
		Parse: func(path string, data []byte, _ files.ID) (string, diag.List) {
			if len(data) == 0 {
				return "", diag.List{{Severity: diag.Error, File: path, Message: "empty"}}
			}
			return string(data), nil
		},
	}}
}

func put(t testing.TB, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	temp := filepath.Join(filepath.Dir(path), ".tmp")
	if err := os.WriteFile(temp, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(temp, path); err != nil {
		t.Fatal(err)
	}
}

// touch sets the time of the last write, here to one that no wall clock has reached, so that only what is seen counts.
func touch(t testing.TB, path string, at time.Time) {
	t.Helper()
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func wantLook(t *testing.T, tr *tracker[string], path string, now time.Time, want verdict, text string) {
	t.Helper()
	got, r := tr.look(path, now)
	if got != want || (got == waitIt) != (r.Wait > 0) {
		t.Fatalf("look = %d after %s, want %d", got, r.Wait, want)
	}
	if got == useIt && r.Value != text {
		t.Fatalf("text is %q, want %q", r.Value, text)
	}
}

func TestTrackerRenamedFileIsReadAtOnce(t *testing.T) {
	path, tr, now := filepath.Join(t.TempDir(), "f"), texts(), time.Now()
	put(t, path, "one")
	wantLook(t, tr, path, now, useIt, "one")
	put(t, path, "two")
	wantLook(t, tr, path, now, useIt, "two")
}

func TestTrackerFileWrittenInPlaceHasToBeStill(t *testing.T) {
	path, tr, now := filepath.Join(t.TempDir(), "f"), texts(), time.Now()
	put(t, path, "one")
	wantLook(t, tr, path, now, useIt, "one")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	touch(t, path, now.Add(time.Second))
	wantLook(t, tr, path, now, waitIt, "")
	if _, err := f.WriteString("two"); err != nil {
		t.Fatal(err)
	}
	touch(t, path, now.Add(time.Second))
	wantLook(t, tr, path, now.Add(200*time.Millisecond), waitIt, "")
	if _, r := tr.look(path, now.Add(200*time.Millisecond)); r.Value != "one" || !r.Known {
		t.Errorf("what was read before is lost: %q", r.Value)
	}
	wantLook(t, tr, path, now.Add(449*time.Millisecond), waitIt, "")
	wantLook(t, tr, path, now.Add(450*time.Millisecond), useIt, "two")
}

func TestTrackerNewFileThatIsOpenForWriting(t *testing.T) {
	path, tr, now := filepath.Join(t.TempDir(), "f"), texts(), time.Now()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("half"); err != nil {
		t.Fatal(err)
	}
	wantLook(t, tr, path, now, waitIt, "")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	wantLook(t, tr, path, now, useIt, "half")
}

func TestTrackerFileThatNeverComesToRest(t *testing.T) {
	path, tr, now := filepath.Join(t.TempDir(), "f"), texts(), time.Now()
	tr.kind.Rules.MaxWait = time.Second
	put(t, path, "0")
	wantLook(t, tr, path, now, useIt, "0")
	for i := range 10 {
		at := now.Add(time.Duration(i) * 100 * time.Millisecond)
		if err := os.WriteFile(path, []byte{'0' + byte(i)}, 0o644); err != nil {
			t.Fatal(err)
		}
		touch(t, path, at.Add(time.Hour))
		wantLook(t, tr, path, at, waitIt, "")
	}
	wantLook(t, tr, path, now.Add(time.Second), useIt, "9")
}

func TestTrackerRemoval(t *testing.T) {
	path, tr, now := filepath.Join(t.TempDir(), "f"), texts(), time.Now()
	put(t, path, "one")
	wantLook(t, tr, path, now, useIt, "one")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	wantLook(t, tr, path, now, waitIt, "")
	put(t, path, "one again")
	wantLook(t, tr, path, now.Add(time.Second), useIt, "one again")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	wantLook(t, tr, path, now.Add(2*time.Second), waitIt, "")
	wantLook(t, tr, path, now.Add(2*time.Second+files.StillFor), dropIt, "")
	if len(tr.files) != 0 {
		t.Error("a removed file is remembered")
	}
}

func TestTrackerUnusableFiles(t *testing.T) {
	for name, test := range map[string]struct {
		make func(path string) error
		want string
	}{
		"directory":   {func(p string) error { return os.Mkdir(p, 0o755) }, "cannot be read: it is a directory, wanted a regular file or a link to one"},
		"named pipe":  {func(p string) error { return syscall.Mkfifo(p, 0o644) }, "cannot be read: it is a named pipe, wanted a regular file or a link to one"},
		"device":      {func(p string) error { return os.Symlink("/dev/null", p) }, "cannot be read: it is a device, wanted a regular file or a link to one"},
		"loop":        {func(p string) error { return os.Symlink(p, p) }, "cannot be read: too many levels of symbolic links"},
		"broken link": {func(p string) error { return os.Symlink("nowhere", p) }, "cannot be read: no such file or directory"},
		"too big":     {func(p string) error { return os.WriteFile(p, make([]byte, 1001), 0o644) }, "cannot be read: it has 1001 bytes, more than the 1000 allowed"},
		"empty":       {func(p string) error { return os.WriteFile(p, nil, 0o644) }, "empty"},
	} {
		t.Run(name, func(t *testing.T) {
			path, tr := filepath.Join(t.TempDir(), "f"), texts()
			put(t, path, "good")
			wantLook(t, tr, path, time.Now(), useIt, "good")
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			// Seen to be gone, so that the file that follows is another one whatever its number is.
			wantLook(t, tr, path, time.Now(), waitIt, "")
			if err := test.make(path); err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second time without reading
				wantLook(t, tr, path, time.Now().Add(time.Hour), keepIt, "")
				if _, r := tr.look(path, time.Now().Add(time.Hour)); r.Problems[0].Message != test.want {
					t.Errorf("problem %q, want %q", r.Problems[0].Message, test.want)
				}
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			// Seen to be gone, so that the file that follows is another one whatever its number is.
			wantLook(t, tr, path, time.Now(), waitIt, "")
			put(t, path, "good again")
			wantLook(t, tr, path, time.Now().Add(time.Hour), useIt, "good again")
		})
	}
}

func TestTrackerReadsOnlyWhatChanged(t *testing.T) {
	path, tr := filepath.Join(t.TempDir(), "f"), texts()
	parse, reads := tr.kind.Parse, 0
	tr.kind.Parse = func(path string, data []byte, id files.ID) (string, diag.List) {
		reads++
		return parse(path, data, id)
	}
	put(t, path, "one")
	for range 5 {
		wantLook(t, tr, path, time.Now(), useIt, "one")
	}
	if reads != 1 {
		t.Errorf("read %d times", reads)
	}
	put(t, path, "")
	for range 5 {
		wantLook(t, tr, path, time.Now(), keepIt, "")
	}
	if reads != 2 {
		t.Errorf("read %d times with a bad version", reads)
	}
}
