package fleet

import (
	"slices"
	"strconv"
	"strings"
)

// LeftOut names what a host does not tell because there was no room for it, or because no other host could take it. The
// numbers of it are told in its place, so that nobody takes the rest for the whole.
type LeftOut struct {
	// Labels and Annotations are keys, Taints are key:Effect, Conditions types, Addresses the addresses; each sorted.
	Labels, Annotations, Taints, Conditions, Addresses []string
	// Shortened are the fields of which the end is missing, such as `message of condition Ready`.
	Shortened []string
}

// Counts is how much of each kind is missing.
func (l LeftOut) Counts() Counts {
	return Counts{
		Labels: number(l.Labels), Annotations: number(l.Annotations), Taints: number(l.Taints),
		Conditions: number(l.Conditions), Addresses: number(l.Addresses), Shortened: number(l.Shortened),
	}
}

func number(list []string) uint32 { return uint32(min(len(list), 1<<20)) }

// IsZero says that everything is told.
func (l LeftOut) IsZero() bool { return l.Counts() == Counts{} }

func (l *LeftOut) sort() {
	for _, list := range [][]string{l.Labels, l.Annotations, l.Taints, l.Conditions, l.Addresses, l.Shortened} {
		slices.Sort(list)
	}
}

// Counts is how much a host left out of what it tells. It is part of the wire format.
type Counts struct {
	Labels      uint32 `cbor:"1,keyasint,omitempty"`
	Annotations uint32 `cbor:"2,keyasint,omitempty"`
	Taints      uint32 `cbor:"3,keyasint,omitempty"`
	Conditions  uint32 `cbor:"4,keyasint,omitempty"`
	Addresses   uint32 `cbor:"5,keyasint,omitempty"`
	Shortened   uint32 `cbor:"6,keyasint,omitempty"`
}

// String is what is missing, for people: "12 labels, 1 annotation"; empty when nothing is.
func (c Counts) String() string {
	var parts []string
	for _, p := range []struct {
		n         uint32
		one, many string
	}{
		{c.Labels, "label", "labels"},
		{c.Annotations, "annotation", "annotations"},
		{c.Taints, "taint", "taints"},
		{c.Conditions, "condition", "conditions"},
		{c.Addresses, "address", "addresses"},
		{c.Shortened, "end of a text", "ends of texts"},
	} {
		switch p.n {
		case 0:
		case 1:
			parts = append(parts, "1 "+p.one)
		default:
			parts = append(parts, strconv.FormatUint(uint64(p.n), 10)+" "+p.many)
		}
	}
	return strings.Join(parts, ", ")
}
