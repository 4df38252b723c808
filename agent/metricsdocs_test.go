package agent

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/daemonsetd/daemonsetd/gossip/keyring"
	"github.com/daemonsetd/daemonsetd/gossip/transport"
)

var (
	descName = regexp.MustCompile(`fqName: "([^"]+)", help: "((?:[^"\\]|\\.)*)".*variableLabels: \{([^}]*)\}`)
	docsRow  = regexp.MustCompile("(?m)^\\| `([a-z0-9_]+)` \\| ([^|]*) \\| (.*) \\|$")
)

// metricRows are the rows of docs/reference/metrics.md that the registry of a member of a fleet stands for, with the transport's, which
// the simulated network has not.
func metricRows(t *testing.T, r *prometheus.Registry) (rows []string) {
	t.Helper()
	ch := make(chan *prometheus.Desc, 1000)
	r.Describe(ch)
	(*transport.Transport)(nil).Describe(ch)
	close(ch)
	for d := range ch {
		m := descName.FindStringSubmatch(d.String())
		if m == nil {
			t.Fatalf("%s: this test no longer knows how a description is written", d)
		}
		if strings.HasPrefix(m[1], "go_") || strings.HasPrefix(m[1], "process_") {
			continue
		}
		labels := strings.ReplaceAll(m[3], ",", ", ")
		rows = append(rows, "| `"+m[1]+"` | "+labels+" | "+strings.ReplaceAll(m[2], `\"`, `"`)+" |")
	}
	slices.Sort(rows)
	return rows
}

// TestMetricsDocs: docs/reference/metrics.md has every metric with its labels and its help, and no other.
func TestMetricsDocs(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newMember(t, network(), "a", 1, keyring.Generate())
		b.run()
		b.eventually("gossip to be on", func() bool { return b.gossip().ID != "" })
		want := metricRows(t, b.agent.metrics.Registry())
		docs, err := os.ReadFile("../docs/reference/metrics.md")
		if err != nil {
			t.Fatal(err)
		}
		got := docsRow.FindAllString(string(docs), -1)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("docs/reference/metrics.md differs from the registry (-registry +docs):\n%s\nthe table is:\n%s", diff, strings.Join(want, "\n"))
		}
		// Whatever the alerts and the dashboard ask for is there.
		for _, file := range []string{"alerts.yaml", "alerts.test.yaml", "dashboard.json"} {
			data, err := os.ReadFile("../packaging/monitoring/" + file)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range regexp.MustCompile(`\b(daemonsetd|kube)_[a-z0-9_]+`).FindAllString(string(data), -1) {
				base := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count")
				if !strings.Contains(string(docs), "`"+name+"`") && !strings.Contains(string(docs), "`"+base+"`") {
					t.Errorf("packaging/monitoring/%s asks for %s, which no agent has", file, name)
				}
			}
		}
	})
}

// TestFaultO6: a start that read its configuration counts as a reload that did.
func TestFaultO6(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newMember(t, network(), "a", 1, keyring.Generate())
		b.run()
		got := b.get("/metrics")
		if !strings.Contains(got, "\ndaemonsetd_config_last_reload_successful 1\n") || strings.Contains(got, "\ndaemonsetd_config_last_reload_success_timestamp_seconds 0\n") {
			t.Errorf("after a start:\n%s", got)
		}
	})
}
