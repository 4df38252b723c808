// Package manifestdir keeps our files in the directory that the kubelet watches. It is the only code of the project
// that touches that directory, and it never changes or removes a file that does not bear our mark (render.Inspect).
//
// A file appears and changes by rename only, under a name that the kubelet ignores until then (a leading dot,
// pkg/kubelet/config/file.go), so that neither the kubelet nor a reader after a crash ever sees half of one. Temporary
// files lie in the same directory because it may be a mount of its own, into which nothing can be renamed.
//
// A Store decides nothing: which DaemonSet has a file is its caller's business. One directory belongs to one Store at a
// time, which Lock sees to: a second one would take the first one's temporary files for leftovers of a crash.
package manifestdir

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/daemonsetd/daemonsetd/internal/base/dirlock"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// MaxFiles is the most entries that the directory may have. With more, Scan and Write fail rather than overlook one.
const MaxFiles = 10_000

// dirMode is the mode of a directory that Ensure makes.
const dirMode = 0o755

// Config is what a Store needs.
type Config struct {
	// Dir is the directory that the kubelet watches (staticPodPath).
	Dir string
	// Logger receives what the store did to the directory.
	Logger zerolog.Logger
	// Refuse says why the directory takes no change now, for simulations of such a disk; nil: the disk says.
	Refuse func() error
}

// Store is safe for use by several goroutines.
type Store struct {
	dir    string
	log    zerolog.Logger
	sys    system
	wakeup chan struct{}
	// racy and rearm are files.RacyWindow and rearmInterval, shorter in tests.
	racy, rearm time.Duration

	mu sync.Mutex
	// cache holds what was read from every file, as long as its identity stays the same.
	cache map[string]cached
	// told has the identity of every file as the last Scan reported it, or as we wrote it since.
	told map[string]identity
	// locking says that the directory is to be locked, lock is the lock.
	locking bool
	lock    *dirlock.Lock
	// existed is set once the directory has been seen.
	existed bool
	// prepared has the manifests that wait under temporary names, by the file name that they are for.
	prepared map[string]prepared
	// unsynced is set while a change of the directory may not have reached the disk.
	unsynced bool
}

// New checks the directory's path; it does not touch the disk. The kubelet lists its directory by a glob pattern, so a
// path with a character that has a meaning in patterns would never be listed, and is refused.
func New(c Config) (*Store, error) {
	if c.Dir == "" {
		return nil, errors.New("the path of the manifests directory is empty: set it to the kubelet's staticPodPath")
	}
	if i := strings.IndexAny(c.Dir, `*?[\`); i >= 0 {
		return nil, fmt.Errorf("manifests directory %q: the kubelet cannot list a directory with %q in its path, as it "+
			"takes the path for a pattern: use another path",
			c.Dir, c.Dir[i:i+1])
	}
	return &Store{
		dir:    filepath.Clean(c.Dir),
		log:    c.Logger,
		sys:    refusing{system: linux{}, refuse: c.Refuse},
		wakeup: make(chan struct{}, 1),
		racy:   files.RacyWindow,
		rearm:  rearmInterval,
		cache:  map[string]cached{},
		told:   map[string]identity{},

		prepared: map[string]prepared{},
	}, nil
}

// Dir is the directory's path.
func (s *Store) Dir() string { return s.dir }

func (s *Store) path(name string) string { return filepath.Join(s.dir, name) }

// Listing is what is in the directory. All of it is sorted by file name, byte by byte, as the kubelet lists it.
type Listing struct {
	// Ours has the files that bear our mark, but for Pulls: those whose pods only pull images (render.Pull).
	Ours, Pulls []Entry
	// Foreign has every other file that the kubelet looks at.
	Foreign []ForeignPod
	// Problems has what an operator should look into.
	Problems []Problem
}

// Entry is one of our files.
type Entry struct {
	render.Header
}

// ForeignPod is a file that is not ours.
type ForeignPod struct {
	// FileName is the file's base name.
	FileName string
	// Namespace and Name are those of the pod in it, without the node's name; both are empty where the kubelet finds none.
	Namespace, Name string
	// DaemonSet is the DaemonSet (namespace/name) whose mark the file bears; empty where it bears none.
	DaemonSet string
	// Reason says why the file is not ours, as a clause that follows "the file".
	Reason string
}

// Copies are the files that are not ours, though they bear the mark of one of our DaemonSets and declare a pod: a
// backup that the kubelet reads too, for one. The kubelet runs each beside the DaemonSet's own pod.
func (l *Listing) Copies() []ForeignPod {
	var out []ForeignPod
	for _, f := range l.Foreign {
		if namespace, name, _ := strings.Cut(f.DaemonSet, "/"); namespace != "" && name != "" && f.Name != "" {
			out = append(out, f)
		}
	}
	return out
}

// Problem is something wrong with one file.
type Problem struct {
	// FileName is the file's base name.
	FileName string
	// Message is a clause that follows "the file".
	Message string
}
