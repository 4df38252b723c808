package trees

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// labelAttr is the extended attribute that has a file's SELinux label.
const labelAttr = "security.selinux"

// maxPolicyFile is how much of a file of SELinux' configuration is read.
const maxPolicyFile = 64 << 10

// ContainerLabel is the SELinux label of files that every container may read, on the system whose root is the directory
// root; "" where SELinux is off, or has no policy for containers. It is the file's label in lxc_contexts, which podman
// and the kubelet's runtimes take too (go-selinux, ContainerLabels), with the level that podman gives to volumes that
// several containers share (the option z): pods of two revisions may have the same files, and have different
// categories.
func ContainerLabel(root string) (string, error) {
	if _, err := files.Head(filepath.Join(root, "sys/fs/selinux/enforce"), 1); err != nil {
		return "", ignoreMissing(err)
	}
	config, err := files.Head(filepath.Join(root, "etc/selinux/config"), maxPolicyFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read which SELinux policy is loaded: %w", err)
	}
	policy := setting(config, "SELINUXTYPE")
	if policy == "" {
		policy = "targeted"
	}
	path := filepath.Join(root, "etc/selinux", filepath.Base(policy), "contexts/lxc_contexts")
	contexts, err := files.Head(path, maxPolicyFile)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read which SELinux label the files of containers have: %w", err)
	}
	return strings.Trim(setting(contexts, "file"), `"`), nil
}

// setting is the value of a line KEY=VALUE or KEY = VALUE.
func setting(text []byte, key string) string {
	for line := range strings.Lines(string(text)) {
		if k, v, ok := strings.Cut(line, "="); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// labelled says whether something has the label that everything in a tree is to have. A file system that knows no
// labels has the one that it was mounted with.
func (s *Store) labelled(path string) (bool, error) {
	if s.label == "" {
		return true, nil
	}
	label, err := s.sys.label(path)
	switch {
	case errors.Is(err, unix.ENOTSUP):
		return true, nil
	case errors.Is(err, unix.ENODATA):
		return false, nil
	}
	return label == s.label, err
}

// relabel gives something in a tree its label, and says whether it had another. Nothing above a tree is relabelled: it
// is not ours alone, and no container sees it.
func (s *Store) relabel(path string) (bool, error) {
	if ok, err := s.labelled(path); ok || err != nil {
		return false, err
	}
	if err := s.sys.setLabel(path, s.label); err != nil {
		return false, fmt.Errorf("cannot give %q the SELinux label %s, without which containers cannot read it: %w", path,
			s.label, err)
	}
	return true, nil
}

func (linux) label(path string) (string, error) {
	buf := make([]byte, 4096)
	n, err := unix.Lgetxattr(path, labelAttr, buf)
	if err != nil {
		return "", &fs.PathError{Op: "lgetxattr", Path: path, Err: err}
	}
	return strings.TrimRight(string(buf[:n]), "\x00"), nil
}

func (linux) setLabel(path, label string) error {
	if err := unix.Lsetxattr(path, labelAttr, []byte(label+"\x00"), 0); err != nil {
		return &fs.PathError{Op: "lsetxattr", Path: path, Err: err}
	}
	return nil
}
