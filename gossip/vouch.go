package gossip

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// What this host sees itself beats what it is told. Whoever has the gossip key can say that a member is dead, and
// memberlist believes it; so one that has answered this host is asked again, and as long as it answers it is shown as
// alive.
const (
	// maxVouched is for how many members that is done at a time. When more die at once, it is not by hearsay.
	maxVouched = 64
	// lost is how many questions in a row have no answer when it is believed.
	lost = 2
)

// vouch asks those of whom others say that they are dead.
func (n *Node) vouch(ctx context.Context) {
	var asking sync.WaitGroup
	defer asking.Wait()
	places := make(chan struct{}, maxVouched)
	for {
		select {
		case <-ctx.Done():
			return
		case id := <-n.accused:
			select {
			case places <- struct{}{}:
				asking.Go(func() { n.vouchFor(ctx, id); <-places })
			default:
				n.counts.dropped("too-many-accused")
				n.swim.believe(id)
			}
		}
	}
}

// vouchFor asks one member until memberlist has it alive again, or it does not answer.
func (n *Node) vouchFor(ctx context.Context, id record.ID) {
	defer n.swim.believe(id)
	for missed := 0; missed < lost && ctx.Err() == nil; {
		p, ok := n.swim.get(id)
		if !ok || p.alive || !p.addr.IsValid() {
			return
		}
		rtt, err := n.list.Load().Ping(id.String(), net.UDPAddrFromAddrPort(p.addr))
		if err != nil {
			missed++
			continue
		}
		missed = 0
		n.swim.heardOf(id, time.Now(), max(rtt, 1))
		select {
		case n.joinSoon <- id: // so that it hears of what is said, and can say something against it
		default:
		}
		select {
		case <-ctx.Done():
		case <-time.After(n.timing.Probe):
		}
	}
	n.changed()
}

// accuse notes that memberlist takes a member for dead. memberlist calls it; it must not wait.
func (n *Node) accuse(id record.ID) {
	if !n.swim.doubts(id) {
		return
	}
	select {
	case n.accused <- id:
	default:
		n.swim.believe(id)
	}
}

// doubts says whether a member that memberlist takes for dead has answered this host, and is to be asked. Until that is
// decided it is shown as alive.
func (s *swim) doubts(id record.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.peers[id]
	if p == nil || p.alive || !p.answers || p.doubted {
		return false
	}
	p.doubted = true
	return true
}

// believe ends the doubt.
func (s *swim) believe(id record.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.peers[id]; p != nil {
		p.doubted = false
	}
}

// lives says whether a member is to be taken for alive.
func (p *peer) lives() bool { return p.alive || p.doubted }
