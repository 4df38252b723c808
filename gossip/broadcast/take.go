package broadcast

import "container/list"

// Take gives messages for one packet and counts them as sent. It is memberlist's GetBroadcasts: every message costs
// overhead bytes beside its own, and all of them together cost no more than limit bytes. A message that does not fit is
// left for a packet with more room, and smaller ones behind it are taken.
//
// The messages are the queue's own; nobody may change them.
func (q *Queue) Take(overhead, limit int) [][]byte {
	// Before the lock: whatever Members does, it cannot wait for somebody who waits for us.
	sends := Sends(q.members())
	q.mu.Lock()
	defer q.mu.Unlock()
	q.finish(sends)
	p := packet{
		overhead: overhead, limit: limit, room: limit, overdue: q.overdue,
		taken: make([]*list.Element, 0, 16), passed: make([]*list.Element, 0, lookahead),
	}
	if q.overdue != nil {
		p.add(q.overdue)
	}
	p.fill(&q.own)
	p.fill(&q.others)
	if len(p.taken) == 0 {
		return nil
	}
	msgs := make([][]byte, len(p.taken))
	for i, e := range p.taken {
		msgs[i] = value(e).msg
		q.sent(e, sends)
	}
	// After the sending, which has made room for another one that is overdue.
	for _, e := range p.passed[:p.overtaken] {
		q.pass(e)
	}
	return msgs
}

// finish drops what has been sent often enough, which happens here where there have become fewer members.
func (q *Queue) finish(sends int) {
	for _, t := range []*tiers{&q.own, &q.others} {
		for i := sends; i < len(t); i++ {
			for e := t[i].Front(); e != nil; e = t[i].Front() {
				q.drop(e)
				q.stats.Finished++
			}
		}
	}
}

// pass counts that a slot was passed over, and lets it go first next time if that was too often.
func (q *Queue) pass(e *list.Element) {
	s := value(e)
	s.passed++
	if s.passed >= patience && q.overdue == nil {
		q.overdue = e
	}
}

// sent moves a slot one tier on, or drops it after the last time.
func (q *Queue) sent(e *list.Element, sends int) {
	q.stats.Sent++
	s := value(e)
	if s.sent+1 >= sends {
		q.drop(e)
		q.stats.Finished++
		return
	}
	q.unlink(e)
	s.sent++
	s.passed = 0
	q.link(s)
}

// packet is what one Take has chosen so far. Nothing is moved until the choice is made, so that no message comes twice.
type packet struct {
	overhead, limit, room int
	overdue               *list.Element
	taken, passed         []*list.Element
	// misses counts what did not fit; overtaken is how many of passed stand before something that was taken.
	misses, overtaken int
}

// fill takes what fits, in order.
func (p *packet) fill(t *tiers) {
	for e := range t.all() {
		if p.full() {
			return
		}
		if e != p.overdue {
			p.add(e)
		}
	}
}

// add takes a slot if it fits. One that would have fitted into the packet while it was empty is passed over, which
// counts if anything behind it is taken.
func (p *packet) add(e *list.Element) {
	cost := len(value(e).msg) + p.overhead
	switch {
	case cost <= p.room:
		p.taken = append(p.taken, e)
		p.overtaken = len(p.passed)
		p.room -= cost
	case cost <= p.limit:
		p.passed = append(p.passed, e)
		p.misses++
	default:
		p.misses++
	}
}

func (p *packet) full() bool {
	return p.room <= p.overhead || len(p.taken) == maxMessages || p.misses == lookahead
}
