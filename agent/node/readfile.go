package node

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

// load reads and parses the file. It returns false when the file changed meanwhile.
func (t *tracker[T]) load(path string, f *tracked[T], id fileID) bool {
	data, err := readWhole(path, t.maxBytes, id)
	if errors.Is(err, errChanged) {
		return false
	}
	if err != nil {
		f.fail(path, err)
		// What is wrong with the file itself does not go away by asking again, what is wrong with the disk may.
		f.read = errors.Is(err, errUnusable)
		f.id = id
		return true
	}
	value, problems := t.parse(path, data, id)
	*f = tracked[T]{id: id, read: true, value: value, good: !problems.HasErrors(), problems: problems}
	return true
}

func (f *tracked[T]) fail(path string, err error) {
	f.read, f.good = false, false
	f.problems = diag.List{{
		Severity: diag.Error, File: path, Message: "cannot be read: " + plainError(err),
		Hint: "what it said last stays in effect; remove the file to take that back",
	}}
}

var (
	errChanged  = errors.New("the file changed while it was read")
	errUnusable = errors.New("unusable")
)

// readWhole reads a file whose identity is known, and makes sure that it still had that identity at the end.
func readWhole(path string, limit int64, id fileID) ([]byte, error) {
	if !id.mode.IsRegular() {
		return nil, fmt.Errorf("it is %s, wanted a regular file or a link to one: %w", kindOf(id.mode), errUnusable)
	}
	if id.size > limit {
		return nil, fmt.Errorf("it has %d bytes, more than the %d allowed: %w", id.size, limit, errUnusable)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if idOf(info) != id || int64(len(data)) != id.size {
		return nil, errChanged
	}
	return data, nil
}

func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}

// plainError leaves out of an error the path and the call, which the problem has already.
func plainError(err error) string {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return pathError.Err.Error()
	}
	if text, ok := strings.CutSuffix(err.Error(), ": "+errUnusable.Error()); ok {
		return text
	}
	return err.Error()
}
