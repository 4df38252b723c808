package files

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"
)

// TooManyError is for a directory with more entries than are looked at.
type TooManyError struct {
	Dir   string
	Limit int
}

func (e *TooManyError) Error() string {
	return fmt.Sprintf("%q has more than %d entries", e.Dir, e.Limit)
}

// Names gives the names of a directory's entries, sorted, and with them, of a directory with more than limit, a
// *TooManyError: then there are others, and which ones these are is chance. A FIFO in the directory's place does not
// block.
func Names(dir string, limit int) ([]string, error) {
	d, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }()
	names, err := d.Readdirnames(limit + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	err = nil
	if len(names) > limit {
		names, err = names[:limit], &TooManyError{dir, limit}
	}
	slices.Sort(names)
	return names, err
}
