package member

import (
	"strings"
	"testing"

	"github.com/daemonsetd/daemonsetd/agent/fleet"
	"github.com/daemonsetd/daemonsetd/agent/health"
	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
)

// TestFaultO14Reinstalled: a host that was installed anew has a problem that says what it is and the way out, until its
// old identity has gone.
func TestFaultO14Reinstalled(t *testing.T) {
	board := newBoard()
	m := &Member{cfg: Config{Name: "a", Board: board}}
	member := func(name string, standing records.Standing, self bool) fleet.Member {
		return fleet.Member{Member: &gossip.Member{
			ID: record.ID{byte(len(name) + 1)}, Name: name, Standing: standing, Self: self,
		}}
	}
	self := member("a", records.Trusted, true)
	for _, c := range []struct {
		other fleet.Member
		told  bool
	}{
		{member("b", records.Held, false), false},
		{member("a", records.Held, false), true},
		{member("a", records.Excluded, false), false},
		{member("", records.Held, false), false},
	} {
		m.reportName(&fleet.View{Members: []fleet.Member{self, c.other}})
		text := textOf(board, health.NameTaken)
		if c.told != strings.Contains(text, "installed anew") || c.told != strings.Contains(text, c.other.ID.String()) {
			t.Errorf("of %q, %v: %q", c.other.Name, c.other.Standing, text)
		}
		for _, item := range board.Items() {
			if item.Severity != "Error" && item.Severity != "error" || !strings.Contains(item.Remedy, "dsctl trust") {
				t.Errorf("%+v", item)
			}
		}
	}
}
