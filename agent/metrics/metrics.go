// Package metrics holds the agent's Prometheus metrics. No label takes a value from outside that is not bounded.
package metrics

import (
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics is every metric of one agent, in a registry of its own.
type Metrics struct {
	registry *prometheus.Registry

	// Reconciles counts rounds of the loop; ReconcileSeconds is how long one takes.
	Reconciles       prometheus.Counter
	ReconcileSeconds prometheus.Histogram
	// ManifestOps and ManifestErrors count changes of the kubelet's directory by op: write, restore, remove, and
	// pull and end-pull for pods that only pull images.
	ManifestOps    *prometheus.CounterVec
	ManifestErrors *prometheus.CounterVec
	// PrePulls counts pulls of images before an old pod stops, by result: pulled; failing, when an image cannot be pulled
	// for the first time; refused, the kubelet does not run the pod that pulls; dropped, nobody waits for it any more.
	PrePulls *prometheus.CounterVec
	// Manifests is how many files stand there, by state: ours, drifted, foreign.
	Manifests *prometheus.GaugeVec
	// DaemonSets is how many there are, by phase.
	DaemonSets *prometheus.GaugeVec
	// SpecFiles is how many spec files there are, by state: good, bad, pending.
	SpecFiles *prometheus.GaugeVec
	// Problems is how many findings the files in effect have, by severity.
	Problems *prometheus.GaugeVec
	// KubeletUp is 1 while the kubelet's health endpoint says ok.
	KubeletUp prometheus.Gauge
	// NodeCondition is 1 for the status that the condition has.
	NodeCondition *prometheus.GaugeVec
	// Events counts events by type: Normal, Warning.
	Events *prometheus.CounterVec
	// ReloadSuccessful is 1 when the last reload found every file good; ReloadTimestamp is when that last was so.
	ReloadSuccessful prometheus.Gauge
	ReloadTimestamp  prometheus.Gauge
	// FirstManifestSeconds is how long after the start of the process the first manifest was written.
	FirstManifestSeconds prometheus.Gauge
}

// New registers the metrics of an agent of the given version.
func New(version string) *Metrics {
	m := &Metrics{
		registry:   prometheus.NewRegistry(),
		Reconciles: counter("daemonsetd_reconciles_total", "Rounds of the reconcile loop."),
		ReconcileSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "daemonsetd_reconcile_duration_seconds",
			Help: "Time that one round of the reconcile loop takes.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}),
		ManifestOps: counterVec("daemonsetd_manifest_operations_total",
			"Changes made in the kubelet's directory, by operation.", "op"),
		ManifestErrors: counterVec("daemonsetd_manifest_errors_total",
			"Changes of the kubelet's directory that failed, by operation.", "op"),
		PrePulls: counterVec("daemonsetd_pre_pulls_total",
			"Pulls of images before the old pod stops: pulled, failing (the old pod stays), refused, dropped.", "result"),
		Manifests: gaugeVec("daemonsetd_manifests",
			"Files in the kubelet's directory: ours, drifted (ours, edited by hand), foreign.", "state"),
		DaemonSets: gaugeVec("daemonsetd_daemonsets", "DaemonSets by their phase on this node.", "phase"),
		SpecFiles: gaugeVec("daemonsetd_spec_files", "Spec files: good, bad, pending (still being written).",
			"state"),
		Problems: gaugeVec("daemonsetd_spec_problems", "Findings in spec and node files, by severity.",
			"severity"),
		KubeletUp: gauge("daemonsetd_kubelet_up", "1 while the kubelet's health endpoint says ok."),
		NodeCondition: gaugeVec("daemonsetd_node_condition", "1 for the status that a node condition has.",
			"condition", "status"),
		Events: counterVec("daemonsetd_events_total", "Events recorded, by type.", "type"),
		ReloadSuccessful: gauge("daemonsetd_config_last_reload_successful",
			"1 when the last start or reload found every file good."),
		ReloadTimestamp: gauge("daemonsetd_config_last_reload_success_timestamp_seconds",
			"When a start or reload last found every file good."),
		FirstManifestSeconds: gauge("daemonsetd_first_manifest_seconds",
			"Time from the start of the process to the first manifest written; 0 before."),
	}
	info := gaugeVec("daemonsetd_build_info", "Always 1; the labels say what runs.", "version", "goversion")
	info.WithLabelValues(version, runtime.Version()).Set(1)
	m.registry.MustRegister(info, m.Reconciles, m.ReconcileSeconds, m.ManifestOps, m.ManifestErrors, m.PrePulls,
		m.Manifests, m.DaemonSets,
		m.SpecFiles, m.Problems, m.KubeletUp, m.NodeCondition, m.Events, m.ReloadSuccessful, m.ReloadTimestamp,
		m.FirstManifestSeconds,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Registry is where other packages' collectors are added.
func (m *Metrics) Registry() *prometheus.Registry { return m.registry }

// Handler serves them.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// Set replaces the values of a gauge with one label, so that a value that is gone does not stay.
func Set(g *prometheus.GaugeVec, values map[string]int) {
	g.Reset()
	for label, n := range values {
		g.WithLabelValues(label).Set(float64(n))
	}
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
}

func counterVec(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func gaugeVec(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
}
