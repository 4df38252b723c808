package spec

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/manifests/resolve"
)

// File is a spec file that is not, or not yet, in the specs directory.
type File struct {
	// Name is the base name that it would have there.
	Name string
	Data []byte
}

// Overlay says what would be in effect if the files were in dir, each in place of one of the same name. A bad file
// changes nothing, as in the directory; its problems are in the list, as are those of the good ones. The snapshot is
// not changed.
func Overlay(snap *Snapshot, dir string, files []File) (Objects, diag.List) {
	objects := snap.Objects
	var problems diag.List
	for _, f := range files {
		path := filepath.Join(dir, filepath.Base(f.Name))
		parsed := Parse(path, f.Data)
		problems = append(problems, parsed.Problems...)
		if parsed.Problems.HasErrors() {
			continue
		}
		var clashes diag.List
		objects, clashes = objects.replace(path, parsed.Objects)
		problems = append(problems, clashes...)
	}
	problems.Sort()
	return objects, problems
}

// Finder gives, for a namespace, the part of a resolve.Input that finds the ConfigMaps and Secrets in it, and
// PriorityClasses. It is made once for many DaemonSets.
func (o Objects) Finder() func(namespace string) resolve.Input { return o.finder() }

// replace gives the objects with those of one file exchanged. Of an object that two files declare, the first file by
// name keeps it.
func (o Objects) replace(path string, with Objects) (Objects, diag.List) {
	var next Objects
	var problems diag.List
	next.DaemonSets, problems = replaceIn(path, o.DaemonSets, with.DaemonSets, problems)
	next.ConfigMaps, problems = replaceIn(path, o.ConfigMaps, with.ConfigMaps, problems)
	next.Secrets, problems = replaceIn(path, o.Secrets, with.Secrets, problems)
	// A second one of these is left out, and refuses nothing.
	next.Services, _ = replaceIn(path, o.Services, with.Services, nil)
	next.PriorityClasses, _ = replaceIn(path, o.PriorityClasses, with.PriorityClasses, nil)
	return next, problems
}

// placed is one object with its place; every object type of this package is one.
type placed interface {
	comparable
	Key() string
	source() Source
}

func replaceIn[T placed](path string, old, with []T, problems diag.List) ([]T, diag.List) {
	byKey := map[string]T{}
	for _, x := range old {
		if x.source().File != path {
			byKey[x.Key()] = x
		}
	}
	for _, x := range with {
		other, taken := byKey[x.Key()]
		if !taken {
			byKey[x.Key()] = x
			continue
		}
		first, second := other.source(), x.source()
		if second.File < first.File {
			byKey[x.Key()] = x
			first, second = second, first
		}
		problems = append(problems, diag.Problem{
			Severity: diag.Error, File: second.File, Line: second.Line, Column: second.Column,
			Message: fmt.Sprintf("%s is declared in %s already, which comes first by name", x.Key(), first.File),
			Hint:    "keep it in one file",
		})
	}
	list := make([]T, 0, len(byKey))
	for _, x := range byKey {
		list = append(list, x)
	}
	slices.SortFunc(list, func(a, b T) int { return cmp.Compare(a.Key(), b.Key()) })
	return list, problems
}

func (d *DaemonSet) source() Source { return d.Source }
func (c *ConfigMap) source() Source { return c.Source }
func (s *Secret) source() Source    { return s.Source }
func (s *Service) source() Source   { return s.Source }

func (c *PriorityClass) source() Source { return c.Source }

// Key is namespace/name.
func (c *ConfigMap) Key() string { return c.Object.Namespace + "/" + c.Object.Name }

// Key is namespace/name.
func (s *Secret) Key() string { return s.Object.Namespace + "/" + s.Object.Name }

// Key is namespace/name.
func (s *Service) Key() string { return s.Object.Namespace + "/" + s.Object.Name }

// Key is the name.
func (c *PriorityClass) Key() string { return c.Object.Name }
