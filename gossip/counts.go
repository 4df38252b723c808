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

// Descriptors of the gauges.
var (
	membersDesc = prometheus.NewDesc("daemonsetd_gossip_members", "Members by state.", []string{"state"}, nil)
	queueDesc   = prometheus.NewDesc("daemonsetd_gossip_queue_messages", "Records waiting to be pushed.", nil, nil)
	pushedDesc  = prometheus.NewDesc("daemonsetd_gossip_push_total",
		"Records given to the queue of what is pushed, by what became of them.", []string{"outcome"}, nil)
	memberRecordsDesc = prometheus.NewDesc("daemonsetd_gossip_table_members",
		"Members of whom records are held.", nil, nil)
	keptDesc = prometheus.NewDesc("daemonsetd_gossip_table_kept",
		"1 while known members are kept on disk.", nil, nil)
	inboxDesc = prometheus.NewDesc("daemonsetd_gossip_inbox_bytes", "Bytes waiting to be looked at.", nil, nil)
)

func (c *counts) vecs() []*prometheus.CounterVec {
	return []*prometheus.CounterVec{c.frames, c.records, c.drops, c.syncs, c.joins, c.logged}
}

// Describe implements prometheus.Collector. It is the same at any time, or the collector could not be taken out again.
func (n *Node) Describe(ch chan<- *prometheus.Desc) {
	for _, vec := range n.counts.vecs() {
		vec.Describe(ch)
	}
	for _, desc := range []*prometheus.Desc{
		membersDesc, queueDesc, inboxDesc, pushedDesc, memberRecordsDesc, keptDesc,
	} {
		ch <- desc
	}
	if c, ok := n.carrier(); ok {
		c.Describe(ch)
	}
}

// carrier is a transport that counts what it carries; a simulated one does not.
func (n *Node) carrier() (prometheus.Collector, bool) {
	c, ok := n.cfg.Transport.(prometheus.Collector)
	return c, ok
}

// Collect implements prometheus.Collector: the counters, and gauges of the members, the queue and the table.
func (n *Node) Collect(ch chan<- prometheus.Metric) {
	for _, vec := range n.counts.vecs() {
		vec.Collect(ch)
	}
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	states := map[State]int{StateAlive: 0, StateFailed: 0, StateLeft: 0, StateUnknown: 0}
	for _, m := range n.View().Members {
		states[m.State]++
	}
	for state, count := range states {
		gauge(membersDesc, float64(count), string(state))
	}
	gauge(queueDesc, float64(n.queue.Len()))
	q := n.queue.Stats()
	for outcome, count := range map[string]uint64{
		"sent": q.Finished, "replaced": q.Replaced, "removed": q.Removed, "evicted": q.Evicted, "stale": q.Stale,
		"too-large": q.Oversize, "full": q.Full,
	} {
		ch <- prometheus.MustNewConstMetric(pushedDesc, prometheus.CounterValue, float64(count), outcome)
	}
	gauge(memberRecordsDesc, float64(len(n.View().Members)))
	kept := 1.0
	if n.Problem() != nil {
		kept = 0
	}
	gauge(keptDesc, kept)
	if c, ok := n.carrier(); ok {
		c.Collect(ch)
	}
	gauge(inboxDesc, float64(n.inbox.bytes.Load()))
}
