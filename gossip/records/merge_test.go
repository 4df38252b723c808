package records

import (
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// offered is one thing that a peer may send, with what has to come of it in the end.
type offered struct {
	encoded []byte
	head    Head
	// valid: it was signed by its owner, for this cluster, and is not from the future.
	valid bool
}

// model is what a table has to hold: the highest stamp of every slot.
type model map[slot]record.Stamp

func (m model) add(o offered) {
	s := slot{o.head.ID, o.head.Section}
	if o.valid && o.head.Stamp.Compare(m[s]) > 0 {
		m[s] = o.head.Stamp
	}
}

// everything is the set of all buckets.
func everything() BucketSet {
	return BucketSet{math.MaxUint64, math.MaxUint64, math.MaxUint64, math.MaxUint64}
}

// check compares what is held with the model.
func (m model) check(t tester, table *Table) {
	t.Helper()
	got := model{}
	for _, h := range table.Heads(everything()) {
		got[slot{h.ID, h.Section}] = h.Stamp
	}
	if !maps.Equal(m, got) {
		t.Fatalf("held %v, want %v", got, m)
	}
	if d := table.Digest(); int(d.Count) != len(m) {
		t.Fatalf("the digest counts %d records, want %d", d.Count, len(m))
	}
}

// drawHistory makes what three hosts may have written in their lives, with forgeries in between. Hosts change their names,
// also to one that another has for a time, but in the end all have different ones.
func drawHistory(t *rapid.T) []offered {
	var all []offered
	for n := range 3 {
		h := newHost(n)
		generations := rapid.IntRange(1, 3).Draw(t, "generations")
		for g := range generations {
			for v := range rapid.IntRange(1, 3).Draw(t, "versions") {
				stamp := at(now()-10+uint64(g), uint64(v)+1)
				all = append(all, h.offeredRecord(t, "node", stamp, fmt.Sprint(g, v)))
				name := fmt.Sprintf("host-%d", rapid.IntRange(0, 2).Draw(t, "name"))
				all = append(all, h.offeredProfile(t, stamp, name))
			}
		}
		all = append(all, h.offeredProfile(t, at(now()-5, 1), fmt.Sprintf("last-%d", (n+1)%3)))
		all = append(all, h.invalid(t)...)
	}
	return all
}

func (h host) offeredRecord(t tester, section string, stamp record.Stamp, body string) offered {
	r := h.sign(t, section, stamp, body)
	return offered{encoded: r.Encoded, head: Head{ID: h.id, Section: section, Stamp: stamp}, valid: true}
}

func (h host) offeredProfile(t tester, stamp record.Stamp, name string) offered {
	r := h.profile(t, stamp, name)
	return offered{encoded: r.Encoded, head: Head{ID: h.id, Section: SectionMember, Stamp: stamp}, valid: true}
}

// invalid are records with the highest stamps, which nobody may take: one of another cluster, one with a changed body, one
// that is cut off, one from the future.
func (h host) invalid(t tester) []offered {
	top := at(now(), 99)
	head := Head{ID: h.id, Section: "node", Stamp: top}
	stranger, err := record.NewSigner("another", h.key).Sign("node", top, []byte("x"))
	if err != nil {
		t.Fatalf("sign: %v", err)
	}
	changed := slices.Clone(h.sign(t, "node", top, "body").Encoded)
	changed[len(changed)-1] ^= 1
	future := h.sign(t, "node", at(now()+maxAhead+1000, 1), "body")
	return []offered{
		{encoded: stranger.Encoded, head: head},
		{encoded: changed, head: head},
		{encoded: changed[:len(changed)-1], head: head},
		{encoded: future.Encoded, head: head},
	}
}

// drawOrder gives all of them in some order, some of them several times.
func drawOrder(t *rapid.T, all []offered) []offered {
	again := rapid.SliceOfN(rapid.SampledFrom(all), 0, 20).Draw(t, "again")
	return rapid.Permutation(append(slices.Clone(all), again...)).Draw(t, "order")
}

func sameView(t tester, a, b *Table) {
	t.Helper()
	options := cmp.Options{
		cmpopts.IgnoreFields(Section{}, "ReceivedAt"), cmpopts.IgnoreFields(Member{}, "KnownSince"),
		cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
	}
	if diff := cmp.Diff(a.View(), b.View(), options); diff != "" {
		t.Fatalf("two tables show something else (-a +b):\n%s", diff)
	}
	if a.Digest() != b.Digest() || a.Vector() != b.Vector() {
		t.Fatalf("two tables with the same records have different digests")
	}
}

func TestMergeInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := drawHistory(t)
		want := model{}
		for _, o := range all {
			want.add(o)
		}
		a, b := openAs(t, newHost(8), ""), openAs(t, newHost(9), "")
		for _, table := range []*Table{a, b} {
			for _, o := range drawOrder(t, all) {
				table.Offer(o.encoded)
			}
			want.check(t, table)
		}
		sameView(t, a, b)
		for _, m := range a.View().Members {
			if m.Standing != Trusted {
				t.Fatalf("%s is %s, though every name is used once in the end", m.Name, m.Standing)
			}
		}
	})
}

