package broadcast

import (
	"container/list"
	"iter"
)

// tiers are slots by how many times their message was sent. Everything done to them takes constant time.
type tiers [maxTiers]list.List

// value is the slot that a list's element holds.
func value(e *list.Element) *slot { return e.Value.(*slot) }

// all gives the slots in the order in which they are sent. Nothing may be moved meanwhile.
func (t *tiers) all() iter.Seq[*list.Element] {
	return func(yield func(*list.Element) bool) {
		for i := range t {
			for e := t[i].Front(); e != nil; e = e.Next() {
				if !yield(e) {
					return
				}
			}
		}
	}
}

// mostSent is the slot that would be sent last; nil where there is none.
func (t *tiers) mostSent() *list.Element {
	for i := len(t) - 1; i >= 0; i-- {
		if e := t[i].Back(); e != nil {
			return e
		}
	}
	return nil
}
