package history

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/daemonsetd/daemonsetd/internal/base/atomicfile"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
	"github.com/daemonsetd/daemonsetd/manifests/render"
)

const suffix = ".json"

// Config is what a Store needs.
type Config struct {
	// Dir is where revisions lie, DIR/namespace/name/revision.json. It is made when something is first recorded.
	Dir string
	// Logger receives what was set aside.
	Logger zerolog.Logger
	// Lost is told of each file that was set aside, with a lock held: it must not call the Store. Nil: nobody is.
	Lost func(*files.LostError)
}

// Store is safe for use by several goroutines. A directory belongs to one Store at a time.
type Store struct {
	dir  string
	log  zerolog.Logger
	lost func(*files.LostError)

	mu sync.Mutex
	// swept are the directories from which the temporary files of a crash were removed.
	swept map[string]bool
}

// New makes a Store; it changes nothing on disk.
func New(c Config) *Store {
	return &Store{dir: c.Dir, log: c.Logger, lost: c.Lost, swept: map[string]bool{}}
}

// List gives the revisions of a DaemonSet without their templates, the lowest number first; none where it has no
// history. A file that cannot be used is set aside under another name and is in the error; the other revisions are
// given with it.
func (s *Store) List(namespace, name string) ([]Revision, error) {
	// Files are replaced by rename, so that who reads needs no lock, and the API never holds up who records.
	if list, err := s.list(namespace, name, peek); err == nil {
		return list, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list(namespace, name, s.load)
}

// Get gives one revision, whole. The error is ErrNotFound where there is none, also where its file could not be used.
func (s *Store) Get(namespace, name, fleet string) (Revision, error) {
	if r, err := s.get(namespace, name, fleet, peek); err == nil || errors.Is(err, ErrNotFound) {
		return r, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.get(namespace, name, fleet, s.load)
}

// Entry is a revision that is the target now, for Record.
type Entry struct {
	Namespace, Name string
	// Revision is what is kept. First is taken from what is on disk where the revision is known.
	Revision Revision
	// Limit is the DaemonSet's revisionHistoryLimit: how many others are kept.
	Limit int
	// Live are the revisions (Revision.Fleet) that are kept in any case.
	Live []string
}

// Record keeps a revision that has become the target, or whose number, cause or source has changed, and removes the
// oldest that are more than the limit. When it returns nil all of that is on disk.
func (s *Store) Record(e Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	dir, err := s.dirOf(e.Namespace, e.Name)
	if err != nil {
		return err
	}
	if err := s.prepare(dir); err != nil {
		return fmt.Errorf("history of DaemonSet %q: %w", e.Namespace+"/"+e.Name, err)
	}
	return errors.Join(s.write(e), s.prune(e))
}

// prepare makes the directory, for its owner alone: a template may have passwords in it.
func (s *Store) prepare(dir string) error {
	if s.swept[dir] {
		if _, err := os.Lstat(dir); err == nil {
			return nil
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for d := filepath.Dir(dir); ; d = filepath.Dir(d) {
		if err := atomicfile.SyncDir(d); err != nil {
			return err
		}
		if d == filepath.Dir(s.dir) || d == filepath.Dir(d) {
			break
		}
	}
	if err := atomicfile.RemoveTemps(dir); err != nil {
		return err
	}
	s.swept[dir] = true
	return nil
}

func (s *Store) write(e Entry) error {
	r := e.Revision
	path, err := s.path(e.Namespace, e.Name, r.Fleet)
	if err != nil {
		return err
	}
	r.ChangeCause = shortened(r.ChangeCause)
	before, err := s.get(e.Namespace, e.Name, r.Fleet, s.load)
	if err == nil {
		r.First = before.First
	}
	if r.First.IsZero() {
		r.First = r.Last
	}
	data, err := encode(r)
	if err == nil {
		_, err = decode(data)
	}
	if err != nil {
		return fmt.Errorf("revision %q of DaemonSet %q cannot be kept: %w", r.Fleet, e.Namespace+"/"+e.Name, err)
	}
	return atomicfile.WriteFile(path, data, 0o600)
}

// shortened cuts a cause that nobody would read to its end, between two characters.
func shortened(cause string) string {
	if len(cause) <= MaxChangeCause {
		return cause
	}
	return strings.ToValidUTF8(cause[:MaxChangeCause], "")
}

// prune removes the oldest that are more than the limit. The one that is the target does not count, and live ones count
// and stay (cleanupHistory in pkg/controller/daemon/update.go).
func (s *Store) prune(e Entry) error {
	list, err := s.list(e.Namespace, e.Name, s.load)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(r Revision) bool { return r.Fleet == e.Revision.Fleet })
	surplus := len(list) - min(max(e.Limit, 0), MaxRevisions-1)
	var errs []error
	removed := false
	for _, r := range list {
		if surplus <= 0 {
			break
		}
		if slices.Contains(e.Live, r.Fleet) {
			continue
		}
		path, err := s.path(e.Namespace, e.Name, r.Fleet)
		if err == nil {
			err = os.Remove(path)
		}
		errs = append(errs, err)
		removed = true
		surplus--
	}
	if removed {
		dir, _ := s.dirOf(e.Namespace, e.Name)
		errs = append(errs, atomicfile.SyncDir(dir))
	}
	return errors.Join(errs...)
}

// loader reads a file of the history, which has a revision of that name.
type loader func(path, fleet string) (Revision, error)

func (s *Store) list(namespace, name string, load loader) ([]Revision, error) {
	dir, err := s.dirOf(namespace, name)
	if err != nil {
		return nil, err
	}
	names, err := names(dir)
	if err != nil {
		return nil, fmt.Errorf("history of DaemonSet %q: %w", namespace+"/"+name, err)
	}
	var out []Revision
	var errs []error
	for _, n := range names {
		fleet, ok := strings.CutSuffix(n, suffix)
		if !ok || !render.IsRevision(fleet) {
			continue
		}
		r, err := load(filepath.Join(dir, n), fleet)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		r.Template = nil
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b Revision) int {
		return cmp.Or(cmp.Compare(a.Number, b.Number), a.Last.Compare(b.Last), cmp.Compare(a.Fleet, b.Fleet))
	})
	return out, errors.Join(errs...)
}

func (s *Store) get(namespace, name, fleet string, load loader) (Revision, error) {
	path, err := s.path(namespace, name, fleet)
	if err != nil {
		return Revision{}, err
	}
	r, err := load(path, fleet)
	if errors.Is(err, fs.ErrNotExist) {
		return Revision{}, fmt.Errorf("revision %q of DaemonSet %q: %w", fleet, namespace+"/"+name, ErrNotFound)
	}
	return r, err
}

// peek reads a file and leaves it where it is.
func peek(path, fleet string) (Revision, error) {
	data, err := read(path)
	if err != nil && !errors.Is(err, errFormat) {
		return Revision{}, fmt.Errorf("read a revision: %w", err)
	}
	var r Revision
	if err == nil {
		r, err = decode(data)
	}
	if err == nil && r.Fleet != fleet {
		err = fmt.Errorf("it has the revision %q", r.Fleet)
	}
	if err != nil {
		return Revision{}, unusableError{err}
	}
	return r, nil
}

// load reads a file, and sets one aside that cannot be used, so that it is told once and stays to be looked at. A file
// that cannot be read for another reason stays where it is.
func (s *Store) load(path, fleet string) (Revision, error) {
	r, err := peek(path, fleet)
	if _, bad := errors.AsType[unusableError](err); !bad {
		return r, err
	}
	aside, asideErr := files.SetAside(path, time.Now())
	if asideErr != nil {
		return Revision{}, fmt.Errorf("%q cannot be used: %w: %w", path, err, asideErr)
	}
	s.log.Error().Str(logfield.File, path).Str(logfield.To, aside).AnErr(logfield.Error, err).
		Msg("a revision of the history cannot be used and was set aside")
	if s.lost != nil {
		s.lost(&files.LostError{Path: path, Aside: aside, Err: err})
	}
	return Revision{}, fmt.Errorf("%w: %q cannot be used, set aside as %q: %w", ErrNotFound, path, aside, err)
}

// unusableError is the error of a file that was read and is no revision, or not the one of its name.
type unusableError struct{ error }

func (e unusableError) Unwrap() error { return e.error }

// names are those of a directory's entries, as many as are looked at.
func names(dir string) ([]string, error) {
	list, err := files.Names(dir, maxEntries)
	if _, ok := errors.AsType[*files.TooManyError](err); ok || errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return list, err
}

// dirOf is a DaemonSet's directory. The names are such that no path leads elsewhere.
func (s *Store) dirOf(namespace, name string) (string, error) {
	if errs := validation.IsDNS1123Label(namespace); len(errs) > 0 {
		return "", fmt.Errorf("namespace %q: %s", namespace, errs[0])
	}
	if errs := validation.IsDNS1123Subdomain(name); len(errs) > 0 {
		return "", fmt.Errorf("name %q of a DaemonSet: %s", name, errs[0])
	}
	return filepath.Join(s.dir, namespace, name), nil
}

func (s *Store) path(namespace, name, fleet string) (string, error) {
	dir, err := s.dirOf(namespace, name)
	if err != nil {
		return "", err
	}
	if !render.IsRevision(fleet) {
		return "", fmt.Errorf("%q is no name of a revision: wanted %d characters as in the label controller-revision-hash",
			fleet, render.RevisionLength)
	}
	return filepath.Join(dir, fleet+suffix), nil
}
