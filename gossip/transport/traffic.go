package transport

import (
	"fmt"
	"sync/atomic"
	"time"
)

// Traffic counts what one member, or all members of a simulation together, sent and received since the start. Bytes are
// payload bytes: on a real network an IPv4 packet has 28 bytes of headers more.
type Traffic struct {
	PacketsSent, PacketsReceived         uint64
	PacketBytesSent, PacketBytesReceived uint64
	// StreamsDialed and StreamsAccepted count streams that came to be, in either direction.
	StreamsDialed, StreamsAccepted       uint64
	StreamBytesSent, StreamBytesReceived uint64
}

// Add gives the sum.
func (t Traffic) Add(o Traffic) Traffic {
	return Traffic{
		PacketsSent:         t.PacketsSent + o.PacketsSent,
		PacketsReceived:     t.PacketsReceived + o.PacketsReceived,
		PacketBytesSent:     t.PacketBytesSent + o.PacketBytesSent,
		PacketBytesReceived: t.PacketBytesReceived + o.PacketBytesReceived,
		StreamsDialed:       t.StreamsDialed + o.StreamsDialed,
		StreamsAccepted:     t.StreamsAccepted + o.StreamsAccepted,
		StreamBytesSent:     t.StreamBytesSent + o.StreamBytesSent,
		StreamBytesReceived: t.StreamBytesReceived + o.StreamBytesReceived,
	}
}

// Since gives what was added after the earlier reading.
func (t Traffic) Since(earlier Traffic) Traffic {
	return Traffic{
		PacketsSent:         t.PacketsSent - earlier.PacketsSent,
		PacketsReceived:     t.PacketsReceived - earlier.PacketsReceived,
		PacketBytesSent:     t.PacketBytesSent - earlier.PacketBytesSent,
		PacketBytesReceived: t.PacketBytesReceived - earlier.PacketBytesReceived,
		StreamsDialed:       t.StreamsDialed - earlier.StreamsDialed,
		StreamsAccepted:     t.StreamsAccepted - earlier.StreamsAccepted,
		StreamBytesSent:     t.StreamBytesSent - earlier.StreamBytesSent,
		StreamBytesReceived: t.StreamBytesReceived - earlier.StreamBytesReceived,
	}
}

// PerMember spreads the counts over members and time. Nothing over no time or no members is the zero Rate.
func (t Traffic) PerMember(members int, over time.Duration) Rate {
	if members <= 0 || over <= 0 {
		return Rate{}
	}
	share := float64(members) * over.Seconds()
	return Rate{
		PacketsOut: float64(t.PacketsSent) / share,
		PacketsIn:  float64(t.PacketsReceived) / share,
		StreamsOut: float64(t.StreamsDialed) / share,
		BytesOut:   float64(t.PacketBytesSent+t.StreamBytesSent) / share,
		BytesIn:    float64(t.PacketBytesReceived+t.StreamBytesReceived) / share,
	}
}

// Rate is traffic of one member in one second. Bytes are those of packets and streams.
type Rate struct {
	PacketsOut, PacketsIn float64
	StreamsOut            float64
	BytesOut, BytesIn     float64
}

// String is a line for benchmarks and logs.
func (r Rate) String() string {
	return fmt.Sprintf("out %.1f packets/s, %.2f streams/s, %.0f B/s; in %.1f packets/s, %.0f B/s",
		r.PacketsOut, r.StreamsOut, r.BytesOut, r.PacketsIn, r.BytesIn)
}

// Meter is a Traffic that is counted up while it is read.
type Meter struct {
	PacketsSent, PacketsReceived         atomic.Uint64
	PacketBytesSent, PacketBytesReceived atomic.Uint64
	StreamsDialed, StreamsAccepted       atomic.Uint64
	StreamBytesSent, StreamBytesReceived atomic.Uint64
}

// Sent counts one packet of n bytes that left.
func (m *Meter) Sent(n int) {
	m.PacketsSent.Add(1)
	m.PacketBytesSent.Add(uint64(max(n, 0)))
}

// Received counts one packet of n bytes that was handed on.
func (m *Meter) Received(n int) {
	m.PacketsReceived.Add(1)
	m.PacketBytesReceived.Add(uint64(max(n, 0)))
}

// StreamSent counts n bytes written to a stream.
func (m *Meter) StreamSent(n int) { m.StreamBytesSent.Add(uint64(max(n, 0))) }

// StreamReceived counts n bytes read from a stream.
func (m *Meter) StreamReceived(n int) { m.StreamBytesReceived.Add(uint64(max(n, 0))) }

// Traffic reads every counter once; they are not read at one moment.
func (m *Meter) Traffic() Traffic {
	return Traffic{
		PacketsSent:         m.PacketsSent.Load(),
		PacketsReceived:     m.PacketsReceived.Load(),
		PacketBytesSent:     m.PacketBytesSent.Load(),
		PacketBytesReceived: m.PacketBytesReceived.Load(),
		StreamsDialed:       m.StreamsDialed.Load(),
		StreamsAccepted:     m.StreamsAccepted.Load(),
		StreamBytesSent:     m.StreamBytesSent.Load(),
		StreamBytesReceived: m.StreamBytesReceived.Load(),
	}
}
