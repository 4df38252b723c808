package assemble

import (
	"path/filepath"

	"github.com/daemonsetd/daemonsetd/manifests/trees"
)

// filesDir is the directory of the files of volumes, both within the state directory and within the runtime directory.
const filesDir = "config"

// Layout says where an agent keeps the files of volumes.
type Layout struct {
	// StateDir is the agent's state directory, RuntimeDir that for what a reboot may take. They are absolute. Where
	// RuntimeDir is empty or not in memory, Secrets lie within StateDir too; then it is to be empty here.
	StateDir, RuntimeDir string
}

// Dir is where trees without Secrets lie.
func (l Layout) Dir() string { return filepath.Join(l.StateDir, filesDir) }

// SecretDir is where trees with Secrets lie.
func (l Layout) SecretDir() string {
	if l.RuntimeDir == "" {
		return l.Dir()
	}
	return filepath.Join(l.RuntimeDir, filesDir)
}

// InMemory says whether a tree is kept in memory.
func (l Layout) InMemory(t trees.Tree) bool { return t.Secret && l.RuntimeDir != "" }

// Path is where a tree lies, for Config.Path.
func (l Layout) Path(t trees.Tree) string {
	if t.Secret {
		return trees.Path(l.SecretDir(), t)
	}
	return trees.Path(l.Dir(), t)
}
