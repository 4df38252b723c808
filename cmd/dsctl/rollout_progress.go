package main

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

// Cells of the bar on a wide terminal, and on one that is too narrow for those and the words behind them.
const (
	barCells    = 30
	narrowCells = 10
	barWords    = 60
)

// progress is what a terminal shows of a rollout's way while somebody watches it.
type progress struct {
	// begun is when the watch began, and first how many hosts had the new pod then. Nobody has the rollout's own beginning
	// on record, so that the pace is the one that was seen.
	begun time.Time
	first int
	last  string
}

// line is the bar with its counts, the time since the watch began, and the time that the rest takes at the pace so far.
// It is empty where the counts are as they were, where nothing rolls out, and where the watch began with the last host.
func (p *progress) line(r *api.Rollout, width int, now time.Time) string {
	done, all := min(r.Counts.Updated, r.Counts.Desired), r.Counts.Desired
	if all == 0 || p.begun.IsZero() && done == all {
		return ""
	}
	if p.begun.IsZero() {
		p.begun, p.first = now, done
	}
	cells := barCells
	if width < barCells+barWords {
		cells = narrowCells
	}
	full := cells * done / all
	counts := fmt.Sprintf("[%s%s] %d of %d updated", strings.Repeat("#", full), strings.Repeat(".", cells-full), done, all)
	if counts == p.last {
		return ""
	}
	p.last = counts
	passed := now.Sub(p.begun)
	if passed < time.Second {
		return "  " + counts
	}
	text := "  " + counts + ", " + duration.HumanDuration(passed)
	if gained := done - p.first; gained > 0 && done < all {
		left := passed / time.Duration(gained) * time.Duration(all-done)
		text += ", about " + duration.HumanDuration(left) + " to go"
	}
	return text
}
