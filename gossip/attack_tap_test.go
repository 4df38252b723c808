package gossip_test

import (
	"bytes"
	"net/netip"
	"sync"
)

// keepPackets keeps every packet from now on, up to so many. The result gives those that were kept.
func (c *cluster) keepPackets(most int) func() [][]byte {
	var mu sync.Mutex
	var kept [][]byte
	c.net.SetTap(func(_, _ netip.AddrPort, packet []byte) []byte {
		mu.Lock()
		defer mu.Unlock()
		if len(kept) < most {
			kept = append(kept, bytes.Clone(packet))
		}
		return packet
	})
	return func() [][]byte {
		mu.Lock()
		defer mu.Unlock()
		return kept
	}
}
