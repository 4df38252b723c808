package broadcast

import (
	"container/list"
	"strconv"
	"sync"

	"github.com/daemonsetd/daemonsetd/gossip/record"
)

const (
	// DefaultMaxSlots is how many slots a Queue has where Config says nothing. More than a few thousand records cannot be
	// pushed in useful time anyway, as memberlist sends some 20 to 60 KB a second; pulls carry a burst.
	DefaultMaxSlots = 4096

	// maxTiers is above every result of Sends: an int has at most 19 digits.
	maxTiers = 2*19 + 4 + 1
	// maxMessages is how many messages one Take gives. memberlist counts the messages of a packet in one byte, its own
	// included, and does not check that they fit.
	maxMessages = 128
	// lookahead is how many slots whose message does not fit one Take looks at, so that its cost has a bound.
	lookahead = 64
	// patience is how often a message may be passed over for want of room before it goes first. A long one would otherwise
	// never find a packet empty enough while short ones keep coming.
	patience = 8
)

// Config is what a Queue needs.
type Config struct {
	// Self is this member, whose records go first.
	Self record.ID
	// Members is the number of members now, this one included. It is called without a lock held, and must not block or
	// call memberlist, in whose callbacks it runs: an atomic counter is meant. Nil means one member.
	Members func() int
	// MaxSlots is the most slots; 0 means DefaultMaxSlots.
	MaxSlots int
	// MaxMessage is the longest message in bytes; longer ones are refused, as they would never fit. 0 means that of
	// Room for memberlist's default packet and no label.
	MaxMessage int
}

// Queue holds what is to be pushed. It is safe for use by several goroutines, and none of its methods blocks.
type Queue struct {
	self       record.ID
	members    func() int
	maxSlots   int
	maxMessage int

	mu    sync.Mutex
	slots map[key]*list.Element
	// own and others hold the slots by how many times their message was sent; a list is in the order of waiting.
	own, others tiers
	// overdue is the slot that goes first next time, because it was passed over patience times; nil for none.
	overdue *list.Element
	stats   Stats
}

// key names a slot.
type key struct {
	owner   record.ID
	section string
}

// slot is what is pushed of one section of one owner.
type slot struct {
	key
	stamp record.Stamp
	msg   []byte
	sent  int
	// passed counts the packets that had room for something else, but no longer for this.
	passed int
}

// New makes an empty queue.
func New(c Config) *Queue {
	q := &Queue{
		self: c.Self, members: c.Members, maxSlots: c.MaxSlots, maxMessage: c.MaxMessage,
		slots: map[key]*list.Element{},
	}
	if q.members == nil {
		q.members = func() int { return 1 }
	}
	if q.maxSlots <= 0 {
		q.maxSlots = DefaultMaxSlots
	}
	if q.maxMessage <= 0 {
		q.maxMessage = Room(1400, "")
	}
	return q
}

// Sends is how many times a message is sent by every member that learns it, with that many members:
// 2*ceil(log10(members+1)) + 4.
//
// A member is missed by all of n members that send s times each to somebody chosen at random with a chance of about
// e^-s, and so somebody is with n*e^-s, which anti-entropy needs seconds to find. With s = 2*ceil(log10(n+1)) alone,
// half of memberlist's default, that is not rare: with 30 members every third change was late for somebody in
// simulations, with 100 every fifth. 4 more make it one in a hundred, whatever the number of members, and cost every
// member four messages more a change.
func Sends(members int) int {
	// The number of decimal digits is ceil(log10(n+1)) without its rounding.
	return 2*len(strconv.Itoa(max(members, 1))) + 4
}

// Uncounted is how many bytes memberlist (0.7.0, net.go) puts into a packet beside those that it counts when it fills
// one up to Config.UDPBufferSize, at most: 5 for a checksum in front of what it gossips to a member of protocol 5
// (rawSendMsgPacket), and 2 for the length of a message to which it adds others (sendMsg). A packet that shall have no
// more than some size needs a UDPBufferSize that much smaller.
const Uncounted = 5 + 2

// Room is the length of the longest message that memberlist takes from Take for one of its encrypted packets, alone,
// with that memberlist.Config.UDPBufferSize and label.
func Room(packet int, label string) int {
	const (
		compound   = 2 + 2 // memberlist's net.go: compoundHeaderOverhead and, for each message, compoundOverhead
		user       = 1     // net.go: userMsgOverhead
		encryption = 29    // security.go: encryptOverhead of version 1
	)
	room := packet - compound - user - encryption
	if label != "" {
		room -= 2 + len(label) // label.go: labelOverhead
	}
	return room
}

// Push puts the message of a record into its slot, in place of an older one, and says whether it did. A record that is
// not newer than the one in the slot is refused, so is a message that is too long, and one for which there is no slot:
// all of them are counted. Whether a record whose slot has been emptied is news is the caller's to know.
//
// The queue keeps msg; nobody may change it afterwards.
func (q *Queue) Push(owner record.ID, section string, stamp record.Stamp, msg []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(msg) > q.maxMessage {
		q.stats.Oversize++
		return false
	}
	next := slot{key: key{owner: owner, section: section}, stamp: stamp, msg: msg}
	if e, ok := q.slots[next.key]; ok {
		return q.replace(e, next)
	}
	if !q.makeRoom(owner) {
		q.stats.Full++
		return false
	}
	q.link(&next)
	q.stats.Accepted++
	return true
}

// replace puts a newer message into a slot. One that was not sent yet keeps its place: an owner that writes faster than
// this member can send would otherwise always be last.
func (q *Queue) replace(e *list.Element, next slot) bool {
	old := value(e)
	if next.stamp.Compare(old.stamp) <= 0 {
		q.stats.Stale++
		return false
	}
	q.stats.Accepted++
	q.stats.Replaced++
	if old.sent == 0 {
		next.passed = old.passed
		*old = next
		return true
	}
	q.unlink(e)
	q.link(&next)
	return true
}

// makeRoom sees to it that a slot is free. Where none is, the message of another owner that was sent most goes. Only
// this member's own records take the place of what has not been sent at all.
func (q *Queue) makeRoom(owner record.ID) bool {
	if len(q.slots) < q.maxSlots {
		return true
	}
	e := q.others.mostSent()
	if e == nil || value(e).sent == 0 && owner != q.self {
		return false
	}
	q.drop(e)
	q.stats.Evicted++
	return true
}

// Remove takes everything of one owner out, as when that member is forgotten.
func (q *Queue) Remove(owner record.ID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for k, e := range q.slots {
		if k.owner == owner {
			q.drop(e)
			q.stats.Removed++
		}
	}
}

// Len is the number of messages that wait to be sent, or to be sent again.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.slots)
}

// link puts a slot at the end of the list in which it belongs.
func (q *Queue) link(s *slot) {
	q.slots[s.key] = q.tiers(s.owner)[s.sent].PushBack(s)
}

// unlink takes a slot out of its list.
func (q *Queue) unlink(e *list.Element) {
	s := value(e)
	q.tiers(s.owner)[s.sent].Remove(e)
	if q.overdue == e {
		q.overdue = nil
	}
}

// drop forgets a slot.
func (q *Queue) drop(e *list.Element) {
	q.unlink(e)
	delete(q.slots, value(e).key)
}

// tiers are the lists in which the owner's slots stand.
func (q *Queue) tiers(owner record.ID) *tiers {
	if owner == q.self {
		return &q.own
	}
	return &q.others
}
