package files

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/daemonsetd/daemonsetd/internal/base/atomicfile"
)

const (
	// LedgerName is the file of a Ledger.
	LedgerName = "state.json"
	// MaxLosses is how many losses a Ledger names; others are counted.
	MaxLosses = 50
	// maxLedger bounds the file, and maxLossText what is said of one loss.
	maxLedger   = 1 << 20
	maxLossText = 1000
)

// LostError says that a file of the agent's own state could not be used. Aside is where it is kept, empty where that
// failed.
type LostError struct {
	Path, Aside string
	Err         error
}

func (e *LostError) Error() string {
	if e.Aside == "" {
		return fmt.Sprintf("%q cannot be used: %v", e.Path, e.Err)
	}
	return fmt.Sprintf("%q cannot be used, set aside as %q: %v", e.Path, e.Aside, e.Err)
}

func (e *LostError) Unwrap() error { return e.Err }

// Losses are all LostErrors in an error.
func Losses(err error) []*LostError {
	var out []*LostError
	switch e := err.(type) { //nolint:errorlint // errors.As finds one of several
	case nil:
	case *LostError:
		out = append(out, e)
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			out = append(out, Losses(err)...)
		}
	case interface{ Unwrap() error }:
		out = Losses(e.Unwrap())
	}
	return out
}

// Loss is a file of the agent's own state that was lost.
type Loss struct {
	// File is relative to the directory of the Ledger.
	File string `json:"file"`
	// What happened to it, to follow its name in a sentence.
	What string `json:"what"`
	// Todo is what an operator has to do, where it is something else than what follows from the name.
	Todo string `json:"todo,omitempty"`
	// Since is when that was found.
	Since time.Time `json:"since"`
}

// Ledger remembers on disk which files of the agent's own state there are, so that one that is gone can be told from
// one that never was, and what was lost of them, until an operator has taken note. It is locked.
type Ledger struct {
	dir string

	mu      sync.Mutex
	files   map[string]bool
	losses  []Loss
	dropped int
	dirty   bool
}

// ledgerFile is the form of the file.
type ledgerFile struct {
	// Version is 1. Another one is a file of a newer agent, which is set aside.
	Version int      `json:"version"`
	Files   []string `json:"files"`
	Losses  []Loss   `json:"losses,omitempty"`
	Dropped int      `json:"dropped,omitempty"`
}

// OpenLedger reads the ledger of a directory and looks which files are gone. One without a ledger has lost nothing as
// far as is known: it is new, or of an agent that kept none. A ledger that cannot be used is set aside, and is a loss
// itself.
func OpenLedger(dir string, now time.Time) *Ledger {
	l := &Ledger{dir: dir, files: map[string]bool{}}
	path := filepath.Join(dir, LedgerName)
	_, err := Load(path, maxLedger, now, l.decode)
	for _, e := range Losses(err) {
		l.files, l.losses = map[string]bool{}, nil
		l.Lose(Loss{File: LedgerName, What: DamagedText(e), Since: now})
	}
	for _, name := range slices.Sorted(maps.Keys(l.files)) {
		// A link whose target is missing is not a missing file.
		if _, err := os.Lstat(filepath.Join(dir, name)); errors.Is(err, fs.ErrNotExist) {
			delete(l.files, name)
			l.Lose(Loss{File: name, What: "is missing", Since: now})
		}
	}
	return l
}

// DamagedText says what happened to a file, to follow its name.
func DamagedText(e *LostError) string {
	if e.Aside == "" {
		return fmt.Sprintf("cannot be used: %v", e.Err)
	}
	return fmt.Sprintf("cannot be used (%v) and is kept as %s", e.Err, filepath.Base(e.Aside))
}

func (l *Ledger) decode(data []byte) error {
	var f ledgerFile
	if err := json.Unmarshal(data, &f); err != nil {
		return err
	}
	if f.Version != 1 {
		return fmt.Errorf("version %d: this agent reads version 1", f.Version)
	}
	for _, name := range f.Files {
		if !filepath.IsLocal(name) {
			return fmt.Errorf("%q is no name of a file in the directory", name)
		}
		l.files[name] = true
	}
	l.losses, l.dropped = f.Losses[:min(len(f.Losses), MaxLosses)], f.Dropped
	return nil
}

// Lose notes that a file was lost. What was said of it before is replaced.
func (l *Ledger) Lose(loss Loss) {
	l.mu.Lock()
	defer l.mu.Unlock()
	loss.What, loss.Todo = shortened(loss.What), shortened(loss.Todo)
	delete(l.files, loss.File) // that it is not there is known now
	i := slices.IndexFunc(l.losses, func(x Loss) bool { return x.File == loss.File })
	switch {
	case i >= 0:
		l.losses[i] = loss
	case len(l.losses) >= MaxLosses:
		l.dropped++
	default:
		l.losses = append(l.losses, loss)
	}
	l.dirty = true
}

func shortened(text string) string {
	if len(text) <= maxLossText {
		return text
	}
	return strings.ToValidUTF8(text[:maxLossText], "") + "..."
}

// Note notes which of these files there are. One that is known to be there costs nothing.
func (l *Ledger) Note(names ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range names {
		if l.files[name] {
			continue
		}
		if _, err := os.Lstat(filepath.Join(l.dir, name)); err == nil {
			l.files[name], l.dirty = true, true
		}
	}
}

// Drop forgets a file that need not be there any more, and that it was lost.
func (l *Ledger) Drop(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	losses := len(l.losses)
	l.losses = slices.DeleteFunc(l.losses, func(x Loss) bool { return x.File == name })
	if l.files[name] || len(l.losses) < losses {
		delete(l.files, name)
		l.dirty = true
	}
}

// Losses are what was lost and no operator has taken note of, in the order in which it was found, and how many more
// there are.
func (l *Ledger) Losses() (list []Loss, more int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.losses), l.dropped
}

// Acknowledge is called when an operator has taken note of what was lost.
func (l *Ledger) Acknowledge() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dirty = l.dirty || len(l.losses) > 0 || l.dropped > 0
	l.losses, l.dropped = nil, 0
}

// Save brings the ledger on disk if it has changed. What failed is done by the next call.
func (l *Ledger) Save() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.dirty {
		return nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(ledgerFile{
		Version: 1, Files: slices.Sorted(maps.Keys(l.files)), Losses: l.losses, Dropped: l.dropped,
	})
	if err == nil {
		err = atomicfile.WriteFile(filepath.Join(l.dir, LedgerName), b.Bytes(), 0o600)
	}
	if err != nil {
		return fmt.Errorf("saving which files of the state there are: %w", err)
	}
	l.dirty = false
	return nil
}
