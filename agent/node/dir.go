package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// listDir returns the names in a directory that accept takes, sorted; none when the directory does not exist. An error
// means that nothing is known of what is in it.
func listDir(dir string, accept func(name string) bool, limit int) ([]string, error) {
	all, err := files.Names(dir, maxDirEntries)
	if _, ok := errors.AsType[*files.TooManyError](err); ok {
		return nil, fmt.Errorf("more than %d entries", maxDirEntries)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names := slices.DeleteFunc(all, func(name string) bool { return !accept(name) })
	if len(names) > limit {
		return nil, fmt.Errorf("%d files, more than the %d allowed", len(names), limit)
	}
	return names, nil
}

// gone says whether there is nothing under a name, not even a link that leads nowhere.
func gone(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// dirGone says whether the directory itself is missing. What was in it is then not known to have been removed: a file
// system that is not mounted looks the same.
func dirGone(dir string) bool {
	_, err := os.Stat(dir)
	return errors.Is(err, fs.ErrNotExist)
}

// nodeFileName says whether a file in node.d counts. Hidden files are the temporary ones of other programs.
func nodeFileName(name string) bool {
	if strings.HasPrefix(name, ".") {
		return false
	}
	switch filepath.Ext(name) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}
