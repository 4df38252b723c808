package fleet

import "fmt"

// ForPlacement finds the member of whose node a decision is asked, by name or id: its Node is what package placement
// decides for. Besides the errors of Lookup there is ErrNothingTold, for a node of which nothing is known that a
// decision could be made from.
func (v *View) ForPlacement(nameOrID string) (Member, error) {
	m, err := v.Lookup(nameOrID)
	switch {
	case err != nil:
		return Member{}, err
	case m.Facts == nil && m.node.problem != nil:
		return Member{}, fmt.Errorf("%w %q: what it tells cannot be used: %w; compare the versions with dsctl members",
			ErrNothingTold, nameOrID, m.node.problem)
	case m.Facts == nil:
		return Member{}, fmt.Errorf("%w %q: it is %s and has not told this host anything yet", ErrNothingTold, nameOrID,
			m.State)
	}
	return m, nil
}
