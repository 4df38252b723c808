package fleet

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/fxamacker/cbor/v2"
)

// teller fills a node section while there is room, and writes down what it leaves out.
type teller struct {
	enc cbor.EncMode
	// room is how many bytes are left.
	room int
	left LeftOut
	err  error
}

// size is the number of bytes of a value on the wire. Sizes add up: an element takes the same in a list as alone.
func (t *teller) size(wire any) int {
	data, err := t.enc.Marshal(wire)
	if err != nil && t.err == nil {
		t.err = err
	}
	return len(data)
}

// textSize is size of a string.
func textSize(s string) int {
	switch n := len(s); {
	case n < 24:
		return 1 + n
	case n < 1<<8:
		return 2 + n
	default:
		return 3 + n
	}
}

// text is scrubbed text of at most limit bytes.
func (t *teller) text(field, s string, limit int) string {
	short, shortened := cut(scrub(s), limit)
	if shortened {
		t.left.Shortened = append(t.left.Shortened, field)
	}
	return short
}

// fit keeps the elements that find room, at most limit of them and in bytes at most room, and names the others. They
// stand in the order of their importance; one that is too large does not keep those behind it out.
func fit[T any](t *teller, room, limit int, all []T, measure func(T) (int, string)) (kept []T, left []string) {
	room = min(room, t.room)
	for _, one := range all {
		size, name := measure(one)
		if size > room || len(kept) == limit {
			left = append(left, name)
			continue
		}
		kept = append(kept, one)
		room -= size
		t.room -= size
	}
	return kept, left
}

type pair struct{ key, value string }

func (p pair) size() int { return textSize(p.key) + textSize(p.value) }

func measurePair(p pair) (int, string) { return p.size(), p.key }

// labels are told shortest first, after those of Kubernetes that nearly every selector is about: what hosts have by the
// hundred are long machine-made ones.
func (t *teller) labels(all map[string]string) map[string]string {
	pairs := make([]pair, 0, len(all))
	for key, value := range all {
		if !isName(key) || !isValue(value) {
			t.left.Labels = append(t.left.Labels, key)
			continue
		}
		pairs = append(pairs, pair{key, value})
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		return cmp.Or(cmp.Compare(labelRank(a.key), labelRank(b.key)), comparePairs(a, b))
	})
	kept, left := fit(t, MaxSection, MaxLabels, pairs, measurePair)
	t.left.Labels = append(t.left.Labels, left...)
	return toMap(kept)
}

func labelRank(key string) int {
	for _, prefix := range []string{
		"kubernetes.io/", "node-role.kubernetes.io/", "topology.kubernetes.io/",
		"node.kubernetes.io/",
	} {
		if strings.HasPrefix(key, prefix) {
			return 0
		}
	}
	return 1
}

func comparePairs(a, b pair) int {
	return cmp.Or(cmp.Compare(a.size(), b.size()), cmp.Compare(a.key, b.key))
}

func (t *teller) annotations(all map[string]string) map[string]string {
	pairs := make([]pair, 0, len(all))
	for _, key := range slices.Sorted(maps.Keys(all)) {
		value := scrubLines(all[key])
		if !isName(key) || len(value) > maxAnnotation {
			t.left.Annotations = append(t.left.Annotations, key)
			continue
		}
		pairs = append(pairs, pair{key, value})
	}
	slices.SortFunc(pairs, comparePairs)
	kept, left := fit(t, roomAnnotations, MaxLabels, pairs, measurePair)
	t.left.Annotations = append(t.left.Annotations, left...)
	return toMap(kept)
}

func toMap(pairs []pair) map[string]string {
	if len(pairs) == 0 {
		return nil
	}
	m := make(map[string]string, len(pairs))
	for _, p := range pairs {
		m[p.key] = p.value
	}
	return m
}
