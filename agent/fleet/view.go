package fleet

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/store"
)

// Errors of Lookup.
var (
	// ErrNoMember: nobody is known by that name or id.
	ErrNoMember = errors.New("no such member")
	// ErrNotTrusted: there are members of that name, and none of them is trusted.
	ErrNotTrusted = errors.New("no trusted member")
	// ErrNothingTold: the member has not told anything of its node that could be decoded.
	ErrNothingTold = errors.New("nothing is known of the node")
)

// View is the fleet at one moment. It is shared: nobody may change it or what it refers to.
type View struct {
	Cluster string
	Self    record.ID
	// Members are all that gossip knows, this host and those that are not trusted too, sorted by name, then by id.
	Members []Member
	// Settled is gossip's: what is missing before that proves nothing.
	Settled bool
}

// Member is one member of the fleet: as gossip sees it, and what it tells.
type Member struct {
	*gossip.Member
	*Told
}

// Told is what a member tells, as the other hosts must see it. It is the same pointer from View to View while nothing of
// it changes.
type Told struct {
	// Node is the member's node, never nil. Where the member is unreachable or has left it is as Unreachable makes it, where
	// it has told nothing it has a name alone; one that has left is marked with AnnotationLeft. Whether it counts is for
	// Standing to say: View.Nodes has those that do.
	Node *corev1.Node
	// Facts are what it told of the node, before that; nil when nothing could be decoded. FactsAt is when this host got
	// them, by its clock.
	Facts   *Facts
	FactsAt time.Time
	// Specs is what it told of its specs directory; nil when nothing could be decoded. SpecsAt is when this host got it.
	Specs   *Specs
	SpecsAt time.Time
	// Lost is since when the member is unreachable; zero when it is not.
	Lost time.Time
	// Problems are sections of which the newest cannot be decoded, sorted. Facts and Specs then are what was told before, as
	// far as this run has seen it.
	Problems []Problem
}

// Problem is a section that cannot be decoded.
type Problem struct {
	Section string
	// Err is ErrMalformed.
	Err error
}

// Age is how old what is known of the node is at the moment now: how long ago it was received or, with facts that need
// not be told again while they stay the same, how long ago the member was last heard of. Negative is never returned.
func (m Member) Age(now time.Time) time.Duration {
	asOf := m.FactsAt
	if m.LastHeard.After(asOf) {
		asOf = m.LastHeard
	}
	return max(now.Sub(asOf), 0)
}

// Nodes are the nodes that count, one for each name, sorted: those of trusted members, unreachable ones and those that
// left among them.
func (v *View) Nodes() []*corev1.Node {
	nodes := make([]*corev1.Node, 0, len(v.Members))
	for _, m := range v.counted() {
		nodes = append(nodes, m.Node)
	}
	return nodes
}

// Specs are the specs directories of the members that count and have not left, for Compare.
func (v *View) Specs() []HostSpecs {
	hosts := make([]HostSpecs, 0, len(v.Members))
	for _, m := range v.counted() {
		if m.State != gossip.StateLeft {
			hosts = append(hosts, HostSpecs{m.Name, m.Told.Specs})
		}
	}
	return hosts
}

// counted are the members that are trusted, one for each name.
func (v *View) counted() []Member {
	counted := make([]Member, 0, len(v.Members))
	for _, m := range v.Members {
		if m.Standing != store.Trusted || m.Name == "" {
			continue
		}
		last := len(counted) - 1
		switch {
		case last < 0 || counted[last].Name != m.Name:
			counted = append(counted, m)
		case m.Self: // only this host can have its name beside another that is trusted
			counted[last] = m
		}
	}
	return counted
}

// Lookup finds a member by the name of its node, where the trusted one is meant, or by its id, whatever its standing.
func (v *View) Lookup(nameOrID string) (Member, error) {
	named := v.named(nameOrID)
	best := -1
	for i, m := range named {
		if m.Standing == store.Trusted && (best < 0 || m.Self) {
			best = i
		}
	}
	switch {
	case best >= 0:
		return named[best], nil
	case len(named) > 0:
		return Member{}, fmt.Errorf("%w named %q: %s; check its key and make it so with dsctl trust %s", ErrNotTrusted, nameOrID, standings(named), nameOrID)
	}
	if id, err := record.ParseID(nameOrID); err == nil {
		if i := slices.IndexFunc(v.Members, func(m Member) bool { return m.ID == id }); i >= 0 {
			return v.Members[i], nil
		}
	}
	return Member{}, fmt.Errorf("%w: %q is not the name or id of any; dsctl members lists them", ErrNoMember, nameOrID)
}

func (v *View) named(name string) []Member {
	i, found := slices.BinarySearchFunc(v.Members, name, func(m Member, name string) int { return cmp.Compare(m.Name, name) })
	if !found || name == "" {
		return nil
	}
	j := i
	for j < len(v.Members) && v.Members[j].Name == name {
		j++
	}
	return v.Members[i:j]
}

func standings(members []Member) string {
	var all []string
	for _, m := range members[:min(len(members), 5)] {
		all = append(all, fmt.Sprintf("%s is %s", m.ID, m.Standing))
	}
	return strings.Join(all, ", ")
}
