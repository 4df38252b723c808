package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// ErrChanged says that a file was replaced or written while it was read, or is another one than ReadOptions.ID.
var ErrChanged = errors.New("the file changed while it was read")

// IrregularError is for something that is no regular file. It is not opened where that is known before.
type IrregularError struct {
	Path string
	Mode fs.FileMode
}

func (e *IrregularError) Error() string {
	return fmt.Sprintf("%q is %s, wanted a regular file", e.Path, KindOf(e.Mode))
}

// TooLargeError is for a file with more bytes than it may have.
type TooLargeError struct {
	Path string
	// Size is 0 where the file's end was not reached.
	Size, Limit int64
}

func (e *TooLargeError) Error() string {
	if e.Size <= e.Limit {
		return fmt.Sprintf("%q has more than the %d bytes allowed", e.Path, e.Limit)
	}
	return fmt.Sprintf("%q has %d bytes, more than the %d allowed", e.Path, e.Size, e.Limit)
}

// KindOf names a kind of file with its article.
func KindOf(mode fs.FileMode) string {
	switch {
	case mode.IsRegular():
		return "a regular file"
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}

// Cause is an error without the path and the call that package os puts before it, for messages that name the file
// already.
func Cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// ReadOptions say how ReadWith reads. The zero value refuses every file that is not empty: set Limit.
type ReadOptions struct {
	// Limit is how many bytes the file may have.
	Limit int64
	// Head reads the first Limit bytes of a file that may have more.
	Head bool
	// NoFollow refuses a symbolic link at the path with an *IrregularError.
	NoFollow bool
	// Check is asked about the open file before it is read, so that what was checked is what is read. Its error is
	// returned as it is.
	Check func(fs.FileInfo) error
	// ID, unless it is zero, is the file that is wanted; another one, or one that changes meanwhile, is ErrChanged.
	ID ID
}

// Read reads a regular file of at most limit bytes, over symbolic links. It never blocks on a FIFO and opens no device
// that does something when it is opened. Errors name the path: *IrregularError, *TooLargeError, or what the system
// said.
func Read(path string, limit int64) ([]byte, error) {
	data, _, err := ReadWith(path, ReadOptions{Limit: limit})
	return data, err
}

// Head reads at most the first n bytes of a regular file, of files of /proc and cgroups too, which claim to be empty.
func Head(path string, n int64) ([]byte, error) {
	data, _, err := ReadWith(path, ReadOptions{Limit: n, Head: true})
	return data, err
}

// ReadWith is Read with options; it gives the ID that the file had when it was read to its end.
func ReadWith(path string, o ReadOptions) ([]byte, ID, error) {
	flags := os.O_RDONLY
	if o.NoFollow {
		flags |= syscall.O_NOFOLLOW
	}
	f, info, err := open(path, flags)
	if _, irregular := errors.AsType[*IrregularError](err); o.ID != (ID{}) &&
		(irregular || errors.Is(err, fs.ErrNotExist)) {
		return nil, ID{}, ErrChanged
	}
	if err != nil {
		return nil, ID{}, err
	}
	defer func() { _ = f.Close() }()
	return read(f, info, path, o)
}

// Open opens a regular file that is there, as os.OpenFile does with flags, for those who do not read it whole. What is
// none is an *IrregularError and does not block.
func Open(path string, flags int) (*os.File, error) {
	f, _, err := open(path, flags)
	return f, err
}

func open(path string, flags int) (*os.File, fs.FileInfo, error) {
	// Without O_NONBLOCK, opening a FIFO waits for somebody at its other end.
	f, err := os.OpenFile(path, flags|syscall.O_NONBLOCK, 0)
	switch {
	case flags&syscall.O_NOFOLLOW != 0 && errors.Is(err, syscall.ELOOP):
		return nil, nil, &IrregularError{path, fs.ModeSymlink}
	case errors.Is(err, syscall.ENXIO):
		return nil, nil, &IrregularError{path, fs.ModeSocket}
	case err != nil:
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &IrregularError{path, info.Mode()}
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, info, nil
}

func read(f *os.File, info fs.FileInfo, path string, o ReadOptions) ([]byte, ID, error) {
	if id := IDOf(info); o.ID != (ID{}) && id != o.ID {
		return nil, id, ErrChanged
	}
	if o.Check != nil {
		if err := o.Check(info); err != nil {
			return nil, IDOf(info), err
		}
	}
	if info.Size() > o.Limit && !o.Head {
		return nil, IDOf(info), &TooLargeError{path, info.Size(), o.Limit}
	}
	bound := o.Limit
	if !o.Head {
		bound++ // to see that there is more
	}
	data, err := io.ReadAll(io.LimitReader(f, bound))
	if err != nil {
		return nil, IDOf(info), err
	}
	if int64(len(data)) > o.Limit && o.ID == (ID{}) {
		return nil, IDOf(info), &TooLargeError{Path: path, Limit: o.Limit}
	}
	then, err := f.Stat()
	if err != nil {
		return nil, ID{}, err
	}
	after := IDOf(then)
	if o.ID != (ID{}) && (after != o.ID || !o.Head && int64(len(data)) != after.Size) {
		return nil, after, ErrChanged
	}
	return data, after, nil
}
