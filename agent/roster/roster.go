package roster

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/daemonsetd/daemonsetd/gossip/records"
	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
	"github.com/daemonsetd/daemonsetd/internal/base/strictyaml"
)

// Limits of the file.
const (
	// MaxMembers is how many members may be listed, and how many ids may be forgotten: twice the largest fleet that is
	// measured.
	MaxMembers = 20_000
	// MaxBytes is the size of the file: room for that many members with names of 100 characters.
	MaxBytes = 4 << 20
)

// limits has room for three nodes an entry more than the largest file needs, so that it is this package that says which
// list is too long.
func limits() strictyaml.Limits {
	return strictyaml.Limits{MaxBytes: MaxBytes, MaxDepth: 8, MaxDocuments: 2, MaxNodes: 10 * MaxMembers}
}

// file is what may stand in the file.
type file struct {
	Members   []member `json:"members"`
	Forgotten []string `json:"forgotten"`
}

type member struct {
	Name string `json:"name"`
	Key  string `json:"key"`
}

// Follow follows the file: a new list is taken once it is whole, and kept at keep for a restart that finds the file
// bad. Where required is set the file has to be there; else one that is gone is the operator's word.
func Follow(path, keep string, required bool) *files.File[*records.Roster] {
	return files.NewFile(path, files.Kind[*records.Roster]{
		Rules: files.Rules{Limit: MaxBytes, ByInode: true},
		Parse: func(path string, data []byte, _ files.ID) (*records.Roster, diag.List) { return Parse(path, data) },
		Copy:  keep, Required: required,
		Explain: func(path string, err error) diag.Problem {
			return diag.Problem{
				Severity: diag.Error, File: path, Message: fmt.Sprintf("reading the members file: %v", err), Hint: hint(err),
			}
		},
	})
}

// hint is what to do about a file that cannot be read.
func hint(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "install it, or take membersFile out of the configuration: then every host with the gossip key may be a member"
	}
	return ""
}

// Parse makes a roster of the bytes of a file; path is for messages alone. When the problems have an error in them the
// roster is nil: what was in effect stays.
func Parse(path string, data []byte) (*records.Roster, diag.List) {
	docs, problems := strictyaml.Parse(path, data, limits())
	if problems.HasErrors() {
		return nil, problems
	}
	if len(docs) == 0 {
		return nil, append(problems, diag.Problem{
			Severity: diag.Error, File: path, Line: 1, Column: 1, Message: "the file is empty, wanted members or forgotten",
			Hint: "what it said last stays in effect; remove the file to take that back",
		})
	}
	c := newCheck(docs[0])
	c.list.Add(problems...)
	for _, more := range docs[1:] {
		c.list.Add(more.Problem(diag.Error, "", "a second document, wanted one in this file", "remove it"))
	}
	r := c.roster()
	if c.list.HasErrors() {
		return nil, c.list.List()
	}
	return r, c.list.List()
}
