package api

import (
	"maps"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// counters count what the server did.
type counters struct {
	rejected atomic.Uint64
	mu       sync.Mutex
	requests map[int]uint64
}

func (c *counters) request(status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.requests == nil {
		c.requests = make(map[int]uint64)
	}
	c.requests[status]++
}

// snapshot copies the counts by status.
func (c *counters) snapshot() map[int]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.requests)
}

var (
	descRequests = prometheus.NewDesc("daemonsetd_api_requests_total",
		"Requests answered on the API socket, by HTTP status.", []string{"code"}, nil)
	descRejected = prometheus.NewDesc("daemonsetd_api_rejected_total",
		"Connections and watches refused because there were too many.", nil, nil)
	descWatches = prometheus.NewDesc("daemonsetd_api_watches",
		"Watches being served.", nil, nil)
	descGone = prometheus.NewDesc("daemonsetd_api_watchers_gone_total",
		"Watches that asked for a resource version that is not in the history.", nil, nil)
	descObjects = prometheus.NewDesc("daemonsetd_api_objects",
		"Objects that the API lists, by resource.", []string{"resource"}, nil)
	descEventsDropped = prometheus.NewDesc("daemonsetd_events_dropped_total",
		"Events dropped to keep to the limit of the ring.", nil, nil)
)

// Describe implements prometheus.Collector.
func (s *Server) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descRequests, descRejected, descWatches, descGone, descObjects, descEventsDropped,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector: the agent registers the server with its metrics.
func (s *Server) Collect(ch chan<- prometheus.Metric) {
	count := func(d *prometheus.Desc, n uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	for status, n := range s.counts.snapshot() {
		count(descRequests, n, strconv.Itoa(status))
	}
	stats := s.cfg.Backend.Registry().Stats()
	count(descRejected, s.counts.rejected.Load())
	count(descGone, stats.WatchersGone)
	count(descEventsDropped, stats.EventsDropped)
	ch <- prometheus.MustNewConstMetric(descWatches, prometheus.GaugeValue, float64(len(s.watches)))
	for res, n := range stats.Objects {
		ch <- prometheus.MustNewConstMetric(descObjects, prometheus.GaugeValue, float64(n), string(res))
	}
}

// MetricsHandler is what the agent serves on TCP when it is told to: /metrics and /healthz, and nothing else.
func MetricsHandler(b Backend) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if err := serveTCP(w, r, b); err != nil {
			writeProblem(w, err)
		}
	})
}

func serveTCP(w http.ResponseWriter, r *http.Request, b Backend) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		return Errorf(CodeMethod, "%s is not served here", r.Method)
	}
	switch r.URL.Path {
	case "/metrics":
		b.Metrics().ServeHTTP(w, r)
		return nil
	case "/healthz":
		return healthz(w, r, b)
	default:
		return Errorf(CodeNotFound, "there is nothing at %q", r.URL.Path)
	}
}
