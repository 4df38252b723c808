package host

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Span is a time with a beginning and an end; End is zero while it lasts.
type Span struct{ Start, End time.Time }

// Overlaps reports whether there was a moment in both.
func (s Span) Overlaps(o Span) bool {
	return (o.End.IsZero() || s.Start.Before(o.End)) && (s.End.IsZero() || o.Start.Before(s.End))
}

// syncLoop matches what the kubelet logs, at -v=2, when a readiness probe has another answer than before, and when a
// manifest is gone.
var syncLoop = regexp.MustCompile(`^I(\d{4} \d\d:\d\d:\d\d\.\d{6}) .*"SyncLoop ` +
	`(?:\(probe\)" probe="readiness" status="([^"]*)" pod="([^"]*)"|REMOVE" source="file" pods=\[([^\]]*)\])`)

// Ready gives, from the kubelet's log after mark, when each pod was ready whose name (namespace/name) begins with
// prefix: from the probe that said so until another one did not, or until the manifest was gone. They are in order of
// start.
func (h *Host) Ready(prefix string, mark int64) ([]Span, error) {
	data, err := os.ReadFile(h.KubeletLog)
	if err != nil {
		return nil, err
	}
	spans := map[string][]Span{}
	for line := range strings.Lines(string(data[mark:])) {
		m := syncLoop.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		at, err := time.ParseInLocation("20060102 15:04:05.000000", fmt.Sprint(time.Now().Year())+m[1], time.Local)
		if err != nil {
			return nil, err
		}
		for pod := range strings.FieldsSeq(strings.NewReplacer(`"`, "", ",", " ").Replace(m[3] + m[4])) {
			if strings.HasPrefix(pod, prefix) {
				spans[pod] = turn(spans[pod], m[2] == "ready", at)
			}
		}
	}
	var all []Span
	for _, of := range spans {
		all = append(all, of...)
	}
	slices.SortFunc(all, func(a, b Span) int { return a.Start.Compare(b.Start) })
	return all, nil
}

// turn notes that one pod is ready, or is not any more.
func turn(spans []Span, ready bool, at time.Time) []Span {
	open := len(spans) > 0 && spans[len(spans)-1].End.IsZero()
	switch {
	case ready && !open:
		spans = append(spans, Span{Start: at})
	case !ready && open:
		spans[len(spans)-1].End = at
	}
	return spans
}

// Gaps gives the times between spans, which are in order of start, in which there was none. One that has not ended has
// no end.
func Gaps(spans []Span) []Span {
	var gaps []Span
	var end time.Time
	for i, s := range spans {
		if i > 0 && s.Start.After(end) && !end.IsZero() {
			gaps = append(gaps, Span{end, s.Start})
		}
		if s.End.IsZero() {
			return gaps
		}
		if s.End.After(end) {
			end = s.End
		}
	}
	if !end.IsZero() {
		gaps = append(gaps, Span{Start: end})
	}
	return gaps
}