// After every single step a table holds the highest of what it was offered, so that nothing goes back and nothing is lost.
func TestMergeIsMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table, want := openAs(t, newHost(9), ""), model{}
		for _, o := range drawOrder(t, drawHistory(t)) {
			_, got := table.Offer(o.encoded)
			before := want[slot{o.head.ID, o.head.Section}]
			want.add(o)
			if newer := o.valid && o.head.Stamp.Compare(before) > 0; newer != (got == Newer) {
				t.Fatalf("%+v after %s: got %s", o.head, before, got)
			}
			want.check(t, table)
		}
	})
}

// pull offers to one table all that the other has.
func pull(into, from *Table) {
	for _, h := range from.Heads(everything()) {
		if encoded, ok := from.Encoded(h.ID, h.Section); ok {
			into.Offer(encoded)
		}
	}
}

func TestMergeIsAssociative(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := drawHistory(t)
		parts := make([][]offered, 3)
		want := model{}
		for i := range parts {
			// A part may be a prefix, a suffix or any selection, and may overlap with others.
			parts[i] = rapid.SliceOf(rapid.SampledFrom(all)).Draw(t, "part")
			for _, o := range parts[i] {
				want.add(o)
			}
		}
		fill := func() (tables [3]*Table) {
			for i, part := range parts {
				tables[i] = openAs(t, newHost(9), "")
				for _, o := range part {
					tables[i].Offer(o.encoded)
				}
			}
			return tables
		}
		left, right := fill(), fill()
		// (a+b)+c
		pull(left[0], left[1])
		pull(left[0], left[2])
		// a+(c+b), b asking last
		pull(right[2], right[1])
		pull(right[0], right[2])
		want.check(t, left[0])
		want.check(t, right[0])
		if left[0].Vector() != right[0].Vector() {
			t.Fatalf("the digests differ")
		}
	})
}

// Two tables that differ find out from their digests where they do.
func TestDifferingBuckets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := drawHistory(t)
		a, b := openAs(t, newHost(9), ""), openAs(t, newHost(9), "")
		for _, o := range rapid.SliceOf(rapid.SampledFrom(all)).Draw(t, "a") {
			a.Offer(o.encoded)
		}
		for _, o := range rapid.SliceOf(rapid.SampledFrom(all)).Draw(t, "b") {
			b.Offer(o.encoded)
		}
		var want BucketSet
		both := map[Head]int{}
		for _, h := range append(a.Heads(everything()), b.Heads(everything())...) {
			both[h]++
		}
		for h, n := range both {
			if n == 1 {
				want.Add(h.ID[0])
			}
		}
		got := Differing(a.Vector(), b.Vector())
		if got != want {
			t.Fatalf("got %v, want %v", got, want)
		}
		if same := a.Digest() == b.Digest(); same != (want.Len() == 0) {
			t.Fatalf("the digests are equal: %t, but %d buckets differ", same, want.Len())
		}
		heads := a.Heads(got)
		if !slices.IsSortedFunc(heads, Head.Compare) {
			t.Fatalf("the heads are not sorted: %v", heads)
		}
		for _, h := range heads {
			if !got.Has(h.ID[0]) {
				t.Fatalf("%v is in no bucket that was asked for", h)
			}
		}
	})
}
