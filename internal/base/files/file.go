package files

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/daemonsetd/daemonsetd/internal/base/atomicfile"
	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

// Kind says what a file of an operator's means and how it is read. T is what its bytes say.
type Kind[T any] struct {
	// Rules are how the file is followed.
	Rules Rules
	// Parse says what the bytes mean. A value with an error among its problems is not used.
	Parse func(path string, data []byte, id ID) (T, diag.List)
	// Copy is where the bytes that were last good are kept across a restart, with mode 0600; empty: they are not. Nobody
	// else may write there.
	Copy string
	// Required says that there has to be such a file: one that is gone is then refused like one that cannot be read.
	Required bool
	// Explain words the error of a file that cannot be read; nil: "cannot be read: ...".
	Explain func(path string, err error) diag.Problem
}

// File is one file of an operator's, and what of it is in effect: what it says, or, while it is bad, unreadable or
// being written, what it said when it was last good. NewFile makes it.
type File[T any] struct {
	path string
	kind Kind[T]

	whole Whole
	// id and digest are of the bytes that were parsed last; parsed is false where they have to be parsed again.
	id     ID
	digest [sha256.Size]byte
	parsed bool
	// value is what is in effect, if known; valueDigest is that of its bytes, data the bytes while they may have to be
	// copied.
	value       T
	known       bool
	valueDigest [sha256.Size]byte
	data        []byte
	// good says that value is what the bytes that were read last say.
	good bool
	// problems are those of the bytes that were read last, or why they cannot be read.
	problems diag.List
	// asked says that the copy has been asked for, copied why it could not be used.
	asked  bool
	copied diag.List
	// lost is why a copy that there was could not be used, until somebody takes it; kept says that Keep has looked.
	lost error
	kept bool
}

// NewFile follows the file at path. It reads nothing yet.
func NewFile[T any](path string, kind Kind[T]) *File[T] { return &File[T]{path: path, kind: kind} }

// Reading is what a look at a File came to.
type Reading[T any] struct {
	// State is what became of the file itself.
	State State
	// Value is in effect, if Known. Current says that it is what the file says now; else it is what it said before.
	Value          T
	Known, Current bool
	// Changed says that Value is another one than after the look before.
	Changed bool
	// Problems are what is wrong with the file as it was last read.
	Problems diag.List
	// Wait, when above 0, is after how long to look again, as no event may tell.
	Wait time.Duration
}

// Path is where the file is looked for.
func (f *File[T]) Path() string { return f.path }

// Look looks at the file. It is read only when it changed, and only once it is whole.
//
// A file that is gone changes nothing by itself: where its removal is the operator's word, the caller calls Forget. One
// of which nothing is known, no copy either where copies are kept, is gone at once. While one that was never read is
// being written, its copy is in effect.
func (f *File[T]) Look(now time.Time) Reading[T] {
	return f.came(f.whole.Look(f.path, now, f.kind.Rules, nil))
}

// Force is Look for an operator who says that the file is whole: it is read as it is.
func (f *File[T]) Force(now time.Time) Reading[T] {
	return f.came(f.whole.Force(f.path, now, f.kind.Rules))
}

func (f *File[T]) came(look Look) Reading[T] {
	before, known := f.valueDigest, f.known
	r := Reading[T]{State: look.State, Wait: look.Wait}
	switch look.State {
	case Fresh:
		f.parse(look.Data, look.ID)
	case Refused:
		f.refuse(look.Err)
	case Settling:
		// What was kept is better than waiting for somebody to finish.
		if !f.known {
			f.recall()
		}
	case Away:
		// A file of which nothing is known is not waited for.
		if f.kind.Copy != "" && !f.known && !f.recall() {
			r.State, r.Wait = Gone, 0
		}
	}
	if r.State == Gone && f.kind.Required {
		f.refuse(fs.ErrNotExist)
	}
	if !f.known && f.problems.HasErrors() {
		f.recall()
	}
	there := r.State == Same || r.State == Fresh
	r.Value, r.Known, r.Current = f.value, f.known, f.known && f.good && there
	r.Changed = f.known && (!known || f.valueDigest != before)
	if there || r.State == Refused || r.State == Settling || r.State == Gone && f.kind.Required {
		r.Problems = f.problems
	}
	if !f.known {
		r.Problems = append(slices.Clone(r.Problems), f.copied...)
	}
	return r
}

