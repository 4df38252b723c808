package node

import (
	"slices"
	"time"

	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// tracker follows the files of one kind, by path: each is read again when it changed, and only once it is whole.
type tracker[T any] struct {
	kind  files.Kind[T]
	files map[string]*files.File[T]
}

// verdict is what is to be done about a file.
type verdict int

const (
	useIt  verdict = iota // the value is the file's
	keepIt                // what was in effect stays
	waitIt                // the same, and the file has to be looked at again soon
	dropIt                // the file is gone
)

// look says how it stands with a file. With waitIt, the reading says when to look again.
func (t *tracker[T]) look(path string, now time.Time) (verdict, files.Reading[T]) {
	f := t.files[path]
	if f == nil {
		if t.files == nil {
			t.files = map[string]*files.File[T]{}
		}
		f = files.NewFile(path, t.kind)
		t.files[path] = f
	}
	r := f.Look(now)
	switch {
	case r.State == files.Gone:
		delete(t.files, path)
		return dropIt, r
	case r.State == files.Settling || r.State == files.Away:
		return waitIt, r
	case r.Current:
		return useIt, r
	}
	return keepIt, r
}

// forget drops what is known of all files but these.
func (t *tracker[T]) forget(except []string) {
	for path := range t.files {
		if !slices.Contains(except, path) {
			delete(t.files, path)
		}
	}
}

// ours are the rules for files in this package: no watch tells which were renamed into place.
func ours(limit int64, maxWait time.Duration) files.Rules {
	return files.Rules{Limit: limit, MaxWait: maxWait, ByInode: true}
}
