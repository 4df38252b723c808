package spec

import (
	"cmp"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/manifests/resolve"
)

// DirFile is one file of a directory as ReadDir found it.
type DirFile struct {
	// Path is the directory's path and the file's name.
	Path string
	Data []byte
	// Problem says why there is no Data; nil where there is.
	Problem *diag.Problem
	// PassedOver is set for what looks like a spec file and is none, as Problem says.
	PassedOver bool
}

// ReadDir reads the spec files of a directory, sorted by name, by the rules of a Loader: which names count, how far
// symbolic links are followed, what is too large. It does not wait for files that are being written, and names more
// than MaxFiles are read too: who asks counts them. After them come the entries that look like spec files and are none.
// The error is about the directory as a whole.
func ReadDir(dir string) ([]DirFile, error) {
	found, err := readDir(dir, defaultLimits().entries)
	if err != nil {
		return nil, err
	}
	var files []DirFile
	for _, name := range found.names {
		f := DirFile{Path: filepath.Join(dir, name)}
		f.Data, err = rules().ReadOnce(f.Path)
		if errors.Is(err, fs.ErrNotExist) { // since the listing
			continue
		}
		if err != nil {
			f.Problem = new((&entry{path: f.Path}).problemOf(err))
		}
		files = append(files, f)
	}
	for _, p := range new(passedOver).look(dir, found.others) {
		files = append(files, DirFile{Path: p.File, Problem: &p, PassedOver: true})
	}
	return files, nil
}

// ParsedFile is a file with what it says.
type ParsedFile struct {
	Path string
	Parsed
}

// Combine holds files against each other as a Loader does that never saw them before: of an object that stands in two
// files and differs the first by name keeps it, and the other file is bad as a whole, unless it is a Service or a
// PriorityClass. It gives the files in the same order, with the problems found and without the objects of bad ones, and
// everything that is left, sorted by namespace and name within a kind.
func Combine(files []ParsedFile) ([]ParsedFile, Objects) {
	out := slices.Clone(files)
	order := make([]*ParsedFile, len(out))
	for i := range out {
		order[i] = &out[i]
	}
	slices.SortStableFunc(order, func(a, b *ParsedFile) int { return cmp.Compare(a.Path, b.Path) })
	r := &resolution{limit: defaultLimits().objects}
	for _, f := range order {
		r.add(&entry{path: f.Path, current: &version{parsed: f.Parsed}}, false)
	}
	r.decide()
	for i, f := range order {
		c := r.files[i]
		found := c.notes
		if c.refused {
			found, f.Objects = c.objections, Objects{}
		}
		if len(found) > 0 {
			f.Problems = append(slices.Clone(f.Problems), found...)
			f.Problems.Sort()
		}
	}
	return out, r.out.sorted()
}

// Place is the problem that something is missing which the DaemonSet refers to, at the place of the reference.
func (d *DaemonSet) Place(m resolve.Missing) diag.Problem {
	p := d.at(m)
	p.Severity = diag.Error
	return p
}
