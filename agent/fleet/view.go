package fleet

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
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

// Member is one member of the fleet: as gossip sees it, and what it tells. Neither may be changed.
type Member struct {
	*gossip.Member
	*Told
}

// Counted are the members that count, one for each name, sorted by it: those that are trusted, unreachable ones and
// those that left among them.
func (v *View) Counted() []Member {
	counted := make([]Member, 0, len(v.Members))
	for _, m := range v.Members {
		if m.Standing != records.Trusted || m.Name == "" {
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

// Changes compares the members that count with those of an earlier View, nil for none: which are new or another to
// other hosts, and the names of which are no more, both sorted by name. That a member was heard of again is no change.
func (v *View) Changes(before *View) (changed []Member, gone []string) {
	var old []Member
	if before != nil {
		old = before.Counted()
	}
	for _, m := range v.Counted() {
		for len(old) > 0 && old[0].Name < m.Name {
			gone, old = append(gone, old[0].Name), old[1:]
		}
		if len(old) == 0 || old[0].Name != m.Name {
			changed = append(changed, m)
			continue
		}
		if old[0].Told != m.Told {
			changed = append(changed, m)
		}
		old = old[1:]
	}
	for _, m := range old {
		gone = append(gone, m.Name)
	}
	return changed, gone
}

// Specs are the specs directories of the members that count and have not left, for Compare. Hosts that tell the same
// share what it decodes to.
func (v *View) Specs() []HostSpecs {
	seen := map[string]*Specs{}
	hosts := make([]HostSpecs, 0, len(v.Members))
	for _, m := range v.Counted() {
		if m.State == gossip.StateLeft {
			continue
		}
		specs, same := seen[string(m.Told.specs.bytes)]
		if !same {
			specs = m.Told.Specs()
			seen[string(m.Told.specs.bytes)] = specs
		}
		hosts = append(hosts, HostSpecs{m.Name, specs})
	}
	return hosts
}

// Lookup finds a member by the name of its node, where the trusted one is meant, or by its id, whatever its standing.
func (v *View) Lookup(nameOrID string) (Member, error) {
	named := v.named(nameOrID)
	best := -1
	for i, m := range named {
		if m.Standing == records.Trusted && (best < 0 || m.Self) {
			best = i
		}
	}
	switch {
	case best >= 0:
		return named[best], nil
	case len(named) > 0:
		return Member{}, fmt.Errorf("%w named %q: %s", ErrNotTrusted, nameOrID, standings(named))
	}
	if id, err := record.ParseID(nameOrID); err == nil {
		if i := slices.IndexFunc(v.Members, func(m Member) bool { return m.ID == id }); i >= 0 {
			return v.Members[i], nil
		}
	}
	return Member{}, fmt.Errorf("%w: %q is not the name or id of any; dsctl members lists them", ErrNoMember, nameOrID)
}

func (v *View) named(name string) []Member {
	i, found := slices.BinarySearchFunc(v.Members, name, func(m Member, name string) int {
		return cmp.Compare(m.Name, name)
	})
	if !found || name == "" {
		return nil
	}
	j := i
	for j < len(v.Members) && v.Members[j].Name == name {
		j++
	}
	return v.Members[i:j]
}

// standings says how members stand, and what to do about it.
func standings(members []Member) string {
	var all []string
	for _, m := range members[:min(len(members), 5)] {
		remedy := "compare its key with the host's, then dsctl trust " + m.ID.String()
		if m.Standing == records.Excluded {
			remedy = "the roster does not list it"
		}
		all = append(all, fmt.Sprintf("%s is %s (%s)", m.ID, m.Standing, remedy))
	}
	return strings.Join(all, ", ")
}
