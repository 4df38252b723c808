package files

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// write writes a file in place.
func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// put renames a file into place.
func put(t testing.TB, path, content string) {
	t.Helper()
	temp := filepath.Join(filepath.Dir(path), ".put")
	write(t, temp, content)
	if err := os.Rename(temp, path); err != nil {
		t.Fatal(err)
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	write(t, path, "12345")
	for _, tt := range []struct {
		limit int64
		want  string
		says  string
	}{{6, "12345", ""}, {5, "12345", ""}, {4, "", "has 5 bytes, more than the 4 allowed"}} {
		data, err := Read(path, tt.limit)
		if string(data) != tt.want || (err == nil) != (tt.says == "") {
			t.Errorf("limit %d: %q, %v", tt.limit, data, err)
		}
		if large, ok := errors.AsType[*TooLargeError](err); err != nil && (!ok || large.Limit != tt.limit ||
			!strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), path)) {
			t.Errorf("limit %d: %v", tt.limit, err)
		}
		if head, err := Head(path, tt.limit); err != nil || string(head) != "12345"[:min(5, tt.limit)] {
			t.Errorf("head of %d: %q, %v", tt.limit, head, err)
		}
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if data, err := Read(link, 5); err != nil || string(data) != "12345" {
		t.Errorf("over a link: %q, %v", data, err)
	}
	if _, err := Read(filepath.Join(dir, "missing"), 5); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "12345")
	f, err := Open(path, os.O_RDWR|os.O_APPEND)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("6"); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if data, err := Read(path, 6); err != nil || string(data) != "123456" {
		t.Errorf("%q, %v", data, err)
	}
	if err := errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, flags := range []int{os.O_RDONLY, os.O_RDWR, os.O_WRONLY} {
		if _, err := Open(path, flags); err == nil {
			t.Errorf("a pipe was opened with %x", flags)
		}
	}
}

// TestReadProc: files of the kernel claim to be empty, and are bounded all the same.
func TestReadProc(t *testing.T) {
	if data, err := Head("/proc/self/status", 5); err != nil || string(data) != "Name:" {
		t.Errorf("head: %q, %v", data, err)
	}
	if _, err := Read("/proc/self/status", 5); !strings.Contains(errorText(err), `"/proc/self/status" has more than the 5 bytes allowed`) {
		t.Errorf("got %v", err)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestReadPassesOver holds that nothing but a regular file is read, and that none of it blocks.
func TestReadPassesOver(t *testing.T) {
	for name, tt := range map[string]struct {
		make func(path string) error
		says string
	}{
		"directory": {func(p string) error { return os.Mkdir(p, 0o700) }, "a directory"},
		"pipe":      {func(p string) error { return syscall.Mkfifo(p, 0o600) }, "a named pipe"},
		"device":    {func(p string) error { return os.Symlink("/dev/zero", p) }, "a device"},
		"socket": {func(p string) error {
			l, err := net.Listen("unix", p)
			if err == nil {
				t.Cleanup(func() { _ = l.Close() })
			}
			return err
		}, "a socket"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir()) // the path of a socket is short
			if err := tt.make("f"); err != nil {
				t.Fatal(err)
			}
			for _, o := range []ReadOptions{{Limit: 5}, {Limit: 5, Head: true}} {
				_, _, err := ReadWith("f", o)
				if _, ok := errors.AsType[*IrregularError](err); !ok || err.Error() != `"f" is `+tt.says+", wanted a regular file" {
					t.Errorf("%+v: %v", o, err)
				}
			}
		})
	}
}

func TestReadWith(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "f"), filepath.Join(dir, "link")
	write(t, path, "12345")
	if err := os.Symlink("f", link); err != nil {
		t.Fatal(err)
	}
	id, err := statID(path)
	if err != nil {
		t.Fatal(err)
	}
	if data, got, err := ReadWith(path, ReadOptions{Limit: 5, ID: id, NoFollow: true}); err != nil || string(data) != "12345" || got != id {
		t.Errorf("%q, %v, %v, want %v", data, got, err, id)
	}
	if _, _, err := ReadWith(link, ReadOptions{Limit: 5, NoFollow: true}); errorText(err) != `"`+link+`" is a symbolic link, wanted a regular file` {
		t.Errorf("a link: %v", err)
	}
	refused := errors.New("refused")
	if _, _, err := ReadWith(path, ReadOptions{Limit: 5, Check: func(info fs.FileInfo) error {
		if uid, _, ok := Owner(info); !ok || uid != os.Geteuid() {
			t.Errorf("owner %d, %v", uid, ok)
		}
		return refused
	}}); err != refused { //nolint:errorlint // it is returned as it is
		t.Errorf("got %v, want what Check said", err)
	}
	// Other states of the file, and what took its place.
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	for _, step := range []func() error{
		func() error { return nil },
		func() error { return os.WriteFile(path, []byte("1234"), 0o600) },
		func() error { return os.Remove(path) },
		func() error { return os.Symlink("elsewhere", path) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
		if _, _, err := ReadWith(path, ReadOptions{Limit: 5, ID: id, NoFollow: true}); !errors.Is(err, ErrChanged) {
			t.Errorf("got %v, want ErrChanged", err)
		}
	}
}

func TestID(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	write(t, path, "one")
	one, err := statID(path)
	if err != nil {
		t.Fatal(err)
	}
	if one.Size != 3 || one.Mode != 0o600 || one.Ino == 0 || one.Ctime == 0 || !one.SameFile(one) {
		t.Errorf("id %+v", one)
	}
	if err := os.Rename(path, path+"2"); err != nil {
		t.Fatal(err)
	}
	if two, err := statID(path + "2"); err != nil || two.Body() != one.Body() {
		t.Errorf("a rename makes %+v, %v of %+v", two, err, one)
	}
	write(t, path, "one")
	if two, err := statID(path); err != nil || two.SameFile(one) || two == one {
		t.Errorf("another file has %+v, %v", two, err)
	}
	at := func(d time.Duration) ID {
		return ID{Mtime: one.Mtime, Ctime: one.Modified().Add(d).UnixNano()}
	}
	now := one.Modified()
	for d, want := range map[time.Duration]struct{ alone, racy bool }{
		-time.Hour: {true, false}, -RacyWindow: {false, false}, -RacyWindow + 1: {false, true}, 0: {false, true},
		RacyWindow - 1: {false, true}, time.Hour: {false, false},
	} {
		id := at(d)
		id.Mtime = min(id.Mtime, id.Ctime)
		if id.LeftAlone(now, time.Minute) != want.alone || id.Racy(now) != want.racy {
			t.Errorf("changed %v from now: left alone %v, racy %v", d, id.LeftAlone(now, time.Minute), id.Racy(now))
		}
	}
	if (ID{Mtime: now.Add(time.Hour).UnixNano(), Ctime: 1}).LeftAlone(now, time.Minute) {
		t.Error("a time in the future is long ago")
	}
}

// statID is the ID of the file at path, links followed.
func statID(path string) (ID, error) {
	info, err := os.Stat(path)
	if err != nil {
		return ID{}, err
	}
	return IDOf(info), nil
}
