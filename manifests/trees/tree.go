package trees

import (
	"fmt"
	"io/fs"
	"path/filepath"

	"k8s.io/apimachinery/pkg/util/validation"
)

// What one tree may have. A ConfigMap or Secret has at most 1 MiB (kubernetes MaxSecretSize); a projected volume has
// several.
const (
	// MaxTreeSize is the most bytes that the files of a tree have together.
	MaxTreeSize = 16 << 20
	// MaxFiles is the most files, and the most nested mount points, of a tree.
	MaxFiles = 10_000
	// MaxTrees is the most trees of an Apply, and of a directory.
	MaxTrees = 10_000
	// MaxSources is the most bytes that the names of a tree's sources have together.
	MaxSources = 256 << 10
)

// DefaultDirMode is the mode of a tree's directories where nothing else is said: that of the kubelet's writer.
const DefaultDirMode fs.FileMode = 0o755

// Tree is the content of one volume of one revision of one DaemonSet.
type Tree struct {
	// Namespace and DaemonSet name the DaemonSet.
	Namespace, DaemonSet string
	// Revision is the controller-revision-hash of the pods that mount the tree.
	Revision string
	// Volume is the volume's name in the pod.
	Volume string
	// Secret says that there is a Secret among the sources.
	Secret bool
	// Files is the content, in any order.
	Files []File
	// Mountpoints are directories, relative to the volume, on which a container mounts another volume. The kubelet makes
	// them in the volumes that it writes (pkg/volume/util/nested_volumes.go), but not in a hostPath, and in one that is
	// read-only the container runtime cannot. As with the kubelet, one that has a file's name hides the file.
	Mountpoints []string
	// GID is the pod's fsGroup, which everything in the tree is given; nil leaves the agent's own group.
	GID *int64
	// DirMode is the mode of every directory in the tree, with the setgid bit where an fsGroup asks for it; 0 stands for
	// DefaultDirMode. Its owner must have all three rights.
	DirMode fs.FileMode
	// RootMode is the mode of the tree's own directory, which is what a container sees in the place where it mounts the
	// volume, with setgid and the sticky bit where they are wanted; 0 stands for the mode of the other directories.
	RootMode fs.FileMode
	// Sources are the spec files that the content comes from, for List.
	Sources []string
}

// File is one file of a tree. It prints without its content.
type File struct {
	// Path is relative to the volume and may have directories in it.
	Path string
	// Mode has the permission bits exactly as they are to be: what an fsGroup adds (kubernetes pkg/volume/volume_linux.go)
	// is in it.
	Mode fs.FileMode
	// Data is the content.
	Data []byte `json:"-"`
}

// Format implements fmt.Formatter, so that no verb prints the content.
func (f File) Format(w fmt.State, _ rune) {
	// The writer is fmt's own buffer, and never fails.
	_, _ = fmt.Fprintf(w, "{%q %v, %d bytes}", f.Path, f.Mode, len(f.Data))
}

// identity is what tells one tree from another.
type identity struct {
	Namespace string `json:"namespace"`
	DaemonSet string `json:"daemonSet"`
	Revision  string `json:"revision"`
	Volume    string `json:"volume"`
}

func (t Tree) identity() identity {
	return identity{t.Namespace, t.DaemonSet, t.Revision, t.Volume}
}

func (i identity) dir(r root) string {
	return filepath.Join(r.dir, i.Namespace, i.DaemonSet, i.Revision)
}

func (i identity) path(r root) string { return filepath.Join(i.dir(r), i.Volume) }

func (i identity) daemonSet() string { return i.Namespace + "/" + i.DaemonSet }

// checkNames lets nothing pass but names by which no path leads elsewhere: they have no slash and do not begin with a
// dot.
func (t Tree) checkNames() error {
	for _, n := range []struct {
		what, name string
		check      func(string) []string
	}{
		{"namespace", t.Namespace, validation.IsDNS1123Label},
		{"DaemonSet", t.DaemonSet, validation.IsDNS1123Subdomain},
		{"revision", t.Revision, validation.IsDNS1123Label},
		{"volume", t.Volume, validation.IsDNS1123Label},
	} {
		if problems := n.check(n.name); len(problems) > 0 {
			return fmt.Errorf("%w: the name %q of the %s: %s", ErrInvalid, n.name, n.what, problems[0])
		}
	}
	return nil
}
