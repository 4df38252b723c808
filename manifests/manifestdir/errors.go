package manifestdir

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/daemonsetd/daemonsetd/internal/base/dirlock"
)

var (
	// ErrMissing says that the directory does not exist.
	ErrMissing = errors.New("the manifests directory does not exist")
	// ErrForeignFile says that a file stands under one of our names which is not ours, or not the same DaemonSet's.
	ErrForeignFile = errors.New("the file belongs to somebody else")
	// ErrForeignPod says that a file which is not ours already declares a pod of that namespace and name; of the two, the
	// kubelet would run now one and now the other.
	ErrForeignPod = errors.New("another file declares the same pod")
)

// Error is a failed act on the directory. Nothing that was there before has been lost.
type Error struct {
	// Op is what was tried: "write", "remove", "scan", "lock" or "create".
	Op string
	// Path is the file or directory.
	Path string
	// Err is the cause.
	Err error
	// Hint is what to do about it; empty where only the cause can tell.
	Hint string
}

// Error implements error.
func (e *Error) Error() string {
	s := fmt.Sprintf("%s %q: %v", e.Op, e.Path, e.Err)
	if e.Hint != "" {
		s += ": " + e.Hint
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

func failed(op, path string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Op: op, Path: path, Err: err, Hint: hint(err)}
}

func hint(err error) string {
	_, held := errors.AsType[*dirlock.HeldError](err)
	switch {
	case held:
		return "stop one of the two agents, or give it a directory of its own"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "free some space on that file system"
	case errors.Is(err, syscall.EROFS):
		return "mount the file system for writing, or add the directory to ReadWritePaths= of the unit"
	case errors.Is(err, fs.ErrPermission):
		return "run the agent as root, or let its user write to the directory"
	case errors.Is(err, ErrMissing):
		return "create it, or set the manifests directory to the kubelet's staticPodPath"
	case errors.Is(err, ErrForeignFile):
		return "move that file away"
	case errors.Is(err, ErrForeignPod):
		return "remove the pod from that file, or rename the DaemonSet"
	}
	return ""
}
