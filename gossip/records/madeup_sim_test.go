//go:build sim

package records

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// TestMadeUpFigures prints what a host holds in memory and on disk after 100,000 identities that somebody made up, each with a profile and a
// record of 2 KiB, in ten minutes: with a members file, without one, and after `dsctl forget --never-seen`.
func TestMadeUpFigures(t *testing.T) {
	const many, minutes = 100_000, 10
	for name, file := range map[string]bool{"with a members file": true, "without one": false} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				self, real := newHost(1<<30), newHost(1<<30+1)
				table := openAs(t, self, dir)
				put(t, table, self.profile(t, table.NextStamp(SectionMember), "self"))
				if file {
					setRoster(t, table, &Roster{Members: []RosterMember{{Name: "self", Key: self.public}, {Name: "real", Key: real.public}}})
				}
				offer(t, table, real.profile(t, at(now(), 1), "real"), Newer)
				table.Seen(real.id)
				figures(t, table, "before")
				for n := range many {
					h := newHost(n)
					table.Offer(h.profile(t, at(now(), 1), fmt.Sprint("made-up-", n)).Encoded)
					table.Offer(h.sign(t, "node", at(now(), 1), strings.Repeat("x", 2048)).Encoded)
					time.Sleep(minutes * time.Minute / many)
				}
				time.Sleep(5 * time.Second)
				figures(t, table, "after 100,000")
				var ids []record.ID
				for _, m := range table.View().Members {
					if !m.Seen && !m.ID.IsZero() {
						ids = append(ids, m.ID)
					}
				}
				if err := table.ForgetAll(ids); err != nil {
					t.Error(err)
				}
				time.Sleep(5 * time.Second)
				figures(t, table, "after forgetting")
				offer(t, table, real.sign(t, "node", at(now(), 1), "still heard"), Newer)
				mustClose(t, table)
			})
		})
	}
}

func figures(t *testing.T, table *Table, when string) {
	t.Helper()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	rss := ""
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		for line := range bytes.Lines(status) {
			if bytes.HasPrefix(line, []byte("VmRSS:")) {
				rss = strings.Join(strings.Fields(string(line))[1:], " ")
			}
		}
	}
	s := table.Stats()
	t.Logf("%s: %d members, heap %.1f MiB, RSS of this test %s, members.log %.1f MiB", when, s.Members, float64(m.HeapAlloc)/(1<<20), rss, float64(s.LogBytes)/(1<<20))
}
