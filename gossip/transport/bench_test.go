package transport

import (
	"testing"

	"github.com/hashicorp/memberlist"
)

// One packet from socket to socket, ours beside memberlist's. What differs is the memory.
func BenchmarkPacket(b *testing.B) {
	ours, err := New(Config{Bind: loopback})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = ours.Shutdown() }()
	theirs, err := memberlist.NewNetTransport(&memberlist.NetTransportConfig{BindAddrs: []string{"127.0.0.1"}})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = theirs.Shutdown() }()
	for _, c := range []struct {
		name string
		tr   memberlist.Transport
	}{{"ours", ours}, {"memberlist", theirs}} {
		b.Run(c.name, func(b *testing.B) {
			ip, port, err := c.tr.FinalAdvertiseAddr("", 0)
			if err != nil {
				b.Fatal(err)
			}
			to := (&memberlist.Node{Addr: ip, Port: uint16(port)}).Address()
			packet := make([]byte, 1400)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.tr.WriteTo(packet, to); err != nil {
					b.Fatal(err)
				}
				<-c.tr.PacketCh()
			}
		})
	}
}
