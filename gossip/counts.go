package gossip

import (
	"github.com/prometheus/client_golang/prometheus"
)

// counts are the metrics of a Node. Their labels take values from this package alone.
type counts struct {
	frames, records, drops, syncs, joins, logged *prometheus.CounterVec
}

func newCounts() *counts {
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "daemonsetd_gossip_" + name, Help: help}, labels)
	}
	return &counts{
		frames:  vec("frames_total", "Frames received and sent, by kind and direction.", "kind", "direction"),
		records: vec("records_total", "Records of other members received, by what became of them.", "outcome"),
		drops:   vec("dropped_total", "What was dropped, by reason.", "reason"),
		syncs:   vec("syncs_total", "Exchanges of anti-entropy that this member began, by result.", "result"),
		joins:   vec("joins_total", "Attempts to join by result.", "result"),
		logged:  vec("memberlist_messages_total", "What memberlist logged, by level.", "level"),
	}
}

func (c *counts) dropped(reason string) { c.drops.WithLabelValues(reason).Inc() }

// Describe implements prometheus.Collector.
func (n *Node) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(n, ch) }

// Collect implements prometheus.Collector: the counters, and gauges of the members, the queue and the table.
func (n *Node) Collect(ch chan<- prometheus.Metric) {
	for _, vec := range []*prometheus.CounterVec{n.counts.frames, n.counts.records, n.counts.drops, n.counts.syncs, n.counts.joins, n.counts.logged} {
		vec.Collect(ch)
	}
	gauge := func(name, help string, value float64, labels ...string) {
		var names []string
		if len(labels) > 0 {
			names = []string{"state"}
		}
		ch <- prometheus.MustNewConstMetric(prometheus.NewDesc("daemonsetd_gossip_"+name, help, names, nil), prometheus.GaugeValue, value, labels...)
	}
	states := map[State]int{StateAlive: 0, StateFailed: 0, StateLeft: 0, StateUnknown: 0}
	for _, m := range n.View().Members {
		states[m.State]++
	}
	for state, count := range states {
		gauge("members", "Members by state.", float64(count), string(state))
	}
	gauge("queue_messages", "Records waiting to be pushed.", float64(n.queue.Len()))
	gauge("inbox_bytes", "Bytes waiting to be looked at.", float64(n.inbox.bytes.Load()))
}
