package memnet

import "net/netip"

// event is something in flight: a packet, or a segment of a stream.
type event struct {
	// due is when it arrives, in nanoseconds since the network was made. Of those that arrive at the same time, tie
	// decides between senders, by the seed, and seq keeps the order of one sender.
	due      int64
	tie, seq uint64

	from *Transport
	// to and packet are a packet's destination and bytes.
	to     netip.AddrPort
	packet []byte
	// conn is the end of a stream that wrote the segment, size the bytes of it, and tries how often it was cut off.
	conn  *Conn
	size  int
	tries int
}

func (e *event) before(o *event) bool {
	if e.due != o.due {
		return e.due < o.due
	}
	if e.tie != o.tie {
		return e.tie < o.tie
	}
	return e.seq < o.seq
}

// eventHeap is a binary heap of values, first event first. container/heap would allocate for each.
type eventHeap []event

func (h *eventHeap) push(e event) {
	*h = append(*h, e)
	s := *h
	for i := len(s) - 1; i > 0; {
		parent := (i - 1) / 2
		if !s[i].before(&s[parent]) {
			return
		}
		s[i], s[parent] = s[parent], s[i]
		i = parent
	}
}

func (h *eventHeap) pop() event {
	s := *h
	first, last := s[0], len(s)-1
	s[0] = s[last]
	s[last] = event{}
	*h = s[:last]
	(*h).down()
	return first
}

// down sinks the root to where it belongs.
func (h eventHeap) down() {
	for i := 0; ; {
		least := i
		for _, child := range [2]int{2*i + 1, 2*i + 2} {
			if child < len(h) && h[child].before(&h[least]) {
				least = child
			}
		}
		if least == i {
			return
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}
