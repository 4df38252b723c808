package trees

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"hash"
	"path/filepath"
	"time"

	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// memo remembers that a tree was found to be as it is to be, so that the next Apply, which mostly has nothing to do,
// need not read it again.
type memo struct {
	path string
	// want is the digest of the Tree.
	want [sha256.Size]byte
	// states has everything that can only change together with the tree: what is in a directory is told by the directory.
	states []state
}

// place is what the path of a tree follows from.
type place struct {
	identity
	secret bool
}

// state tells whether anything about a file or directory has changed: every change sets ctime.
type state struct {
	path string
	id   files.ID
}

// fingerprint is a digest of everything in a tree.
func (t Tree) fingerprint() (sum [sha256.Size]byte) {
	files := t.Files
	t.Files = nil
	h := sha256.New()
	// A struct of strings and numbers always has a JSON form.
	head, _ := json.Marshal(t)
	chunk(h, head)
	for _, f := range files {
		chunk(h, []byte(f.Path))
		chunk(h, binary.BigEndian.AppendUint32(nil, uint32(f.Mode)))
		chunk(h, f.Data)
	}
	h.Sum(sum[:0])
	return sum
}

// chunk writes the length first, so that no two lists of chunks run together to the same bytes.
func chunk(h hash.Hash, b []byte) {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(b)))
	h.Write(n[:])
	h.Write(b)
}

// states looks at everything that a tree is made of, and says whether it has been still long enough to be trusted. It
// is false when something is missing.
func (s *Store) states(l *layout) (all []state, ok bool) {
	version, err := s.current(l.path)
	if err != nil || version == "" {
		return nil, false
	}
	now := time.Now()
	paths := append(l.above()[1:], l.path, l.path+markSuffix, filepath.Join(l.path, dataLink))
	for _, m := range l.mountpoints {
		paths = append(paths, filepath.Join(l.path, m))
	}
	for _, dir := range l.dirs {
		paths = append(paths, filepath.Join(l.path, version, dir))
	}
	for _, f := range l.files {
		paths = append(paths, filepath.Join(l.path, version, f.Path))
	}
	for _, path := range paths {
		st, ok := s.state(path)
		if !ok || now.Sub(time.Unix(0, st.id.Ctime)) < s.racy {
			return nil, false
		}
		all = append(all, st)
	}
	return all, true
}

func (s *Store) state(path string) (state, bool) {
	info, err := s.sys.lstat(path)
	if err != nil {
		return state{}, false
	}
	return state{path, files.IDOf(info)}, true
}

// holds says that nothing has changed since the memo was made. Directories that several trees lie in are looked at
// once.
func (s *Store) holds(m memo, seen map[string]state) bool {
	for _, old := range m.states {
		now, ok := seen[old.path]
		if !ok {
			if now, ok = s.state(old.path); !ok {
				return false
			}
			seen[old.path] = now
		}
		if now != old {
			return false
		}
	}
	return true
}