// parse understands bytes, unless it has done so with the same ones of the same file.
func (f *File[T]) parse(data []byte, id ID) {
	digest := sha256.Sum256(data)
	if f.parsed && id == f.id && digest == f.digest {
		return
	}
	value, problems := f.kind.Parse(f.path, data, id)
	f.id, f.digest, f.parsed, f.problems = id, digest, true, problems
	if f.good = !problems.HasErrors(); f.good {
		f.value, f.known, f.valueDigest, f.data = value, true, digest, data
	}
}

func (f *File[T]) refuse(err error) {
	f.good, f.parsed = false, false
	if f.kind.Explain != nil {
		f.problems = diag.List{f.kind.Explain(f.path, err)}
		return
	}
	f.problems = diag.List{{
		Severity: diag.Error, File: f.path, Message: "cannot be read: " + reason(f.path, err),
		Hint: "what it said last stays in effect; remove the file to take that back",
	}}
}

// reason is an error without the path, which the problem has already.
func reason(path string, err error) string {
	if e, ok := errors.AsType[*IrregularError](err); ok {
		return fmt.Sprintf("it is %s, wanted a regular file or a link to one", KindOf(e.Mode))
	}
	if e, ok := errors.AsType[*TooLargeError](err); ok && e.Size > e.Limit {
		return fmt.Sprintf("it has %d bytes, more than the %d allowed", e.Size, e.Limit)
	}
	return Cause(err).Error()
}

// recall takes what a former process kept into effect, once, where the file itself says nothing that can be used.
func (f *File[T]) recall() bool {
	if f.kind.Copy == "" || f.asked {
		return false
	}
	f.asked = true
	data, id, err := ReadWith(f.kind.Copy, ReadOptions{Limit: f.kind.Rules.Limit, NoFollow: true})
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	var problems diag.List
	var value T
	if err == nil {
		if value, problems = f.kind.Parse(f.kind.Copy, data, id); !problems.HasErrors() {
			f.value, f.known, f.valueDigest = value, true, sha256.Sum256(data)
			return true
		}
		err = errors.New(problems.Errors()[0].Message)
	}
	f.lost = err
	f.copied = diag.List{{
		Severity: diag.Warning, File: f.path,
		Message: fmt.Sprintf("what it said when it was last good is kept in %q, which cannot be used: %v", f.kind.Copy,
			Cause(err)),
		Hint: "repair the file",
	}}
	return false
}

// Keep has the bytes of the value in effect on disk at Kind.Copy, for a restart that finds the file bad: call it when
// the value has taken effect. Without a Copy, or with nothing new, it does nothing. What failed is done by the next
// call.
func (f *File[T]) Keep() error {
	if f.kind.Copy == "" || f.data == nil {
		return nil
	}
	old, err := Read(f.kind.Copy, f.kind.Rules.Limit)
	f.checkCopy(old, err)
	if err != nil || string(old) != string(f.data) {
		if err := atomicfile.WriteFile(f.kind.Copy, f.data, 0o600); err != nil {
			return fmt.Errorf("keep what %q says: %w", f.path, err)
		}
	}
	f.data = nil
	return nil
}

// checkCopy notes, before the first copy of this process is written over what a former one kept, that this was damaged.
func (f *File[T]) checkCopy(old []byte, err error) {
	if f.kept {
		return
	}
	f.kept = true
	if err == nil {
		if _, problems := f.kind.Parse(f.kind.Copy, old, ID{}); problems.HasErrors() {
			err = errors.New(problems.Errors()[0].Message)
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.lost = err
	}
}

// TakeLost says, once, why the copy that a former process kept cannot be used: it is damaged. Nil: it can, or there was
// none.
func (f *File[T]) TakeLost() error {
	err := f.lost
	f.lost = nil
	return Cause(err)
}

// Forget takes the value out of effect, and its copy off the disk: the file was removed, and that was meant.
func (f *File[T]) Forget() error {
	var none T
	f.value, f.known, f.good, f.parsed, f.data, f.asked = none, false, false, false, nil, true
	f.problems, f.copied = nil, nil
	f.whole.Recheck()
	if f.kind.Copy == "" {
		return nil
	}
	err := os.Remove(f.kind.Copy)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = atomicfile.SyncDir(filepath.Dir(f.kind.Copy))
	}
	if err != nil {
		return fmt.Errorf("remove what %q said: %w", f.path, err)
	}
	return nil
}
