package memnet

import "time"

// What TCP waits before it sends again: the retransmission timeout of data (Linux: TCP_RTO_MIN, doubling up to
// TCP_RTO_MAX, tcp_retries2 times, about 15 minutes in all) and that of the first packet of a stream.
const (
	resendFirst = 200 * time.Millisecond
	resendMax   = 120 * time.Second
	resendTries = 15
	dialResend  = time.Second
)

// resendAfter is how long to wait after so many tries in vain.
func resendAfter(tries int) time.Duration {
	return min(resendFirst<<min(tries, resendTries), resendMax)
}

// fate is what the network does to one packet or segment.
type fate struct {
	lost, duplicate, reordered bool
	// delay is that of the packet, again that of its duplicate.
	delay, again time.Duration
	// resend is how long a stream waits longer because its segment was lost.
	resend time.Duration
	// seq is the number of the throw.
	seq uint64
}

// throw decides the fate of the next packet of this member. It draws the same number of dice whatever the faults are,
// so that one fault does not change what another does.
func (t *Transport) throw(f *Faults) fate {
	t.mu.Lock()
	loss, duplicate, reorder, delay, again := t.draw(), t.draw(), t.draw(), t.draw(), t.draw()
	t.seq++
	out := fate{seq: t.seq}
	t.mu.Unlock()

	out.lost = loss < f.Loss
	out.duplicate = duplicate < f.Duplicate
	out.reordered = reorder < f.Reorder
	out.delay = f.delay(delay)
	out.again = f.delay(again)
	if out.reordered {
		out.delay += f.heldBack(reorder / f.Reorder)
	}
	for tries, p := 0, f.Loss; loss < p && tries < resendTries; tries, p = tries+1, p*f.Loss {
		out.resend += resendAfter(tries)
	}
	return out
}

// draw is uniform in [0, 1). t.mu is held.
func (t *Transport) draw() float64 { return float64(t.dice.Uint64()>>11) / (1 << 53) }

// delay is the one-way delay at a uniform draw.
func (f *Faults) delay(draw float64) time.Duration {
	return f.DelayMin + time.Duration(draw*float64(max(f.DelayMax-f.DelayMin, 0)))
}

// heldBack is by how much a reordered packet is late at a uniform draw; never nothing.
func (f *Faults) heldBack(draw float64) time.Duration {
	by := f.ReorderBy
	if by <= 0 {
		by = defaultReorderBy
	}
	return max(time.Duration(draw*float64(by)), 1)
}
