package rollout

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestEveryClauseExhaustively: without any one clause the searches find something wrong.
func TestMutZZ(t *testing.T) {
	for f := range reflect.TypeFor[without]().Fields() {
		var w without
		reflect.NewAt(f.Type, reflect.ValueOf(&w).Elem().FieldByIndex(f.Index).Addr().UnsafePointer()).Elem().SetBool(true)
		began := time.Now()
		found, worlds := "", 0
		name := ""
	all:
		for _, c := range exhaustive {
			if c.full {
				continue
			}
			for k := 1; k <= 2; k++ {
				c.k, c.yields = k, 1
				s := newSearch(c.scenario, w)
				n, what := s.run()
				worlds += n
				if what != "" {
					found, _, _ = strings.Cut(what, "\n")
					name = c.name
					break all
				}
			}
		}
		t.Logf("%-14s %9d worlds %8s: %s: %s", f.Name, worlds, time.Since(began).Round(time.Millisecond), name, found)
	}
}
