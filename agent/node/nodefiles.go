package node

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// nodeFiles is node.yaml and node.d, with what of them is in effect.
type nodeFiles struct {
	// nodeFile and nodeDir may be empty: there is none.
	nodeFile, nodeDir string
	tracker           tracker[fileFacts]
	store             kept[[]fileFacts]

	// good is what is in effect, in the order in which it is merged; merged is its sum.
	good   []fileFacts
	merged declared
	// status says for each path how it stands with it.
	status map[string]FileStatus
	// problems is sorted. wait is when to look again because of a file that is on its way; 0 for no such need.
	problems diag.List
	wait     time.Duration
	saveErr  error // why what they say could not be kept
}

// FileStatus says what of a file is in effect.
type FileStatus string

// The states of a file.
const (
	// FileInEffect is a file whose content is in effect.
	FileInEffect FileStatus = "InEffect"
	// FileLastGood is a file that is bad or cannot be read; what it said last is in effect.
	FileLastGood FileStatus = "LastGoodInEffect"
	// FileNotInEffect is a file that is bad and never was good.
	FileNotInEffect FileStatus = "NotInEffect"
	// FileChanging is a file that is being written or removed; what it said last is in effect until it is at rest.
	FileChanging FileStatus = "Changing"
)

func newNodeFiles(c Config) nodeFiles {
	return nodeFiles{
		nodeFile: c.NodeFile, nodeDir: c.NodeDir,
		store: kept[[]fileFacts]{path: filepath.Join(c.StateDir, "node-files.json"), copies: true},
		tracker: tracker[fileFacts]{kind: files.Kind[fileFacts]{
			Rules: ours(maxFileBytes, 0),
			Parse: func(path string, data []byte, _ files.ID) (fileFacts, diag.List) {
				return parseNodeFile(path, data, c.Name)
			},
		}},
	}
}

// load reads what was in effect when the agent last ran.
func (n *nodeFiles) load() (diag.List, error) {
	good, problems, err := n.store.load()
	n.good, n.merged = good, merge(good)
	return problems, err
}

// refresh looks at all files.
func (n *nodeFiles) refresh(now time.Time) {
	n.problems, n.wait, n.status = nil, 0, map[string]FileStatus{}
	var next []fileFacts
	paths := n.paths()
	n.tracker.forget(paths)
	for _, path := range paths {
		if facts, ok := n.look(path, now); ok {
			next = append(next, facts)
		}
	}
	n.accept(next)
	n.problems.Sort()
}

// paths is every file that has a say: those that are there and those that are in effect, in the order of merging.
func (n *nodeFiles) paths() []string {
	var paths []string
	if n.nodeFile != "" {
		paths = append(paths, n.nodeFile)
	}
	names, err := n.list()
	if err != nil {
		n.problem(n.nodeDir, "cannot be read: "+files.Cause(err).Error(), "what its files said last stays in effect")
	}
	for _, name := range names {
		paths = append(paths, filepath.Join(n.nodeDir, name))
	}
	for _, f := range n.good {
		ours := f.Path == n.nodeFile || n.nodeDir != "" && filepath.Dir(f.Path) == filepath.Clean(n.nodeDir)
		if ours && !slices.Contains(paths, f.Path) {
			paths = append(paths, f.Path)
		}
	}
	slices.SortFunc(paths, func(a, b string) int {
		return cmp.Or(-compareBool(a == n.nodeFile, b == n.nodeFile), cmp.Compare(filepath.Base(a), filepath.Base(b)))
	})
	return slices.Compact(paths)
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

func (n *nodeFiles) list() ([]string, error) {
	if n.nodeDir == "" {
		return nil, nil
	}
	return listDir(n.nodeDir, nodeFileName, maxFiles)
}

// look returns what the file has to say now, if anything.
func (n *nodeFiles) look(path string, now time.Time) (fileFacts, bool) {
	before, was := n.inEffect(path)
	if was && dirGone(n.home(path)) {
		n.problem(path, fmt.Sprintf("the directory %s is missing", n.home(path)),
			"what the file said last stays in effect; create the directory, empty, to take it back")
		n.status[path] = FileLastGood
		return before, true
	}
	if !was && gone(path) {
		return before, false
	}
	v, r := n.tracker.look(path, now)
	n.problems = append(n.problems, r.Problems...)
	switch {
	case v == useIt:
		n.status[path] = FileInEffect
		return r.Value, true
	case v == dropIt:
		return before, false
	case v == waitIt:
		n.wait = soonest(n.wait, r.Wait)
		n.status[path] = FileChanging
	case was:
		n.status[path] = FileLastGood
	default:
		n.status[path] = FileNotInEffect
	}
	return before, was
}

// home is the directory that has to be there for a missing file to count as removed: the file's own one for node.yaml,
// and for node.d, which is itself removed at will, the one above it.
func (n *nodeFiles) home(path string) string {
	if path == n.nodeFile {
		return filepath.Dir(path)
	}
	return filepath.Dir(filepath.Clean(n.nodeDir))
}

func (n *nodeFiles) inEffect(path string) (fileFacts, bool) {
	i := slices.IndexFunc(n.good, func(f fileFacts) bool { return f.Path == path })
	if i < 0 {
		return fileFacts{}, false
	}
	return n.good[i], true
}

// accept puts the files into effect, unless together they are too much: then nothing changes.
func (n *nodeFiles) accept(next []fileFacts) {
	sum := merge(next)
	if err := sum.checkLimits(); err != nil {
		n.problem(next[len(next)-1].Path, err.Error(), "remove some; until then the files stay in effect as they were")
		next, sum = n.good, n.merged
	}
	n.good, n.merged = next, sum
}

// persist keeps what the files say for the case that one of them is bad after a restart.
func (n *nodeFiles) persist() error {
	n.saveErr = n.store.save(n.good)
	return n.saveErr
}

func (n *nodeFiles) problem(file, message, hint string) {
	n.problems = append(n.problems, diag.Problem{Severity: diag.Error, File: file, Message: message, Hint: hint})
}

// soonest is the shorter of two waits, of which 0 means none.
func soonest(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
