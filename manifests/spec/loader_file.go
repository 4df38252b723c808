package spec

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

// isSpecName says whether a base name in the specs directory is a spec file's. What editors, package managers and
// transfer tools leave or make in passing (x.yaml~, .x.yaml.swp, x.yaml.rpmnew, x.yaml.dpkg-dist, .x.yaml.Xy12ab) is not.
func isSpecName(name string) bool {
	if strings.HasPrefix(name, ".") {
		return false
	}
	switch filepath.Ext(name) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}

// entryError is why a directory entry with a spec file's name cannot be read as one.
type entryError struct {
	message, hint string
	// harmless is set where nothing needs to be changed unless something came from the file before.
	harmless bool
}

func (e *entryError) Error() string { return e.message }

// errChanged says that a file was replaced or written while it was looked at.
var errChanged = errors.New("the file changed while it was read")

// problemOf turns an error of inspect or readFile into what the operator reads.
func problemOf(path string, err error) diag.Problem {
	p := diag.Problem{Severity: diag.Error, File: path}
	if r, ok := errors.AsType[*entryError](err); ok {
		p.Message, p.Hint = r.message, r.hint
		return p
	}
	p.Message = fmt.Sprintf("cannot be read: %v", cause(err))
	if errors.Is(err, fs.ErrPermission) {
		p.Hint = "make it readable for the user that the agent runs as"
	}
	return p
}

// cause is err without the operation and the path that package os puts before it: the problem names the file already.
func cause(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

// inspect looks at the directory entry at path without opening it. It returns the path to open, which is another one
// when path is a symbolic link, and the identity of the file there. A missing entry is fs.ErrNotExist; a link to
// nothing is not, since the file has not been removed by whoever left the link. Links are followed once: to a regular
// file, over whatever directories (which is how the kubelet's ..data links stand).
func inspect(path string) (target string, id identity, err error) {
	st, err := lstat(path)
	if err != nil {
		return "", identity{}, err
	}
	target = path
	if st.Mode&syscall.S_IFMT == syscall.S_IFLNK {
		if target, st, err = follow(path); err != nil {
			return "", identity{}, err
		}
	}
	if err := regular(st); err != nil {
		return "", identity{}, err
	}
	return target, identityOf(st), nil
}

func follow(path string) (string, *syscall.Stat_t, error) {
	target, err := os.Readlink(path)
	if err != nil {
		return "", nil, err
	}
	if !filepath.IsAbs(target) {
		// Not filepath.Join: it would take a/.. out, which is wrong where a is itself a link.
		target = filepath.Dir(path) + "/" + target
	}
	st, err := lstat(target)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil, &entryError{
			message: fmt.Sprintf("is a symbolic link to %q, which does not exist", target),
			hint:    "restore the file, or remove the link to remove its objects",
		}
	case err != nil:
		return "", nil, err
	case st.Mode&syscall.S_IFMT == syscall.S_IFLNK:
		return "", nil, &entryError{
			message: fmt.Sprintf("is a symbolic link to %q, which is a symbolic link itself; links are followed once", target),
			hint:    "link to the file itself",
		}
	case st.Mode&syscall.S_IFMT == syscall.S_IFDIR:
		return "", nil, &entryError{
			message: fmt.Sprintf("is a symbolic link to %q, which is a directory; wanted a regular file", target),
			hint:    "link each file",
		}
	}
	return target, st, nil
}

func regular(st *syscall.Stat_t) error {
	what := "something that is no file"
	switch st.Mode & syscall.S_IFMT {
	case syscall.S_IFREG:
		if st.Size > MaxFileBytes {
			return &entryError{
				message: fmt.Sprintf("has %d bytes; the limit is %d", st.Size, MaxFileBytes),
				hint:    "split it into several files",
			}
		}
		return nil
	case syscall.S_IFDIR:
		return &entryError{
			message:  "is a directory; only files directly in the specs directory are read",
			harmless: true,
		}
	case syscall.S_IFIFO:
		what = "a named pipe"
	case syscall.S_IFSOCK:
		what = "a socket"
	case syscall.S_IFCHR, syscall.S_IFBLK:
		what = "a device"
	}
	return &entryError{message: fmt.Sprintf("is %s; wanted a regular file", what), hint: "put a regular file in its place"}
}

// readFile reads the bytes of the file that inspect found, or says errChanged when the file is no longer that one. A
// named pipe that has taken its place meanwhile does not block it.
func readFile(target string, want identity) ([]byte, error) {
	f, err := os.OpenFile(target, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ELOOP) {
		return nil, errChanged
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := unchanged(f, want); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) != want.size {
		return nil, errChanged
	}
	return data, unchanged(f, want)
}

func unchanged(f *os.File, want identity) error {
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if sys, ok := st.Sys().(*syscall.Stat_t); !ok || identityOf(sys) != want {
		return errChanged
	}
	return nil
}

func lstat(path string) (*syscall.Stat_t, error) {
	var st syscall.Stat_t
	for {
		err := syscall.Lstat(path, &st)
		if err == nil {
			return &st, nil
		}
		if err != syscall.EINTR {
			return nil, &fs.PathError{Op: "lstat", Path: path, Err: err}
		}
	}
}
