//go:build parity

package parity

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/test/parity/seen"
)

// TestParity: what a container sees under daemonsetd is what it sees in a cluster, but for what the table says; before and after
// the objects change.
func TestParity(t *testing.T) {
	programs := buildPrograms(t)
	var want, got seenBy
	// One after the other: both hosts use the machine's network.
	if !t.Run("Cluster", func(t *testing.T) { want = cluster(programs).run(t, programs) }) ||
		!t.Run("Alone", func(t *testing.T) { got = alone(programs).run(t, programs) }) {
		t.Fatal("there is nothing to compare")
	}
	needed := usage{"": true}
	t.Run("First", func(t *testing.T) { compareAll(t, want.first, got.first, needed) })
	t.Run("Updated", func(t *testing.T) { compareAll(t, want.updated, got.updated, needed) })
	for _, d := range differences {
		if !d.chance && (!needed[d.cluster] || !needed[d.alone]) {
			t.Errorf("the difference %q is in the table, and no container sees it", d.what)
		}
	}
}

// usage has the patterns of the table that matched something, and "", which needs not.
type usage map[string]bool

func compareAll(t *testing.T, want, got reports, needed usage) {
	t.Helper()
	for _, key := range slices.Sorted(maps.Keys(want)) {
		t.Run(key, func(t *testing.T) { compare(t, key, want[key], got[key], needed) })
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("other containers (-cluster +alone):\n%s", diff)
	}
}

func compare(t *testing.T, key string, want, got seen.Report, needed usage) {
	t.Helper()
	wantLines, gotLines := lines(want), lines(got)
	if len(wantLines) < 5 {
		t.Fatalf("the container saw next to nothing: %q", wantLines)
	}
	var cluster, alone []string
	for _, line := range without(wantLines, gotLines) {
		if !documented(key, line, needed, func(d difference) string { return d.cluster }) {
			cluster = append(cluster, line)
		}
	}
	for _, line := range without(gotLines, wantLines) {
		if !documented(key, line, needed, func(d difference) string { return d.alone }) {
			alone = append(alone, line)
		}
	}
	if len(cluster)+len(alone) > 0 {
		t.Errorf("differs:\nin the cluster:\n  %s\nunder daemonsetd:\n  %s", strings.Join(cluster, "\n  "), strings.Join(alone, "\n  "))
	}
}

// without gives what is in list and not in other.
func without(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(line string) bool { return slices.Contains(other, line) })
}

func documented(key, line string, needed usage, pattern func(difference) string) bool {
	for _, d := range differences {
		p := pattern(d)
		if p != "" && regexp.MustCompile(d.where).MatchString(key) && regexp.MustCompile(p).MatchString(line) {
			needed[p] = true
			return true
		}
	}
	return false
}

// version is the directory of the files that are current, named by the time.
var version = regexp.MustCompile(`\.\.\d{4}_\d\d_\d\d_\d\d_\d\d_\d\d\.\d+`)

// lines is a report as text, one line for each thing.
func lines(r seen.Report) []string {
	out := []string{
		fmt.Sprintf("hostname %q", r.Hostname), fmt.Sprintf("args %q", r.Args),
		fmt.Sprintf("user %d group %d groups %v", r.UID, r.GID, r.Groups),
	}
	for _, e := range r.Env {
		out = append(out, fmt.Sprintf("env %q", e))
	}
	for _, m := range r.Mounts {
		out = append(out, fmt.Sprintf("mount %s readonly=%t memory=%t", m.Path, m.ReadOnly, m.Memory))
	}
	for _, e := range r.Entries {
		line := fmt.Sprintf("%s %s %04o %d:%d", e.Type, e.Path, e.Mode, e.UID, e.GID)
		switch {
		case e.Type == "link":
			line += fmt.Sprintf(" to %s, which is %s", e.Target, e.Leads)
		case e.Text != "":
			line += fmt.Sprintf(" %q", e.Text)
		case e.Type == "file":
			line += fmt.Sprintf(" %d bytes, sha256 %q", e.Size, e.SHA256)
		}
		if e.Denied {
			line += " denied"
		}
		out = append(out, version.ReplaceAllString(line, "..VERSION"))
	}
	return out
}
