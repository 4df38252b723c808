package trees

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
)

var (
	// ErrInvalid says that a tree has a name, a path or a mode that no volume can have.
	ErrInvalid = errors.New("the volume cannot be laid on disk")
	// ErrTooLarge says that a tree, or the number of trees, is beyond the limits.
	ErrTooLarge = errors.New("the volume is too large")
	// ErrForeign says that what stands in the way is not ours.
	ErrForeign = errors.New("it does not belong to the agent")
)

// Error is a failure with one tree, or with one of the directories that trees lie in; it never has content in it. What
// was on disk before is still there, whole, or what was to replace it is.
type Error struct {
	// Op is what was tried: "write", "remove" or "read".
	Op string
	// Namespace, DaemonSet, Revision and Volume are those of the tree, and empty where the failure is not one tree's.
	Namespace, DaemonSet, Revision, Volume string
	// Path is the tree or the directory.
	Path string
	// Err is the cause.
	Err error
	// Hint is what to do about it; empty where only the cause can tell.
	Hint string
}

// Error implements error.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Volume != "" {
		fmt.Fprintf(&b, " the files of volume %q of DaemonSet %q", e.Volume, e.Namespace+"/"+e.DaemonSet)
	}
	if e.Path != "" {
		fmt.Fprintf(&b, " in %q", e.Path)
	}
	fmt.Fprintf(&b, ": %v", e.Err)
	if e.Hint != "" {
		b.WriteString(": " + e.Hint)
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errors are the failures of one act, each on its own; the act did everything else.
type Errors []*Error

// Error implements error, a line for each.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, err := range e {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives all of them.
func (e Errors) Unwrap() []error {
	out := make([]error, len(e))
	for i, err := range e {
		out[i] = err
	}
	return out
}

func (e Errors) orNil() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

func (e *Errors) add(op string, i identity, path string, err error) {
	if err == nil {
		return
	}
	*e = append(*e, &Error{
		Op: op, Namespace: i.Namespace, DaemonSet: i.DaemonSet, Revision: i.Revision, Volume: i.Volume,
		Path: path, Err: err, Hint: hint(err),
	})
}

func hint(err error) string {
	switch {
	case errors.Is(err, ErrForeign):
		return "move it away"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "free some space on that file system"
	case errors.Is(err, syscall.EROFS):
		return "mount the file system for writing, or add the directory to ReadWritePaths= of the unit"
	case errors.Is(err, errOwner) && errors.Is(err, fs.ErrPermission):
		return "run the agent as root, or leave out the pod's fsGroup"
	case errors.Is(err, fs.ErrPermission):
		return "run the agent as root, or let its user write there"
	case errors.Is(err, syscall.EBUSY):
		return "something is mounted there: unmount it"
	}
	return ""
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
