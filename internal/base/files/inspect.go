package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// LinkError is for a symbolic link that does not lead to a file within Rules.MaxLinks steps.
type LinkError struct {
	// Path is the link, Target what the last link that was followed points at.
	Path, Target string
	// Missing says that there is nothing at the target; else Mode is what there is: a link is one too many.
	Missing bool
	Mode    fs.FileMode
}

func (e *LinkError) Error() string {
	switch {
	case e.Missing:
		return fmt.Sprintf("%q is a symbolic link to %q, which does not exist", e.Path, e.Target)
	case e.Mode&fs.ModeSymlink != 0:
		return fmt.Sprintf("%q leads over too many symbolic links, the last one to %q", e.Path, e.Target)
	}
	return fmt.Sprintf("%q is a symbolic link to %q, which is %s; wanted a regular file", e.Path, e.Target, KindOf(e.Mode))
}

// Inspect looks at what stands at path without opening it, as Look does first. It gives the path to open, which is
// another one where path is a symbolic link and MaxLinks is set, and the file's ID. A missing file is fs.ErrNotExist;
// a link to nothing is not, since the file has not been removed by whoever left the link.
func (r Rules) Inspect(path string) (target string, id ID, err error) {
	target, id, gone, err := r.inspect(path)
	if gone {
		return "", ID{}, &fs.PathError{Op: "lstat", Path: path, Err: fs.ErrNotExist}
	}
	return target, id, err
}

func (r Rules) inspect(path string) (target string, id ID, gone bool, err error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", ID{}, true, nil
	}
	if err != nil {
		return "", ID{}, false, err
	}
	target = path
	if info.Mode()&fs.ModeSymlink != 0 {
		if target, info, err = r.follow(path); err != nil {
			return "", ID{}, false, err
		}
	}
	id = IDOf(info)
	switch {
	case !id.Mode.IsRegular():
		err = &IrregularError{target, id.Mode}
	case id.Size > r.Limit:
		err = &TooLargeError{target, id.Size, r.Limit}
	}
	return target, id, false, err
}

func (r Rules) follow(path string) (string, fs.FileInfo, error) {
	if r.MaxLinks == 0 {
		info, err := os.Stat(path)
		return path, info, err
	}
	link := path
	for step := 1; ; step++ {
		target, err := os.Readlink(link)
		if err != nil {
			return "", nil, err
		}
		if !filepath.IsAbs(target) {
			// Not filepath.Join: it would take a/.. out, which is wrong where a is itself a link.
			target = filepath.Dir(link) + "/" + target
		}
		info, err := os.Lstat(target)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return "", nil, &LinkError{Path: path, Target: target, Missing: true}
		case err != nil:
			return "", nil, err
		case info.IsDir() || info.Mode()&fs.ModeSymlink != 0 && step == r.MaxLinks:
			return "", nil, &LinkError{Path: path, Target: target, Mode: info.Mode()}
		case info.Mode()&fs.ModeSymlink == 0:
			return target, info, nil
		}
		link = target
	}
}

// ReadOnce reads the file at path as it is at this moment, by the rules but without waiting for it to be whole.
func (r Rules) ReadOnce(path string) ([]byte, error) {
	target, id, err := r.Inspect(path)
	if err != nil {
		return nil, err
	}
	data, _, err := ReadWith(target, ReadOptions{Limit: r.Limit, NoFollow: r.MaxLinks > 0, Check: r.Check, ID: id})
	return data, err
}

// openForWriting asks the kernel for a read lease, which it gives only while nobody has the file open for writing
// (fcntl(2), F_SETLEASE), and gives it back at once. Where it cannot be asked, the answer is yes, which costs a wait.
func openForWriting(path string) bool {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return true
	}
	defer func() { _ = f.Close() }()
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK); err != nil {
		return true
	}
	_, err = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
	return err != nil
}
