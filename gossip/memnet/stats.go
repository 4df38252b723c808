package memnet

import (
	"sync/atomic"

	"github.com/daemonsetd/daemonsetd/gossip/transport"
)

// Stats counts what a member, or all of them, sent and received, and what became of packets that did not arrive.
type Stats struct {
	transport.Traffic
	// Lost packets fell to Faults.Loss, Cut ones to Faults.Cut, Tapped ones to the Tap. NoRoute ones went to an address at
	// which nobody listened. All count for the sender.
	Lost, Cut, Tapped, NoRoute uint64
	// Duplicated and Reordered packets arrived twice, or were held back. They count for the sender.
	Duplicated, Reordered uint64
	// QueueFull packets arrived at a member that had Config.Queue of them waiting. They count for the receiver.
	QueueFull uint64
}

// add gives the sum.
func (s Stats) add(o Stats) Stats {
	return Stats{
		Traffic: s.Traffic.Add(o.Traffic),
		Lost:    s.Lost + o.Lost, Cut: s.Cut + o.Cut, Tapped: s.Tapped + o.Tapped, NoRoute: s.NoRoute + o.NoRoute,
		Duplicated: s.Duplicated + o.Duplicated, Reordered: s.Reordered + o.Reordered,
		QueueFull: s.QueueFull + o.QueueFull,
	}
}

// Stats sums up all members, those that were shut down too.
func (n *Network) Stats() Stats {
	n.mu.Lock()
	defer n.mu.Unlock()
	var sum Stats
	for _, m := range n.meters {
		sum = sum.add(m.stats())
	}
	return sum
}

// Stats gives the counts of this member since Listen.
func (t *Transport) Stats() Stats { return t.meter.stats() }

// meter outlives its Transport in Network.meters.
type meter struct {
	transport.Meter
	lost, cut, tapped, noRoute, duplicated, reordered, queueFull atomic.Uint64
}

func (m *meter) stats() Stats {
	return Stats{
		Traffic: m.Traffic(),
		Lost:    m.lost.Load(), Cut: m.cut.Load(), Tapped: m.tapped.Load(), NoRoute: m.noRoute.Load(),
		Duplicated: m.duplicated.Load(), Reordered: m.reordered.Load(),
		QueueFull: m.queueFull.Load(),
	}
}
