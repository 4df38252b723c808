package keyring

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/internal/base/atomicfile"
)

func write(t *testing.T, path, text string, mode fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func TestReadChecksMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gossip.key")
	for mode, good := range map[fs.FileMode]bool{0o600: true, 0o400: true, 0o700: true, 0o640: false, 0o604: false, 0o660: false, 0o610: false, 0o777: false, 0o601: false} {
		write(t, path, key(1).Encode(), mode)
		_, err := Read(path)
		if good != (err == nil) {
			t.Errorf("mode %04o: %v", mode, err)
		}
		if !good && (!errors.Is(err, ErrTooOpen) || !strings.Contains(err.Error(), "run chmod 600 "+path)) {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
}

// owned is a file that belongs to somebody.
type owned struct {
	fs.FileInfo
	uid uint32
}

func (o owned) Sys() any { return &syscall.Stat_t{Uid: o.uid} }

func TestReadChecksOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gossip.key")
	write(t, path, key(1).Encode(), 0o600)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	self := uint32(os.Geteuid())
	for uid, good := range map[uint32]bool{0: true, self: true, self + 1: false} {
		if err := checkPrivate(path, owned{info, uid}); (err == nil) != good || err != nil && !errors.Is(err, ErrTooOpen) {
			t.Errorf("owner %d, read by %d: %v", uid, self, err)
		}
	}
}

func TestReadRefusesWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := Read(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), "wanted a regular file") {
		t.Errorf("a directory: %v", err)
	}
	// Opening a pipe that nobody writes to must not wait.
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(pipe); err == nil || !strings.Contains(err.Error(), "wanted a regular file") {
		t.Errorf("a pipe: %v", err)
	}
	large := filepath.Join(dir, "large")
	write(t, large, strings.Repeat("#\n", MaxBytes), 0o600)
	if _, err := Read(large); !errors.Is(err, ErrInvalid) {
		t.Errorf("a large file: %v", err)
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "gossip.key")
	link := filepath.Join(dir, "link")
	write(t, path, "# x\n"+key(1).Encode(), 0o400)
	if err := os.Symlink("gossip.key", link); err != nil {
		t.Fatal(err)
	}
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	r, err := Read(link)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Add(key(2), ""); err != nil {
		t.Fatal(err)
	}
	if err := Write(link, r); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link was replaced: %v, %v", info.Mode(), err)
	}
	got, err := Read(link)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(r.Bytes()), string(got.Bytes())); diff != "" {
		t.Error(diff)
	}
	onlyFiles(t, dir, "gossip.key", "link")
}

// What Read would refuse is not written, and where nothing can be written the old file stays and no temporary one.
func TestWriteRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "gossip.key")
	write(t, path, key(1).Encode(), 0o600)
	if err := Write(path, &Ring{}); !errors.Is(err, ErrNoKeys) {
		t.Errorf("no keys: %v", err)
	}
	r := parseText(t, key(2).Encode())
	if err := Write(filepath.Join(dir, "none", "gossip.key"), r); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "d"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Write(filepath.Join(dir, "d"), r); err == nil {
		t.Error("a directory was replaced by a file")
	}
	if got, err := Read(path); err != nil || got.Keys()[0] != key(1) {
		t.Errorf("%v, %v", got, err)
	}
	onlyFiles(t, dir, "d", "gossip.key")
}

func onlyFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEditCreates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gossip.key")
	add := func(k Key) func(*Ring) (bool, error) {
		return func(r *Ring) (bool, error) { return r.Add(k, "") }
	}
	if err := Edit(path, func(r *Ring) (bool, error) { return r.Use(key(1).Fingerprint()) }); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("using a key of no file: %v", err)
	}
	if err := Edit(path, func(*Ring) (bool, error) { return false, nil }); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an edit that changed nothing made a file: %v", err)
	}
	if err := Edit(path, add(key(1))); err != nil {
		t.Fatal(err)
	}
	write(t, path, "# keys\n", 0o600)
	if err := Edit(path, add(key(2))); err != nil {
		t.Fatalf("a file without keys cannot be edited: %v", err)
	}
	data, err := os.ReadFile(path)
	if diff := cmp.Diff("# keys\n"+key(2).Encode()+"\n", string(data)); err != nil || diff != "" {
		t.Error(err, diff)
	}
	write(t, path, "nonsense\n", 0o600)
	if err := Edit(path, add(key(3))); !errors.Is(err, ErrInvalid) {
		t.Errorf("a bad file was edited: %v", err)
	}
}

// No edit is lost when many are made at once.
func TestEditsWaitForEachOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gossip.key")
	var wg sync.WaitGroup
	for n := range MaxKeys {
		wg.Go(func() {
			if err := Edit(path, func(r *Ring) (bool, error) { return r.Add(key(n+1), "") }); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	r, err := Read(path)
	if err != nil || len(r.Keys()) != MaxKeys {
		t.Errorf("%v, %v; want %d keys", r, err, MaxKeys)
	}
}

// TestFaultK15EditRemovesLeftovers: what a crash left of a former edit has keys in it, and goes under the lock.
func TestFaultK15EditRemovesLeftovers(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "gossip.key")
	gone := []string{atomicfile.TempName(), ".gossip-key-" + rand.Text() + ".tmp"}
	for _, name := range append(gone, ".other.tmp") {
		write(t, filepath.Join(dir, name), "keys", 0o600)
	}
	if err := Edit(path, func(*Ring) (bool, error) { return false, nil }); err != nil {
		t.Fatal(err)
	}
	for _, name := range gone {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there: %v", name, err)
		}
	}
	if _, err := os.Lstat(filepath.Join(dir, ".other.tmp")); err != nil {
		t.Errorf("another program's file went too: %v", err)
	}
}
