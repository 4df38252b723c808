package spec

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// isSpecName says whether a base name in the specs directory is a spec file's. What editors, package managers and
// transfer tools leave or make in passing (x.yaml~, .x.yaml.swp, x.yaml.rpmnew, x.yaml.dpkg-dist, .x.yaml.Xy12ab) is
// not.
func isSpecName(name string) bool {
	if strings.HasPrefix(name, ".") {
		return false
	}
	switch filepath.Ext(name) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}

// problemOf turns an error of a look at a file into what the operator reads. Harmless are those where nothing needs to
// be changed unless something came from the file before.
func problemOf(path string, err error) (p diag.Problem, harmless bool) {
	p = diag.Problem{Severity: diag.Error, File: path}
	if e, ok := errors.AsType[*files.IrregularError](err); ok {
		if e.Mode.IsDir() {
			p.Message = "is a directory; only files directly in the specs directory are read"
			return p, true
		}
		p.Message = fmt.Sprintf("is %s; wanted a regular file", files.KindOf(e.Mode))
		p.Hint = "put a regular file in its place"
		return p, false
	}
	if e, ok := errors.AsType[*files.TooLargeError](err); ok {
		p.Message = fmt.Sprintf("has %d bytes; the limit is %d", e.Size, e.Limit)
		p.Hint = "split it into several files"
		return p, false
	}
	if e, ok := errors.AsType[*files.LinkError](err); ok {
		p.Message, p.Hint = linkProblem(e)
		return p, false
	}
	p.Message = fmt.Sprintf("cannot be read: %v", files.Cause(err))
	if errors.Is(err, fs.ErrPermission) {
		p.Hint = "make it readable for the user that the agent runs as"
	}
	return p, false
}

// linkProblem says why a link leads to no file.
func linkProblem(e *files.LinkError) (message, hint string) {
	message = fmt.Sprintf("is a symbolic link to %q, which ", e.Target)
	switch {
	case e.Missing:
		return message + "does not exist", "restore the file, or remove the link to remove its objects"
	case e.Mode.IsDir():
		return message + "is a directory; wanted a regular file", "link each file"
	}
	return fmt.Sprintf("leads over more than %d symbolic links, the last one to %q", maxLinks, e.Target),
		"link to the file itself"
}
