package repo

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// TestPackageComments: every package is explained, in one place.
func TestPackageComments(t *testing.T) {
	documented := map[string][]string{}
	for _, src := range sources(t) {
		if strings.HasSuffix(src.ast.Name.Name, "_test") {
			continue
		}
		where := documented[src.dir()]
		if src.ast.Doc != nil && strings.TrimSpace(src.ast.Doc.Text()) != "" {
			where = append(where, src.path)
		}
		documented[src.dir()] = where
	}
	for _, dir := range slices.Sorted(maps.Keys(documented)) {
		switch where := documented[dir]; len(where) {
		case 1:
		case 0:
			t.Errorf("%s: no file has a package comment; say what the package is for and what it does not do", dir)
		default:
			t.Errorf("%s: want one package comment, got those of %s", dir, strings.Join(where, ", "))
		}
	}
}
