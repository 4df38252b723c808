package metrics

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestNamesAndHelp(t *testing.T) {
	m := New("test")
	m.ManifestOps.WithLabelValues("write").Inc()
	m.ManifestErrors.WithLabelValues("write").Inc()
	m.NodeCondition.WithLabelValues("Ready", "True").Set(1)
	m.Events.WithLabelValues("Normal").Inc()
	Set(m.DaemonSets, map[string]int{"Running": 1})
	Set(m.Manifests, map[string]int{"ours": 1})
	Set(m.SpecFiles, map[string]int{"good": 1})
	Set(m.Problems, map[string]int{"error": 1})

	problems, err := testutil.GatherAndLint(m.Registry())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	families, err := m.Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	ours := 0
	for _, f := range families {
		if f.GetHelp() == "" {
			t.Errorf("%s has no help", f.GetName())
		}
		if len(f.GetName()) > 11 && f.GetName()[:11] == "daemonsetd_" {
			ours++
		}
	}
	if ours != 15 {
		t.Errorf("%d families begin with daemonsetd_, want all 15 of them to be gathered", ours)
	}
}

func TestSetDropsWhatIsGone(t *testing.T) {
	m := New("test")
	Set(m.DaemonSets, map[string]int{"Running": 2, "Blocked": 1})
	Set(m.DaemonSets, map[string]int{"Running": 3})
	if diff := cmp.Diff(1, testutil.CollectAndCount(m.DaemonSets)); diff != "" {
		t.Error(diff)
	}
}
