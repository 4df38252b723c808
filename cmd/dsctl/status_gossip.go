package main

import (
	"fmt"
	"strings"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

// gossipLine is how this host stands in the fleet: "12 members, 11 alive, 1 failed", or why it stands alone.
func gossipLine(p page, g *api.GossipStatus) string {
	switch g.State {
	case api.GossipOff:
		return sentence("off", cellTextOrEmpty(g.Reason))
	case api.GossipLoopback:
		return p.paint(yellow, sentence("loopback only", cellTextOrEmpty(g.Reason))) + "; " + memberCounts(g)
	}
	color := green
	if c := g.Members; c.Failed+c.Unknown+c.Held > 0 {
		color = yellow
	}
	return p.paint(color, memberCounts(g))
}

// memberCounts leaves out what there is none of, but for those that are alive.
func memberCounts(g *api.GossipStatus) string {
	c := g.Members
	parts := []string{count(c.Total, "member"), fmt.Sprintf("%d alive", c.Alive)}
	for _, one := range []struct {
		n    int
		text string
	}{
		{c.Failed, "failed"},
		{c.Left, "left"},
		{c.Unknown, "unknown"},
		{c.Held, "untrusted"},
		{c.NotInRoster, "not in the roster"},
	} {
		if one.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", one.n, one.text))
		}
	}
	text := strings.Join(parts, ", ")
	if g.Cluster != "" {
		text += ", cluster " + cellText(g.Cluster)
	}
	if !g.Settled {
		text += " (still learning of others)"
	}
	return text
}

// printGossip has what the wide form has besides.
func printGossip(line func(name, text string), g *api.GossipStatus) {
	if g == nil || g.State == api.GossipOff {
		return
	}
	address := orNone(g.Bind)
	if g.Advertise != "" && g.Advertise != g.Bind {
		address += ", told to others as " + g.Advertise
	}
	line("Gossip at", address)
	line("Member ID", orNone(g.ID)+", key "+orNone(g.KeyFingerprint))
	line("Gossip key", keysText(g.GossipKeys))
	line("Roster", orNone(g.Roster))
}

func keysText(fingerprints []string) string {
	if len(fingerprints) == 0 {
		return none
	}
	text := fingerprints[0] + " encrypts"
	if more := fingerprints[1:]; len(more) > 0 {
		text += ", " + strings.Join(more, " ") + " only decrypt"
	}
	return text
}

func cellTextOrEmpty(s string) string {
	if s == "" {
		return ""
	}
	return cellText(s)
}
