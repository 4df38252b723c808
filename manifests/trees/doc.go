// Package trees keeps the files of ConfigMap, Secret and projected volumes on disk, in the form in which the kubelet's
// own writer lays them (kubernetes pkg/volume/util/atomic_writer.go), so that a static pod which mounts them as a
// read-only hostPath sees what it would see in a cluster: a directory with the content under a name that tells its
// time, a link ..data that is swapped in one step, and one link through ..data for every name that the pod sees.
//
// One volume of one revision of one DaemonSet is a Tree. It lies at DIR/namespace/daemonset/revision/volume, and a file
// volume.json beside it says that it is ours and which spec files it is made from. Every directory above a tree is for
// root alone; what a container may see of the tree itself is up to the modes of the tree.
//
// A tree is whole or absent: a new one is built under a temporary name and renamed into place, and one that changes
// gets a new version beside the old one before ..data is swapped. Links for new names are made before the swap and
// those of old names removed after it, other than by the kubelet's writer, so that whatever is opened through any link
// belongs to the version that ..data names at that moment.
//
// The content of Secrets is in no error, no log and no listing.
package trees

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/daemonsetd/daemonsetd/internal/base/files"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
)

// Config is what a Store needs.
type Config struct {
	// Dir is where trees lie, an absolute path. It is made when it does not exist, and is then for its owner alone.
	Dir string
	// SecretDir, an absolute path, is where Secrets lie if it is on a file system that is in memory (tmpfs, ramfs). Where
	// it is empty or on a disk, Secrets lie under Dir too.
	SecretDir string
	// Label is the SELinux label of everything in a tree (ContainerLabel); "" gives none.
	Label string
	// Logger receives what the store did to the directories.
	Logger zerolog.Logger
}

// Store is safe for use by several goroutines. A directory belongs to one Store at a time.
type Store struct {
	log zerolog.Logger
	sys system
	// configs and secrets are where the two kinds of trees lie; they may be the same.
	configs, secrets root
	// uid and gid are those that everything gets, but for an fsGroup.
	uid, gid int
	label    string

	mu sync.Mutex
	// pending has the directories whose last change may not have reached the disk.
	pending map[string]struct{}
	// swept is set once leftovers of a crash have been removed, and unset by every failure.
	swept bool
	// memos has the trees of the last Apply that were as they are to be.
	memos map[place]memo
	// racy is files.RacyWindow, another one in tests.
	racy time.Duration

	// telling is for foreign, which is what the last look at the directories found that is not ours. Nobody reads or
	// writes a file under it.
	telling sync.Mutex
	foreign map[string]struct{}
}

// root is one of the two directories.
type root struct {
	dir string
	// memory says that the file system loses everything in a crash of the system anyway, so that nothing needs a sync.
	memory bool
}

// New checks the paths and finds out where Secrets will lie; it changes nothing on disk.
func New(c Config) (*Store, error) { return newStore(c, linux{}) }

func newStore(c Config, sys system) (*Store, error) {
	if err := checkDirs(c); err != nil {
		return nil, err
	}
	s := &Store{
		log: c.Logger, sys: sys, uid: os.Geteuid(), gid: os.Getegid(), label: c.Label,
		pending: map[string]struct{}{}, foreign: map[string]struct{}{}, memos: map[place]memo{},
		racy: files.RacyWindow,
	}
	s.configs = root{dir: filepath.Clean(c.Dir), memory: s.inMemory(c.Dir)}
	s.secrets = s.configs
	switch {
	case c.SecretDir != "" && s.inMemory(c.SecretDir):
		s.secrets = root{dir: filepath.Clean(c.SecretDir), memory: true}
	case !s.configs.memory:
		s.log.Warn().Str(logfield.Dir, s.configs.dir).
			Msg("the files of Secrets are kept on disk, for want of a directory in memory")
	}
	return s, nil
}

func checkDirs(c Config) error {
	if !filepath.IsAbs(c.Dir) {
		return fmt.Errorf("directory %q for the files of volumes: want an absolute path, as a pod mounts them from there",
			c.Dir)
	}
	if c.SecretDir == "" {
		return nil
	}
	if !filepath.IsAbs(c.SecretDir) {
		return fmt.Errorf("directory %q for the files of Secrets: want an absolute path, as a pod mounts them from there",
			c.SecretDir)
	}
	if within(c.Dir, c.SecretDir) || within(c.SecretDir, c.Dir) {
		return fmt.Errorf("directories %q and %q for the files of volumes: want neither within the other", c.Dir, c.SecretDir)
	}
	return nil
}

// within says that path lies below dir.
func within(path, dir string) bool {
	return strings.HasPrefix(filepath.Clean(path), strings.TrimSuffix(filepath.Clean(dir), "/")+"/")
}

// inMemory asks for the nearest directory above that exists. What cannot be told is taken for a disk, which costs no
// more than syncs.
func (s *Store) inMemory(dir string) bool {
	for dir = filepath.Clean(dir); ; dir = filepath.Dir(dir) {
		memory, err := s.sys.inMemory(dir)
		if err == nil || dir == "/" || !errors.Is(err, os.ErrNotExist) {
			return err == nil && memory
		}
	}
}

// SecretDir says where the trees with Secrets lie, and whether that is in memory.
func (s *Store) SecretDir() (dir string, memory bool) { return s.secrets.dir, s.secrets.memory }

// roots are the directories that there are.
func (s *Store) roots() []root {
	if s.secrets == s.configs {
		return []root{s.configs}
	}
	return []root{s.configs, s.secrets}
}

// Path is where a tree lies, for the hostPath of its volume: the same for the same namespace, DaemonSet, revision,
// volume and Secret, whatever the content. It is empty where one of the names is not a name that Kubernetes allows, so
// that no name leads out of the directory; Apply refuses such a tree.
func (s *Store) Path(t Tree) string {
	if t.Secret {
		return Path(s.secrets.dir, t)
	}
	return Path(s.configs.dir, t)
}
