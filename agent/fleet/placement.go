package fleet

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/records"
)

// ForPlacement finds the member of whose node a decision is asked, by name or id: its Node is what package placement
// decides for, its Age and its Caveats say how good the answer is. Besides the errors of Lookup there is ErrNothingTold,
// for a node of which nothing is known that a decision could be made from.
func (v *View) ForPlacement(nameOrID string) (Member, error) {
	m, err := v.Lookup(nameOrID)
	switch {
	case err != nil:
		return Member{}, err
	case m.Facts == nil && m.node.problem != nil:
		return Member{}, fmt.Errorf("%w %q: what it tells cannot be used: %w; compare the versions with dsctl members", ErrNothingTold, nameOrID, m.node.problem)
	case m.Facts == nil:
		return Member{}, fmt.Errorf("%w %q: it is %s and has not told this host anything yet", ErrNothingTold, nameOrID, m.State)
	}
	return m, nil
}

// Caveats are the reasons for which what is known of the member's node may not be how it is at the moment now, one
// sentence without a full stop each; empty when there are none.
func (m Member) Caveats(now time.Time) []string {
	var all []string
	add := func(cond bool, format string, args ...any) {
		if cond {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	left := m.State == gossip.StateLeft
	add(m.Standing == records.Held, "the member is held, so that what it tells does not count: dsctl trust takes it over")
	add(m.Standing == records.Excluded, "the member is not in the roster, so that what it tells does not count")
	add(left, "the member has left the fleet")
	add(!left && !m.Lost.IsZero(), "the member has not answered for %s and is taken as unreachable", duration.HumanDuration(max(now.Sub(m.Lost), 0)))
	add(m.Lost.IsZero() && m.State == gossip.StateUnknown, "the member has not been heard of since this agent started")
	if m.Facts != nil {
		add(m.node.problem != nil, "what the member told last cannot be used, this is from before: %v", m.node.problem)
		add(m.Facts.LeftOut.MatterForPlacement(), "the member did not tell everything, which may change the answer; missing: %s", m.Facts.LeftOut)
		add(m.Facts.UnknownKeys > 0, "the member tells things that this version does not understand (%d)", m.Facts.UnknownKeys)
	}
	return all
}
