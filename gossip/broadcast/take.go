package broadcast

import "container/list"

// Take gives messages for one packet and counts them as sent. It is memberlist's GetBroadcasts: every message costs
// overhead bytes beside its own, and all of them together cost no more than limit bytes. A message that does not fit is
// left for a packet with more room, and smaller ones behind it are taken.
//
// The messages are the queue's own; nobody may change them.
func (q *Queue) Take(overhead, limit int) [][]byte {
	// Before the lock: whatever Members does, it cannot wait for somebody who waits for us.
	sends := min(Sends(q.members()), maxTiers-1)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.finish(sends)
	p := packet{overhead: overhead, room: limit}
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

// sent moves a slot one tier on, or drops it after the last time.
func (q *Queue) sent(e *list.Element, sends int) {
	q.stats.Sent++
	s := value(e)
	if s.sent+1 >= sends {
		q.drop(e)
		q.stats.Finished++
		return
	}
	of := q.tiers(s.owner)
	of[s.sent].Remove(e)
	s.sent++
	q.slots[s.key] = of[s.sent].PushBack(s)
}

// packet is what one Take has chosen so far.
type packet struct {
	overhead, room int
	taken          []*list.Element
	misses         int
}

// fill takes what fits, in order. Moving waits until the choice is made, so that no message comes twice.
func (p *packet) fill(t *tiers) {
	for e := range t.all() {
		if p.full() {
			return
		}
		cost := len(value(e).msg) + p.overhead
		if cost > p.room {
			p.misses++
			continue
		}
		p.taken = append(p.taken, e)
		p.room -= cost
	}
}

func (p *packet) full() bool {
	return p.room <= p.overhead || len(p.taken) == maxMessages || p.misses == lookahead
}
