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
	// Name is its path as whoever gave it knows it, which problems name. Its base name is the one that it would have in
	// the specs directory.
	Name string
	Data []byte
}

// Overlay says what would be in effect if the files were in dir. An object that is in effect is updated, whichever file
// declares it now, and keeps that file as its source; a file takes the place of one of the same base name, so that what
// that one declares besides goes. A bad file changes nothing, as in the directory; its problems are in the list, as are
// those of the good ones. An object that two of the files declare is taken from the first of them, and the second has
// an error. The snapshot is not changed.
func Overlay(snap *Snapshot, dir string, files []File) (Objects, diag.List) {
	objects := snap.Objects
	var problems diag.List
	given := map[objectKey]string{}
	for _, f := range files {
		parsed := Parse(f.Name, f.Data)
		problems = append(problems, parsed.Problems...)
		if parsed.Problems.HasErrors() {
			continue
		}
		r := replacement{path: filepath.Join(dir, filepath.Base(f.Name)), given: given, name: f.Name}
		objects = r.in(objects, parsed.Objects)
		problems = append(problems, r.clashes...)
	}
	problems.Sort()
	return objects, problems
}

// Finder gives, for a namespace, the part of a resolve.Input that finds the ConfigMaps and Secrets in it, and
// PriorityClasses. It is made once for many DaemonSets.
func (o Objects) Finder() func(namespace string) resolve.Input { return o.finder() }

// replacement is one file in the place of others.
type replacement struct {
	// path is where the file would be, name what it is called in problems.
	path, name string
	// given is where each object of the files so far stands.
	given   map[objectKey]string
	clashes diag.List
}

func (r *replacement) in(o, with Objects) Objects {
	return Objects{
		DaemonSets: replaceIn(r, o.DaemonSets, with.DaemonSets), ConfigMaps: replaceIn(r, o.ConfigMaps, with.ConfigMaps),
		Secrets: replaceIn(r, o.Secrets, with.Secrets), Services: replaceIn(r, o.Services, with.Services),
		PriorityClasses: replaceIn(r, o.PriorityClasses, with.PriorityClasses),
	}
}

// placed is one object with its place; every object type of this package is one by its pointer.
type placed interface {
	comparable
	keyed
	Key() string
	place() *Source
}

func replaceIn[T placed](r *replacement, old, with []T) []T {
	byKey, before := map[string]T{}, map[string]string{}
	for _, x := range old {
		key, _ := x.declaration()
		before[x.Key()] = x.place().File
		// What an earlier one of the files declares has the place of what it updates.
		if _, planned := r.given[key]; planned || x.place().File != r.path {
			byKey[x.Key()] = x
		}
	}
	for _, x := range with {
		key, src := x.declaration()
		if first, twice := r.given[key]; twice {
			r.clashes = append(r.clashes, diag.Problem{
				Severity: diag.Error, File: r.name, Line: src.Line, Column: src.Column,
				Message: fmt.Sprintf("%s is declared in %s already", key, first), Hint: "keep it in one file",
			})
			continue
		}
		r.given[key] = r.name
		x.place().File = cmp.Or(before[x.Key()], r.path)
		byKey[x.Key()] = x
	}
	list := make([]T, 0, len(byKey))
	for _, x := range byKey {
		list = append(list, x)
	}
	slices.SortFunc(list, func(a, b T) int { return cmp.Compare(a.Key(), b.Key()) })
	return list
}

func (d *DaemonSet) place() *Source { return &d.Source }
func (c *ConfigMap) place() *Source { return &c.Source }
func (s *Secret) place() *Source    { return &s.Source }
func (s *Service) place() *Source   { return &s.Source }

func (c *PriorityClass) place() *Source { return &c.Source }

// Key is namespace/name.
func (c *ConfigMap) Key() string { return c.Object.Namespace + "/" + c.Object.Name }

// Key is namespace/name.
func (s *Secret) Key() string { return s.Object.Namespace + "/" + s.Object.Name }

// Key is namespace/name.
func (s *Service) Key() string { return s.Object.Namespace + "/" + s.Object.Name }

// Key is the name.
func (c *PriorityClass) Key() string { return c.Object.Name }
