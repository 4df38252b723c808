package api

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "d")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func TestListenSetsModeAndGroup(t *testing.T) {
	path := filepath.Join(shortDir(t), "s")
	l, err := Listen(ListenConfig{Path: path, Group: strconv.Itoa(os.Getegid())})
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode(); got != fs.ModeSocket|0o660 {
		t.Errorf("mode %v", got)
	}
	if gid := groupOf(l); gid == nil || *gid != uint32(os.Getegid()) {
		t.Errorf("group %v", gid)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
}

func TestListenTellsAStaleSocketFromALiveOne(t *testing.T) {
	path := filepath.Join(shortDir(t), "s")
	live, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	live.SetUnlinkOnClose(false)
	if _, err := Listen(ListenConfig{Path: path}); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), path) {
		t.Fatalf("with a live one: %v", err)
	}
	if _, err := net.Dial("unix", path); err != nil {
		t.Fatalf("the live one was harmed: %v", err)
	}
	if err := live.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := Listen(ListenConfig{Path: path})
	if err != nil {
		t.Fatalf("with a stale one: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestListenLeavesOtherFilesAlone(t *testing.T) {
	path := filepath.Join(shortDir(t), "s")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(ListenConfig{Path: path}); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("got %v", err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "precious" {
		t.Errorf("the file is now %q, %v", data, err)
	}
}

func TestCloseLeavesTheSocketOfAnotherAgent(t *testing.T) {
	path := filepath.Join(shortDir(t), "s")
	first, err := Listen(ListenConfig{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	second, err := Listen(ListenConfig{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = second.Close() }()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := net.Dial("unix", path); err != nil {
		t.Errorf("the second agent's socket went with the first: %v", err)
	}
}

func TestListenErrorsSayWhatIsWanted(t *testing.T) {
	long := filepath.Join(shortDir(t), strings.Repeat("x", 120))
	for _, c := range []struct {
		name string
		cfg  ListenConfig
		want string
	}{
		{"long path", ListenConfig{Path: long}, "at most 107"},
		{"no directory", ListenConfig{Path: filepath.Join(shortDir(t), "no", "s")}, "no such file"},
		{"no group", ListenConfig{Path: filepath.Join(shortDir(t), "s"), Group: "no-such-group"}, "no-such-group"},
	} {
		l, err := Listen(c.cfg)
		if err == nil {
			_ = l.Close()
			t.Errorf("%s: no error", c.name)
			continue
		}
		if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want it to say %q", c.name, err, c.want)
		}
	}
}

func TestPolicy(t *testing.T) {
	group := uint32(50)
	p := policy{ownUID: 7, readers: &group}
	for _, c := range []struct {
		name        string
		peer        Peer
		read, write bool
	}{
		{"root", Peer{UID: 0}, true, true},
		{"own user", Peer{UID: 7}, true, true},
		{"member", Peer{UID: 8, Groups: []uint32{1, 50}}, true, false},
		{"no member", Peer{UID: 8, Groups: []uint32{1, 51}}, false, false},
		{"user with the group's number", Peer{UID: 50}, false, false},
	} {
		if got := p.mayRead(c.peer); got != c.read {
			t.Errorf("%s may read: %v", c.name, got)
		}
		if got := p.mayWrite(c.peer); got != c.write {
			t.Errorf("%s may write: %v", c.name, got)
		}
	}
	p.readers = nil
	if p.mayRead(Peer{UID: 8, Groups: []uint32{0}}) {
		t.Error("without a readers' group somebody else may read")
	}
}

func TestPeerOfHasUserAndGroups(t *testing.T) {
	path := filepath.Join(shortDir(t), "s")
	l, err := Listen(ListenConfig{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	client, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	p, err := PeerOf(c)
	if err != nil {
		t.Fatal(err)
	}
	if p.UID != uint32(os.Getuid()) || p.PID != int32(os.Getpid()) {
		t.Errorf("peer %+v, want user %d and process %d", p, os.Getuid(), os.Getpid())
	}
	groups, err := os.Getgroups()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range append(groups, os.Getgid()) {
		found := false
		for _, got := range p.Groups {
			found = found || got == uint32(want)
		}
		if !found {
			t.Errorf("group %d is not among %v", want, p.Groups)
		}
	}
	if _, err := PeerOf(pipeEnd(t)); err == nil {
		t.Error("a pipe has credentials")
	}
}

func pipeEnd(t *testing.T) net.Conn {
	t.Helper()
	a, b := net.Pipe()
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	return a
}
