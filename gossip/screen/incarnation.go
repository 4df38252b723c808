package screen

// MaxIncarnation is the highest incarnation of which a member may be accused. A member rises above an accusation by
// one, so that it has something to say against every one that passes. memberlist itself takes any number of 32 bits:
// whoever has the gossip key could say with the highest that a member is dead, and nothing that the member says would
// count (hashicorp/memberlist#358). An honest member rises by one for each time that it was accused, and would need
// centuries.
const MaxIncarnation = 1 << 30

// maxAlive is the highest incarnation with which a member may be alive.
const maxAlive = MaxIncarnation + 1

// absurd says whether no honest member would say that of another. Nothing but an alive message is about somebody who is
// alive.
func absurd(incarnation uint64, isAlive bool) bool {
	return incarnation > maxAlive || incarnation > MaxIncarnation && !isAlive
}

// stateAlive is memberlist's state of members that are alive, in a push/pull.
const stateAlive = 0

// claim is what a message or an entry of a push/pull says of a member.
type claim struct {
	incarnation, state uint64
	// bytes are those of the incarnation where they can be overwritten: a number of 32 bits.
	bytes []byte
}

// claim reads a map in the one form in which memberlist writes it, so that there is no other way to say the same.
func (r *reader) claim() claim {
	var c claim
	first := r.take(1)
	if len(first) == 0 || first[0] < 0x80 || first[0] > 0x8f {
		r.fail()
		return c
	}
	seen := map[string]bool{}
	for range first[0] & 0x0f {
		name := r.name()
		before := r.rest
		value := r.value(maxDepth - 1)
		if r.bad {
			return c
		}
		if seen[name] || (name == "Incarnation" || name == "State") && !whole(before[0]) {
			r.fail()
			return c
		}
		seen[name] = true
		switch name {
		case "Incarnation":
			c.incarnation = value
			if before[0] == 0xce {
				c.bytes = before[1:5]
			}
		case "State":
			c.state = value
		}
	}
	return c
}

// whole says whether a value that begins with this byte is a whole number. The decoder would make one of much else.
func whole(c byte) bool { return c < 0x80 || c >= 0xcc && c <= 0xd3 }

// tame takes absurd incarnations out of a push/pull, in place: an entry with incarnation 0 changes nothing. The rest of
// it may come from an honest member that was told something absurd. It says whether there was one, and whether all of
// them could be taken out.
func (l Limits) tame(plain []byte) (changed, ok bool) {
	if len(plain) == 0 || plain[0] != typePushPull {
		return false, true
	}
	r := reader{rest: plain[1:]}
	for range r.numbers()["Nodes"] {
		c := r.claim()
		if r.bad {
			return changed, false
		}
		if !absurd(c.incarnation, c.state == stateAlive) {
			continue
		}
		if c.bytes == nil {
			return changed, false
		}
		clear(c.bytes)
		changed = true
	}
	return changed, !r.bad
}
