package strictyaml

import (
	"fmt"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// DecodeFile reads a file of one document into a pointer to a struct. The error is set when the file could not be read:
// nothing is known then. A file that could be read gives problems; one that has no document leaves into as it is and
// gives none.
func DecodeFile(path string, lim Limits, into any) (diag.List, error) {
	data, err := ReadFile(path, lim.orDefault().MaxBytes)
	if err != nil {
		return nil, err
	}
	return DecodeBytes(path, data, lim, into), nil
}

// DecodeBytes is DecodeFile for bytes that were read already.
func DecodeBytes(path string, data []byte, lim Limits, into any) diag.List {
	docs, problems := Parse(path, data, lim)
	for i, d := range docs {
		if i > 0 {
			problems = append(problems, d.Problem(diag.Error, "", "a second document, wanted one in this file", "remove it"))
			continue
		}
		problems = append(problems, d.Decode(into)...)
	}
	problems.Sort()
	return problems
}

// ReadFile reads a regular file, and at most one byte more than the limit, which Parse then reports with the file's
// name.
func ReadFile(path string, limit int64) ([]byte, error) {
	data, err := files.Head(path, limit+1)
	if err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	return data, nil
}
