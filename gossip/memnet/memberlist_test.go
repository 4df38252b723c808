package memnet

import (
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
)

func TestMembersJoinOverALossyNetwork(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := New(Config{Seed: 1, Faults: Faults{Loss: 0.25, DelayMin: time.Millisecond, DelayMax: 20 * time.Millisecond}})
		var all []*memberlist.Memberlist
		for i := range 10 {
			m := startMember(t, n, i, nil)
			if i > 0 {
				if _, err := m.Join([]string{at(0).String()}); err != nil {
					t.Fatal(err)
				}
			}
			all = append(all, m)
		}
		waitFor(t, 2*time.Minute, "all see all", func() bool {
			for _, m := range all {
				if m.NumMembers() != len(all) {
					return false
				}
			}
			return true
		})
		t.Log(n.Stats())
	})
}
