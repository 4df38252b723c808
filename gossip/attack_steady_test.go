package gossip_test

import (
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/daemonsetd/daemonsetd/gossip"
)

// TestPushesFit: however much there is to push and whatever the cluster's name is, no packet is longer than fits into one
// Ethernet frame, though memberlist sends single messages of any length. How full the packets are depends on more than the seed, on
// memberlist's own dice and the order of goroutines: TestFaultO24EveryPacketFits has them as full as they can be.
func TestPushesFit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCluster(t, 5, seedOf(t, 41), lan())
		c.edit = func(_ *host, cfg *gossip.Config) {
			cfg.Cluster = "a-name-of-64-bytes-that-is-in-front-of-each-packet-of-the-fleet"
		}
		var longest atomic.Int64
		c.net.SetTap(func(_, _ netip.AddrPort, packet []byte) []byte {
			for n := int64(len(packet)); ; {
				if old := longest.Load(); n <= old || longest.CompareAndSwap(old, n) {
					return packet
				}
			}
		})
		c.startAll()
		c.await(formed)
		for size := 8; size < 1400; size += 97 {
			for _, h := range c.hosts {
				h.size = size
			}
			c.unharmed(c.hosts...)
		}
		if got := longest.Load(); got > 1400 || got < 1200 {
			t.Errorf("the longest packet has %d bytes, want 1200 to 1400", got)
		}
	})
}
