package api

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"strconv"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
)

// ErrInUse is returned by Listen when another agent answers on the socket.
var ErrInUse = errors.New("another agent is running")

const (
	// socketMode lets root and the group open the socket; what they may do is decided for each request.
	socketMode = 0o660
	// maxSocketPath is how long a path the kernel takes (sun_path, with the zero at the end).
	maxSocketPath = 107
	probeTimeout  = time.Second
)

// ListenConfig says where the API is served.
type ListenConfig struct {
	// Path is the socket's path. Its directory must exist.
	Path string
	// Group is the name or the number of the group whose members may read; empty leaves the group as the directory gives
	// it. A group that does not exist, or that this process may not give the file to, is an error.
	Group string
}

// Listen makes the unix socket. The file of an agent that is gone is replaced; when an agent answers on it, the error
// is ErrInUse. Until the socket has its mode nobody gains by opening it: the peer's credentials count, not the mode.
func Listen(cfg ListenConfig) (net.Listener, error) {
	if len(cfg.Path) > maxSocketPath {
		return nil, fmt.Errorf("socket path %q has %d bytes; the kernel takes at most %d: choose a shorter one",
			cfg.Path, len(cfg.Path), maxSocketPath)
	}
	gid, err := lookupGroup(cfg.Group)
	if err != nil {
		return nil, err
	}
	if err := removeStale(cfg.Path); err != nil {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: cfg.Path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listening on %q: %w", cfg.Path, err)
	}
	info, err := prepare(cfg.Path, gid)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listening on %q: %w", cfg.Path, err), l.Close())
	}
	l.SetUnlinkOnClose(false)
	return &unixListener{UnixListener: l, path: cfg.Path, file: info}, nil
}

// prepare gives the socket its mode and its group.
func prepare(path string, gid int) (fs.FileInfo, error) {
	if gid >= 0 {
		if err := os.Chown(path, -1, gid); err != nil {
			return nil, err
		}
	}
	if err := os.Chmod(path, socketMode); err != nil {
		return nil, err
	}
	return os.Lstat(path)
}

func removeStale(path string) error {
	if err := checkStale(path); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the socket of an agent that is gone: %w", err)
	}
	return nil
}

// checkStale tells the socket of a running agent from one that was left behind.
func checkStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking at the socket: %w", err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%q is there and is no socket; move it away or choose another path", path)
	}
	c, err := net.DialTimeout("unix", path, probeTimeout)
	if err == nil {
		_ = c.Close()
		return fmt.Errorf("%w: something answers on %q; stop it or choose another path", ErrInUse, path)
	}
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	// A full backlog (EAGAIN) or a refusal is a sign of life.
	return fmt.Errorf("%w: cannot tell whether %q is in use: %w", ErrInUse, path, err)
}

// lookupGroup returns -1 for no group.
func lookupGroup(name string) (int, error) {
	if name == "" {
		return -1, nil
	}
	if gid, err := strconv.ParseUint(name, 10, 31); err == nil {
		return int(gid), nil
	}
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, fmt.Errorf("finding the socket's group: %w", err)
	}
	gid, err := strconv.Atoi(g.Gid)
	if err != nil {
		return 0, fmt.Errorf("finding the socket's group: group %q has the id %q, which is no number", name, g.Gid)
	}
	return gid, nil
}

// unixListener removes its socket when it is closed, unless another one stands there by then.
type unixListener struct {
	*net.UnixListener
	path string
	file fs.FileInfo
}

// Close stops listening.
func (l *unixListener) Close() error {
	if info, err := os.Lstat(l.path); err == nil && os.SameFile(info, l.file) {
		if err := os.Remove(l.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(err, l.UnixListener.Close())
		}
	}
	return l.UnixListener.Close()
}

// Inherited returns the listener that systemd opened for this process (socket activation), nil when there is none. Its
// mode and group are those of the socket unit.
func Inherited() (net.Listener, error) {
	all, err := activation.Listeners()
	if err != nil {
		return nil, fmt.Errorf("taking over the service manager's socket: %w", err)
	}
	var unixes []net.Listener
	for _, l := range all {
		if u, ok := l.(*net.UnixListener); ok {
			unixes = append(unixes, u)
		}
	}
	switch {
	case len(all) == 0:
		return nil, nil
	case len(all) == 1 && len(unixes) == 1:
		return unixes[0], nil
	default:
		return nil, fmt.Errorf("the service manager passed %d sockets, %d of them unix stream sockets; wanted exactly one",
			len(all), len(unixes))
	}
}
