package files

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// losses are what a ledger says, one line each.
func losses(l *Ledger) []string {
	list, more := l.Losses()
	var out []string
	for _, x := range list {
		out = append(out, x.File+" "+x.What)
	}
	if more > 0 {
		out = append(out, fmt.Sprintf("%d more", more))
	}
	return out
}

func wantLosses(t *testing.T, l *Ledger, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, losses(l)); diff != "" {
		t.Errorf("losses (-want +got):\n%s", diff)
	}
}

// TestFaultK16Ledger: a file that is gone is told from one that never was, also after several restarts, until an operator has taken note.
func TestFaultK16Ledger(t *testing.T) {
	dir := t.TempDir()
	now := time.Unix(1_700_000_000, 0)
	names := []string{"a.json", "sub/b.json", "never.json"}
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	open := func() *Ledger { return OpenLedger(dir, now) }
	save := func(l *Ledger) {
		t.Helper()
		if err := l.Save(); err != nil {
			t.Fatal(err)
		}
	}
	l := open()
	l.Note(names...)
	save(l)
	if _, err := os.Lstat(filepath.Join(dir, LedgerName)); err == nil {
		t.Error("a ledger of nothing was written")
	}
	write(t, filepath.Join(dir, "a.json"), "1")
	write(t, filepath.Join(dir, "sub", "b.json"), "1")
	l.Note(names...)
	wantLosses(t, l)
	save(l)
	l = open()
	wantLosses(t, l)
	if err := errors.Join(os.Remove(filepath.Join(dir, "a.json")), os.RemoveAll(filepath.Join(dir, "sub"))); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		l = open()
		l.Note(names...)
		wantLosses(t, l, "a.json is missing", "sub/b.json is missing")
		save(l)
	}
	l.Drop("sub/b.json")
	wantLosses(t, l, "a.json is missing")
	l.Lose(Loss{File: "a.json", What: "is damaged", Since: now})
	wantLosses(t, l, "a.json is damaged")
	l.Acknowledge()
	save(l)
	wantLosses(t, open())
	for i := range MaxLosses + 2 {
		l.Lose(Loss{File: fmt.Sprint(i), What: strings.Repeat("ä", maxLossText), Since: now})
	}
	save(l)
	if got := losses(open()); len(got) != MaxLosses+1 || got[MaxLosses] != "2 more" || len(got[0]) > maxLossText+10 {
		t.Errorf("%d losses, the last %q", len(got), got[len(got)-1])
	}
	write(t, filepath.Join(dir, LedgerName), "{")
	wantLosses(t, open(), "state.json cannot be used (unexpected end of JSON input) and is kept as state.json.bad-1700000000")
}

// TestLedgerRefuses: a ledger that this version does not write is not believed.
func TestLedgerRefuses(t *testing.T) {
	for _, text := range []string{"", "{}", `{"version":2}`, `{"version":1,"files":["../x"]}`, `{"version":1,"files":["/x"]}`, `[]`} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, LedgerName), text)
		if got := losses(OpenLedger(dir, time.Unix(1_700_000_000, 0))); len(got) != 1 || !strings.HasPrefix(got[0], "state.json cannot be used (") {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// TestLedgerLinkIsNoLoss: a link to a disk that is not mounted is not gone.
func TestLedgerLinkIsNoLoss(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("elsewhere", filepath.Join(dir, "a.json")); err != nil {
		t.Fatal(err)
	}
	l := OpenLedger(dir, time.Time{})
	l.Note("a.json")
	if err := l.Save(); err != nil {
		t.Fatal(err)
	}
	wantLosses(t, OpenLedger(dir, time.Time{}))
}

func FuzzLedger(f *testing.F) {
	f.Add([]byte(`{"version":1,"files":["a"],"losses":[{"file":"a","what":"is missing","since":"2026-01-02T03:04:05Z"}],"dropped":1}`))
	f.Add([]byte(`{"version":1,"files":["../a"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		l := &Ledger{dir: t.TempDir(), files: map[string]bool{}}
		if l.decode(data) != nil {
			return
		}
		if list, _ := l.Losses(); len(list) > MaxLosses {
			t.Errorf("%d losses", len(list))
		}
		l.dirty = true
		if err := l.Save(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestLosses: all of them are found in an error, wherever they are joined.
func TestLosses(t *testing.T) {
	a, b := &LostError{Path: "a", Err: errors.New("x")}, &LostError{Path: "b", Aside: "c", Err: errors.New("y")}
	err := fmt.Errorf("start: %w", errors.Join(a, errors.New("else"), fmt.Errorf("more: %w", b)))
	if diff := cmp.Diff([]string{"a", "b"}, func() (out []string) {
		for _, e := range Losses(err) {
			out = append(out, e.Path)
		}
		return out
	}()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if Losses(nil) != nil || Losses(errors.New("none")) != nil {
		t.Error("losses in what is none")
	}
}
