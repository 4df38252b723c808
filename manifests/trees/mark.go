package trees

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// markSuffix makes the mark's name from the volume's, which has no dot.
const markSuffix = ".json"

// markLimit is more than a mark of ours ever has.
const markLimit = 64 << 20

// mark is the file beside a tree that says that the tree is ours. It has nothing of the content.
type mark struct {
	Version int `json:"version"`
	identity
	Secret      bool     `json:"secret,omitempty"`
	Sources     []string `json:"sources,omitempty"`
	Mountpoints []string `json:"mountpoints,omitempty"`
}

const markVersion = 1

func newMark(t Tree, mountpoints []string) mark {
	sources := slices.Compact(slices.Sorted(slices.Values(t.Sources)))
	return mark{Version: markVersion, identity: t.identity(), Secret: t.Secret, Sources: sources, Mountpoints: mountpoints}
}

// encode gives the file's bytes, the same for the same mark.
func (m mark) encode() ([]byte, error) {
	data, err := json.Marshal(m)
	return append(data, '\n'), err
}

// readMark reads the mark beside the tree at path. The error is fs.ErrNotExist where there is none, and ErrForeign
// where it is not what we write.
func (s *Store) readMark(i identity, path string) (mark, error) {
	data, err := s.sys.read(path+markSuffix, markLimit)
	if _, ok := errors.AsType[*files.IrregularError](err); ok {
		return mark{}, fmt.Errorf("%w: %w", err, ErrForeign)
	}
	if err != nil {
		return mark{}, err
	}
	var m mark
	if err := json.Unmarshal(data, &m); err != nil {
		return mark{}, fmt.Errorf("%q is not a file that the agent wrote: %w: %w", path+markSuffix, err, ErrForeign)
	}
	if m.Version != markVersion || m.identity != i || !slices.IsSortedFunc(m.Mountpoints, strings.Compare) ||
		slices.ContainsFunc(m.Mountpoints, leadsOut) {
		return mark{}, fmt.Errorf("%q is not as this version of the agent writes it for this volume: %w", path+markSuffix,
			ErrForeign)
	}
	return m, nil
}

// leadsOut keeps a mark that somebody edited from naming anything outside of the tree, or the tree itself.
func leadsOut(path string) bool {
	return !filepath.IsLocal(path) || filepath.Clean(path) != path || path == "."
}

// claim brings the mark of a tree up to date before anything is done to the tree. What stands there without a mark is
// not ours.
func (s *Store) claim(l *layout) error {
	old, err := s.readMark(l.identity, l.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := s.sys.lstat(l.path); !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(err, fmt.Errorf("%q has no %q beside it: %w", l.path, l.Volume+markSuffix, ErrForeign))
		}
	case err != nil:
		return err
	}
	was, _ := old.encode()
	data, err := l.mark.encode()
	if err != nil || bytes.Equal(was, data) {
		return err
	}
	return s.sys.writeFile(l.path+markSuffix, data)
}
