package transport

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTraffic(t *testing.T) {
	var m Meter
	m.Sent(100)
	m.Sent(50)
	m.Received(70)
	m.StreamsDialed.Add(3)
	m.StreamsAccepted.Add(1)
	m.StreamSent(1000)
	m.StreamReceived(2000)
	m.StreamSent(-1)
	one := m.Traffic()
	want := Traffic{
		PacketsSent: 2, PacketsReceived: 1, PacketBytesSent: 150, PacketBytesReceived: 70,
		StreamsDialed: 3, StreamsAccepted: 1, StreamBytesSent: 1000, StreamBytesReceived: 2000,
	}
	if diff := cmp.Diff(want, one); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(one, one.Add(one).Since(one)); diff != "" {
		t.Error("adding and taking away:", diff)
	}
	rate := one.Add(one).PerMember(2, 10*time.Second)
	if diff := cmp.Diff(Rate{PacketsOut: 0.2, PacketsIn: 0.1, StreamsOut: 0.3, BytesOut: 115, BytesIn: 207}, rate); diff != "" {
		t.Error(diff)
	}
	const line = "out 0.2 packets/s, 0.30 streams/s, 115 B/s; in 0.1 packets/s, 207 B/s"
	if rate.String() != line {
		t.Errorf("%s, wanted %s", rate, line)
	}
	if one.PerMember(0, time.Second) != (Rate{}) || one.PerMember(1, 0) != (Rate{}) {
		t.Error("a rate over nothing is something")
	}
}
