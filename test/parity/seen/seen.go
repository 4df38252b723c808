// Package seen says what a process sees: its environment, its arguments, and files with everything about them.
package seen

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// Report is what a container sees.
type Report struct {
	Args []string
	// Env has the variables as they came, sorted.
	Env      []string
	Hostname string
	UID, GID int
	Groups   []int
	Mounts   []Mount
	// Entries has everything at and below the paths that were asked for, in order.
	Entries []Entry
}

// Entry is one file, directory or link.
type Entry struct {
	Path string
	// Type is "file", "directory", "link" or "other".
	Type string
	// Mode has the permission bits, setuid, setgid and sticky included, as in stat(2).
	Mode     uint32
	UID, GID uint32
	// Target is where a link says it leads, Leads where it leads to in the end.
	Target string `json:",omitempty"`
	Leads  string `json:",omitempty"`
	Size   int64
	// SHA256 is that of a file's content.
	SHA256 string `json:",omitempty"`
	// Text is the content of a file that is in a directory named "differs".
	Text string `json:",omitempty"`
	// Denied is set where the container may not read the file or list the directory.
	Denied bool `json:",omitempty"`
}

// Mount is what one of the paths that were asked for is on.
type Mount struct {
	Path string
	// ReadOnly is set where nobody may write, Memory where the file system is a tmpfs.
	ReadOnly, Memory bool
}

// Look gives what this process sees, with everything at and below the paths. A path that is not there is left out.
func Look(paths []string) (Report, error) {
	r := Report{Args: os.Args[1:], Env: os.Environ(), UID: os.Getuid(), GID: os.Getgid()}
	slices.Sort(r.Env)
	var err error
	if r.Hostname, err = os.Hostname(); err != nil {
		return r, err
	}
	if r.Groups, err = os.Getgroups(); err != nil {
		return r, err
	}
	slices.Sort(r.Groups)
	for _, path := range paths {
		if err := r.mount(path); err != nil {
			return r, err
		}
		if err := r.walk(path); err != nil {
			return r, err
		}
	}
	return r, nil
}

// walk adds what is at the path and below. A path that is not there is left out.
func (r *Report) walk(path string) error {
	e, err := entry(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var names []os.DirEntry
	if e.Type == "directory" {
		names, err = os.ReadDir(path)
		e.Denied = errors.Is(err, fs.ErrPermission)
		// A directory that is mounted by itself and has been removed where it comes from cannot be listed either.
		if e.Denied || errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	r.Entries = append(r.Entries, e)
	for _, n := range names {
		if err := r.walk(filepath.Join(path, n.Name())); err != nil {
			return err
		}
	}
	return err
}

func entry(path string) (Entry, error) {
	var st syscall.Stat_t
	if err := syscall.Lstat(path, &st); err != nil {
		return Entry{}, &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	e := Entry{Path: path, Type: "other", Mode: st.Mode &^ syscall.S_IFMT, UID: st.Uid, GID: st.Gid}
	var err error
	switch st.Mode & syscall.S_IFMT {
	case syscall.S_IFDIR:
		e.Type = "directory"
	case syscall.S_IFLNK:
		e.Type = "link"
		err = e.follow()
	case syscall.S_IFREG:
		e.Type, e.Size = "file", st.Size
		err = e.hash()
	}
	return e, err
}

func (e *Entry) follow() error {
	var err error
	if e.Target, err = os.Readlink(e.Path); err != nil {
		return err
	}
	e.Leads, err = filepath.EvalSymlinks(e.Path)
	return err
}

func (e *Entry) hash() error {
	data, err := os.ReadFile(e.Path)
	if errors.Is(err, fs.ErrPermission) {
		e.Denied = true
		return nil
	}
	sum := sha256.Sum256(data)
	e.SHA256 = hex.EncodeToString(sum[:])
	if filepath.Base(filepath.Dir(e.Path)) == "differs" {
		e.Text = string(data)
	}
	return err
}

func (r *Report) mount(path string) error {
	const tmpfs = 0x01021994
	var st syscall.Statfs_t
	err := syscall.Statfs(path, &st)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return &fs.PathError{Op: "statfs", Path: path, Err: err}
	}
	r.Mounts = append(r.Mounts, Mount{Path: path, ReadOnly: st.Flags&syscall.MS_RDONLY != 0, Memory: st.Type == tmpfs})
	return nil
}
