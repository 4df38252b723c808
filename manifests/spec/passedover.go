package spec

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

const (
	// maxPassedOver is how many names that are passed over are told.
	maxPassedOver = 20
	// maxLooked is how many files and directories are looked into for that.
	maxLooked = 200
	// headBytes is how much of a file is read to see what it is.
	headBytes = 4 << 10
)

// passedOver remembers what the other entries of the specs directory looked like.
type passedOver struct{ known map[string]looked }

// looked is what an entry was when it was looked into.
type looked struct {
	id files.ID
	// problem is nil where nobody will have meant it for a spec file.
	problem *diag.Problem
}

// look says which of the names in dir, none of which is a spec file's, will have been meant for one. What an editor or
// a package manager keeps aside, and what somebody has renamed to have it out of effect, is not told.
func (p *passedOver) look(dir string, names []string) diag.List {
	var list diag.List
	known := make(map[string]looked, min(len(names), maxLooked))
	for _, name := range names {
		if keptAside(name) {
			continue
		}
		if len(known) == maxLooked {
			break
		}
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		id := files.IDOf(info)
		was, found := p.known[name]
		if !found || was.id != id {
			was = looked{id, lookInto(path, info)}
		}
		known[name] = was
		if was.problem != nil {
			list = append(list, *was.problem)
		}
	}
	p.known = known
	if more := len(list) - maxPassedOver; more > 0 {
		list = append(list[:maxPassedOver], diag.Problem{
			Severity: diag.Info, File: dir,
			Message: fmt.Sprintf("%d more entries look like spec files and are passed over", more),
		})
	}
	return list
}

// keptAside says whether a name is one that tools and people give to what shall not be in effect.
func keptAside(name string) bool {
	if strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") || strings.Contains(name, ";") {
		return true
	}
	ext := strings.ToLower(filepath.Ext(name))
	return strings.HasPrefix(ext, ".rpm") || strings.HasPrefix(ext, ".dpkg") || strings.HasPrefix(ext, ".ucf") ||
		slices.Contains([]string{
			".bak", ".backup", ".old", ".orig", ".save", ".rej", ".swp", ".swo", ".tmp", ".temp", ".new", ".part", ".disabled",
			".disable", ".off", ".example", ".sample", ".md", ".j2", ".tmpl", ".tpl",
		}, ext)
}

// lookInto looks into a file or a directory.
func lookInto(path string, info fs.FileInfo) *diag.Problem {
	p := &diag.Problem{Severity: diag.Info, File: path}
	switch {
	case info.IsDir():
		names, _ := files.Names(path, maxLooked)
		names = slices.DeleteFunc(names, func(name string) bool { return !isSpecName(name) })
		if len(names) == 0 {
			return nil
		}
		p.Message = fmt.Sprintf("is a directory with %q and is not read; only files directly in the specs directory are",
			names[0])
		if len(names) > 1 {
			p.Message = fmt.Sprintf("is a directory with %q and others like it and is not read; only files directly in the "+
				"specs directory are", names[0])
		}
		p.Hint = "move the files up, or link each of them"
		return p
	case !info.Mode().IsRegular():
		return nil
	}
	if !isSpecName(strings.ToLower(path)) {
		head, err := files.Head(path, headBytes)
		if err != nil || !looksLikeObject(head) {
			return nil
		}
	}
	p.Message = "looks like a spec file and is passed over: the names of spec files end with .yaml, .yml or .json"
	p.Hint = "rename it"
	return p
}

// looksLikeObject says whether a text begins like an object of Kubernetes: apiVersion and kind, each at the beginning
// of a line, or as keys of JSON.
func looksLikeObject(head []byte) bool {
	head = bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))
	for _, key := range []string{"apiVersion", "kind"} {
		found := bytes.Contains(head, []byte(`"`+key+`"`))
		for line := range bytes.Lines(head) {
			found = found || bytes.HasPrefix(line, []byte(key+":"))
		}
		if !found {
			return false
		}
	}
	return true
}
