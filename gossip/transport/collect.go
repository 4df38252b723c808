package transport

import "github.com/prometheus/client_golang/prometheus"

var (
	droppedDesc = prometheus.NewDesc("daemonsetd_gossip_transport_dropped_total",
		"Packets and streams that were not carried, by reason.", []string{"reason"}, nil)
	bytesDesc = prometheus.NewDesc("daemonsetd_gossip_transport_bytes_total",
		"Payload bytes carried, by kind (packet, stream) and direction.", []string{"kind", "direction"}, nil)
	streamsDesc = prometheus.NewDesc("daemonsetd_gossip_transport_streams", "Streams that are open.", nil, nil)
	queuedDesc  = prometheus.NewDesc("daemonsetd_gossip_transport_queued_packets", "Packets that wait to be looked at.",
		nil, nil)
)

// Describe implements prometheus.Collector.
func (t *Transport) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{droppedDesc, bytesDesc, streamsDesc, queuedDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (t *Transport) Collect(ch chan<- prometheus.Metric) {
	s := t.Stats()
	s.collect(ch)
}

// reasons are what was not carried, by the word that the metrics have for it.
func (s *Stats) reasons() map[string]uint64 {
	return map[string]uint64{
		"packets-queue-full": s.PacketsQueueFull, "packets-too-long": s.PacketsTooLong, "packets-empty": s.PacketsEmpty,
		"packets-unsent": s.PacketsUnsent, "packets-overflow": s.PacketsOverflow, "streams-too-many": s.StreamsTooMany,
		"streams-too-many-of-peer": s.StreamsTooManyOfPeer, "streams-too-fast": s.StreamsTooFast,
		"streams-too-long": s.StreamsTooLong, "streams-too-much": s.StreamsTooMuch,
		"stream-write-errors": s.StreamWriteErrors, "dial-errors": s.DialErrors, "accept-errors": s.AcceptErrors,
		"read-errors": s.ReadErrors,
	}
}

func (s *Stats) collect(ch chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, n uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	for reason, n := range s.reasons() {
		counter(droppedDesc, n, reason)
	}
	counter(bytesDesc, s.PacketBytesSent, "packet", "out")
	counter(bytesDesc, s.PacketBytesReceived, "packet", "in")
	counter(bytesDesc, s.StreamBytesSent, "stream", "out")
	counter(bytesDesc, s.StreamBytesReceived, "stream", "in")
	ch <- prometheus.MustNewConstMetric(streamsDesc, prometheus.GaugeValue, float64(s.StreamsOpen))
	ch <- prometheus.MustNewConstMetric(queuedDesc, prometheus.GaugeValue, float64(s.QueuedPackets))
}
