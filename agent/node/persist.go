package node

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/daemonsetd/daemonsetd/internal/base/atomicfile"
	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// stateVersion is the format of the files that this package keeps in the state directory.
const stateVersion = 1

// maxStateFile bounds what is read back: the last good versions of maxFiles files of maxFileBytes each fit.
const maxStateFile = 256 << 20

// envelope is what every kept file holds.
type envelope[T any] struct {
	Version int `json:"version"`
	Data    T   `json:"data"`
}

// errNewerState says that the file is intact and not for this version to read.
var errNewerState = errors.New("was written by a newer daemonsetd; install that version again, or move the file away " +
	"to start without it")

// kept is one file in the state directory. With copies set it stands there twice, because losing it would take labels
// away and so stop pods: if one is damaged, by a disk or by hand, the other one counts.
type kept[T any] struct {
	path   string
	copies bool
	last   []byte // what the file holds, as far as is known; nil when it has to be written
}

func (k *kept[T]) copyPath() string { return k.path + ".bak" }

// load reads the file; without one it returns the zero value. Damaged content is kept beside the file and reported. Of
// a pair, the other one counts for one that is damaged or gone, and the next save, which follows at once, writes both.
// The error is for what cannot be gone on without: there is content, and neither copy can be used.
func (k *kept[T]) load() (T, diag.List, error) {
	value, err := k.read(k.path)
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case err == nil && k.copies:
		return value, k.checkCopy(), nil
	case err == nil || missing && !k.copies:
		return value, nil, nil
	case missing:
		return k.loadCopy()
	}
	aside, renameErr := k.setAside(err)
	problem := diag.Problem{
		Severity: diag.Warning, File: k.path, Message: fmt.Sprintf("cannot be used: %v", err),
		Hint: aside,
	}
	if k.copies {
		value, copyErr := k.read(k.copyPath())
		if copyErr != nil {
			return value, nil, fmt.Errorf("state file %q cannot be used, nor can its copy: %w; repair one of them, or remove "+
				"both to start without what they hold",
				k.path, errors.Join(err, copyErr, renameErr))
		}
		problem.Message += "; its copy is used"
		return value, diag.List{problem}, nil
	}
	problem.Message += "; started without it"
	return value, diag.List{problem}, renameErr
}

// loadCopy is load where only the copy can be there.
func (k *kept[T]) loadCopy() (T, diag.List, error) {
	value, err := k.read(k.copyPath())
	if errors.Is(err, fs.ErrNotExist) {
		return value, nil, nil
	}
	if err != nil {
		return value, nil, fmt.Errorf("state file %q is missing, and its copy %q cannot be used: %w; repair the copy, or "+
			"remove it to start without what it holds", k.path, k.copyPath(), err)
	}
	return value, diag.List{{
		Severity: diag.Warning, File: k.path, Message: "is missing; its copy is used",
		Hint: "nothing has to be done: it is written again; see that the disk is well",
	}}, nil
}

// checkCopy looks at the copy of a file that is well. One that is damaged or gone is written again at once; one that is
// older was left so by a crash between the two.
func (k *kept[T]) checkCopy() diag.List {
	problem := diag.Problem{
		Severity: diag.Warning, File: k.copyPath(),
		Hint: "nothing has to be done: it is written again; see that the disk is well",
	}
	data := k.last
	_, err := k.read(k.copyPath())
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		problem.Message = "is missing, the copy of " + k.path
	default:
		problem.Message = fmt.Sprintf("cannot be used, the copy of %s: %v", k.path, err)
		if errors.Is(err, errNewerState) {
			problem.Hint = "the next change of " + k.path + " is written over it"
			return diag.List{problem}
		}
		if damaged, ok := errors.AsType[*damagedError](err); ok {
			if aside, err := files.CopyAside(k.copyPath(), damaged.data, time.Now()); err == nil {
				problem.Hint = fmt.Sprintf("it is written again; what it held is kept in %s; see that the disk is well", aside)
			}
		}
	}
	if err := atomicfile.WriteFile(k.copyPath(), data, 0o600); err != nil {
		problem.Hint = fmt.Sprintf("it could not be written again: %v", err)
	}
	return diag.List{problem}
}

// setAside keeps elsewhere what a file holds that is about to be written over. Of a pair, only damaged content is worth
// it: what cannot be read stands in the copy too.
func (k *kept[T]) setAside(cause error) (hint string, err error) {
	var aside string
	damaged, ok := errors.AsType[*damagedError](cause)
	switch {
	case !k.copies:
		aside, err = files.SetAside(k.path, time.Now())
	case ok:
		// The name stays too, so that a restart before the next write finds the copy again.
		aside, err = files.CopyAside(k.path, damaged.data, time.Now())
	default:
		return "see that it can be read", nil
	}
	if err != nil {
		return "its content could not be kept elsewhere", fmt.Errorf("keep the unusable %q: %w", k.path, err)
	}
	return fmt.Sprintf("what it held is kept in %s; see that the disk is well", aside), nil
}

// damagedError is for a file that was read and makes no sense.
type damagedError struct {
	data []byte
	err  error
}

func (e *damagedError) Error() string { return "damaged: " + e.err.Error() }
func (e *damagedError) Unwrap() error { return e.err }

func (k *kept[T]) read(path string) (T, error) {
	var e envelope[T]
	data, err := files.Read(path, maxStateFile)
	if err != nil {
		return e.Data, err
	}
	if err := json.Unmarshal(data, &e); err != nil {
		var zero T
		return zero, &damagedError{data, err}
	}
	if e.Version > stateVersion {
		var zero T
		return zero, errNewerState
	}
	if path == k.path {
		k.last = data
	}
	return e.Data, nil
}

// save writes the value where it differs from what the file holds.
func (k *kept[T]) save(value T) error {
	data, err := json.Marshal(envelope[T]{stateVersion, value})
	if err != nil {
		return fmt.Errorf("encode %q: %w", k.path, err)
	}
	if k.last != nil && bytes.Equal(data, k.last) {
		return nil
	}
	k.last = nil
	if err := atomicfile.WriteFile(k.path, data, 0o600); err != nil {
		return err
	}
	if k.copies {
		if err := atomicfile.WriteFile(k.copyPath(), data, 0o600); err != nil {
			return err
		}
	}
	k.last = data
	return nil
}
