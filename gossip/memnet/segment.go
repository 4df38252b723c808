package memnet

import (
	"syscall"
	"time"
)

// carrySegment lets so many bytes that were written at this end go to the other.
func (n *Network) carrySegment(c *Conn, size int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sendSegment(c, size)
}

// sendSegment is carrySegment with n.mu held. Size 0 says that this end was closed. Segments stay in order.
func (n *Network) sendSegment(c *Conn, size int) {
	f := c.owner.throw(n.faults.Load())
	e := event{from: c.owner, conn: c, size: size, seq: f.seq}
	e.due = max(n.dueAfter(f.delay+f.resend), c.lastDue)
	if e.due <= n.now() {
		n.arrive(&e)
		return
	}
	c.lastDue = e.due
	n.fly(&e)
}

// arriveSegment hands a segment to the other end, or keeps it while the path is cut. n.mu is held.
func (n *Network) arriveSegment(e *event) {
	if !n.faults.Load().cutsStream(e.conn.owner.addr, e.conn.peer.owner.addr) {
		e.conn.peer.receive(e.size)
		return
	}
	if e.tries++; e.tries > resendTries {
		e.conn.broken(syscall.ETIMEDOUT)
		return
	}
	e.due = n.dueAfter(max(resendAfter(e.tries-1), time.Nanosecond))
	n.fly(e)
}

// resetCut breaks every stream whose path is cut.
func (n *Network) resetCut(f *Faults) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, t := range n.nodes {
		for c := range t.conns {
			if f.cutsStream(t.addr, c.peer.owner.addr) {
				c.broken(syscall.ECONNRESET)
			}
		}
	}
}
