package memnet

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// The heap gives what a sorted list would, whatever comes in between.
func TestTheHeapSorts(t *testing.T) {
	type key struct {
		Due      int64
		Tie, Seq uint64
	}
	rapid.Check(t, func(t *rapid.T) {
		var h eventHeap
		var model, got, want []key
		for _, push := range rapid.SliceOf(rapid.Bool()).Draw(t, "pushes") {
			if push || len(model) == 0 {
				k := key{
					rapid.Int64Range(0, 5).Draw(t, "due"),
					rapid.Uint64Range(0, 2).Draw(t, "tie"), rapid.Uint64Range(0, 3).Draw(t, "seq"),
				}
				h.push(event{due: k.Due, tie: k.Tie, seq: k.Seq})
				model = append(model, k)
				continue
			}
			e := h.pop()
			got = append(got, key{e.due, e.tie, e.seq})
			least := slices.MinFunc(model, func(a, b key) int {
				return slices.Compare([]uint64{uint64(a.Due), a.Tie, a.Seq}, []uint64{uint64(b.Due), b.Tie, b.Seq})
			})
			want = append(want, least)
			model = slices.Delete(model, slices.Index(model, least), slices.Index(model, least)+1)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
		if len(h) != len(model) {
			t.Fatalf("%d left, wanted %d", len(h), len(model))
		}
	})
}
