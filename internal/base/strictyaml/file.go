package strictyaml

import (
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

// DecodeFile reads a file of one document into a pointer to a struct. The error is set when the file could not be read:
// nothing is known then. A file that could be read gives problems; one that has no document leaves into as it is and
// gives none.
func DecodeFile(path string, lim Limits, into any) (diag.List, error) {
	data, err := ReadFile(path, lim.orDefault().MaxBytes)
	if err != nil {
		return nil, err
	}
	return DecodeBytes(path, data, lim, into), nil
}

// DecodeBytes is DecodeFile for bytes that were read already.
func DecodeBytes(path string, data []byte, lim Limits, into any) diag.List {
	docs, problems := Parse(path, data, lim)
	for i, d := range docs {
		if i > 0 {
			problems = append(problems, d.Problem(diag.Error, "", "a second document, wanted one in this file", "remove it"))
			continue
		}
		problems = append(problems, d.Decode(into)...)
	}
	problems.Sort()
	return problems
}

// ReadFile reads a regular file, and at most one byte more than the limit, which Parse then reports with the file's name.
func ReadFile(path string, limit int64) (data []byte, err error) {
	// Without O_NONBLOCK, opening a named pipe waits for a writer.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("opening: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("reading %s: a %s, wanted a regular file", path, kindOf(info.Mode()))
	}
	if data, err = io.ReadAll(io.LimitReader(f, limit+1)); err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	return data, nil
}

func kindOf(m os.FileMode) string {
	switch {
	case m.IsDir():
		return "directory"
	case m&os.ModeNamedPipe != 0:
		return "named pipe"
	case m&os.ModeSocket != 0:
		return "socket"
	default:
		return "device"
	}
}
