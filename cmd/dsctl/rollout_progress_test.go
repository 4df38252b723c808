package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/apitest"
)

// TestProgress: the bar goes by hosts, and what is left by the pace that was seen; what has not changed is not said again.
func TestProgress(t *testing.T) {
	begin := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	type look struct {
		updated, desired int
		after            time.Duration
		want             string
	}
	for name, tc := range map[string]struct {
		width int
		looks []look
	}{
		"a whole rollout": {100, []look{
			{0, 20, 0, "  [..............................] 0 of 20 updated"},
			{0, 20, 40 * time.Second, ""},
			{1, 20, time.Minute, "  [#.............................] 1 of 20 updated, 60s, about 19m to go"},
			{5, 20, 3 * time.Minute, "  [#######.......................] 5 of 20 updated, 3m, about 9m to go"},
			{20, 20, 8 * time.Minute, "  [##############################] 20 of 20 updated, 8m"},
			{20, 20, 9 * time.Minute, ""},
		}},
		"begun in the middle, on a narrow terminal": {60, []look{
			{10, 20, 0, "  [#####.....] 10 of 20 updated"},
			{12, 20, 4 * time.Minute, "  [######....] 12 of 20 updated, 4m, about 16m to go"},
			{11, 20, 5 * time.Minute, "  [#####.....] 11 of 20 updated, 5m, about 45m to go"},
			{10, 30, 6 * time.Minute, "  [###.......] 10 of 30 updated, 6m"},
		}},
		"over before": {100, []look{{20, 20, 0, ""}}},
		"nowhere":     {100, []look{{0, 0, 0, ""}}},
	} {
		t.Run(name, func(t *testing.T) {
			p := &progress{}
			for _, l := range tc.looks {
				r := &api.Rollout{Counts: api.RolloutCounts{Desired: l.desired, Updated: l.updated}}
				if diff := cmp.Diff(l.want, p.line(r, tc.width, begin.Add(l.after))); diff != "" {
					t.Errorf("%d of %d after %s (-want +got):\n%s", l.updated, l.desired, l.after, diff)
				}
			}
		})
	}
}

// TestProgressIsForTerminals: where the output is kept, and where the rollout is looked at once, there is no bar.
func TestProgressIsForTerminals(t *testing.T) {
	b := rolloutBackend()
	b.RolloutsAnswer.Items = []api.Rollout{haltedRollout()} // which ends the watch
	socket := apitest.Serve(t, b, nil)
	for name, tc := range map[string]struct {
		width int
		args  []string
		want  bool
	}{
		"a terminal": {100, nil, true},
		"a file":     {0, nil, false},
		"one look":   {100, []string{"--watch=false"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"--socket", socket, "rollout", "status", "kube-system/web"}, tc.args...)
			got := invokeWith(t, streams{in: strings.NewReader(""), width: tc.width}, args...)
			if bar := strings.Contains(got.out, "updated\n") && strings.Contains(got.out, "  ["); bar != tc.want {
				t.Errorf("a bar: %v, want %v:\n%s", bar, tc.want, got.out)
			}
		})
	}
}
