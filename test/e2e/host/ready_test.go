package host

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReady(t *testing.T) {
	log := filepath.Join(t.TempDir(), "kubelet.log")
	text := `I1124 11:00:01.000000     7 kubelet.go:2685] "SyncLoop (probe)" probe="readiness" status="" pod="e2e/web-a-edge-01"
I1124 11:00:02.000000     7 kubelet.go:2685] "SyncLoop (probe)" probe="readiness" status="ready" pod="e2e/web-a-edge-01"
I1124 11:00:02.500000     7 kubelet.go:2685] "SyncLoop (probe)" probe="readiness" status="ready" pod="e2e/other-edge-01"
I1124 11:00:03.000000     7 kubelet.go:2589] "SyncLoop REMOVE" source="file" pods=["e2e/other-edge-01","e2e/web-a-edge-01"]
I1124 11:00:05.250000     7 kubelet.go:2685] "SyncLoop (probe)" probe="readiness" status="ready" pod="e2e/web-b-edge-01"
I1124 11:00:06.000000     7 kubelet.go:2685] "SyncLoop (probe)" probe="readiness" status="not ready" pod="e2e/web-b-edge-01"
`
	if err := os.WriteFile(log, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	at := func(s, ms int) time.Time {
		return time.Date(time.Now().Year(), 11, 24, 11, 0, s, ms*1e6, time.Local)
	}
	spans, err := (&Host{KubeletLog: log}).Ready("e2e/web-", 0)
	want := []Span{{at(2, 0), at(3, 0)}, {at(5, 250), at(6, 0)}}
	if diff := cmp.Diff(want, spans); err != nil || diff != "" {
		t.Errorf("ready (-want +got): %v\n%s", err, diff)
	}
	if diff := cmp.Diff([]Span{{at(3, 0), at(5, 250)}, {Start: at(6, 0)}}, Gaps(spans)); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
	if gaps := Gaps([]Span{{at(1, 0), at(4, 0)}, {at(3, 0), at(3, 500)}, {Start: at(4, 0)}}); gaps != nil {
		t.Errorf("want no gap where one pod was ready before the other ended, got %v", gaps)
	}
}
