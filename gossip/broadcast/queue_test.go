package broadcast

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/gossip/record"
)

const (
	// overhead is what memberlist asks for: compoundOverhead and userMsgOverhead.
	overhead = 3
	// packetRoom is what memberlist has free in a packet of its default size, encrypted, without a label.
	packetRoom = 1400 - 2 - 29
)

// members is a number of members that never changes.
func members(n int) func() int { return func() int { return n } }

func stamp(version uint64) record.Stamp { return record.Stamp{Generation: 1, Version: version} }

// texts gives the messages of one Take as text.
func texts(q *Queue, overhead, limit int) []string {
	var out []string
	for _, msg := range q.Take(overhead, limit) {
		out = append(out, string(msg))
	}
	return out
}

// drain takes until nothing is left and gives how often each message came.
func drain(q *Queue) map[string]int {
	sent := map[string]int{}
	for range 10_000 {
		msgs := texts(q, overhead, packetRoom)
		if len(msgs) == 0 {
			break
		}
		for _, msg := range msgs {
			sent[msg]++
		}
	}
	return sent
}

func TestSends(t *testing.T) {
	for n, want := range map[int]int{-5: 6, 0: 6, 1: 6, 9: 6, 10: 8, 99: 8, 100: 10, 999: 10, 1000: 12, 9999: 12, 10_000: 14, 20_000: 14, 100_000: 16, math.MaxInt: 42} {
		if got := Sends(n); got != want {
			t.Errorf("%d members: %d, want %d", n, got, want)
		}
	}
	// The formula as it is written down, where a float is exact enough.
	for n := 1; n < 200_000; n += 7 {
		if got, want := Sends(n), 2*int(math.Ceil(math.Log10(float64(n+1))))+4; got != want {
			t.Fatalf("%d members: %d, want %d", n, got, want)
		}
	}
}

// TestOrder: own ones first, then the least sent, then those that wait longest.
func TestOrder(t *testing.T) {
	me, other := record.ID{1}, record.ID{2}
	q := New(Config{Self: me, Members: members(10)}) // 8 sends
	q.Push(other, "a", stamp(1), []byte("other a"))
	q.Push(other, "b", stamp(1), []byte("other b"))
	one := overhead + len("other a")
	check := func(limit int, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, texts(q, overhead, limit)); diff != "" {
			t.Errorf("order (-want +got):\n%s", diff)
		}
	}
	check(one, "other a")
	check(one, "other b")
	check(one, "other a")
	q.Push(other, "c", stamp(1), []byte("other c"))
	q.Push(me, "a", stamp(1), []byte("mine  a"))
	check(2*one, "mine  a", "other c")
	check(3*one, "mine  a", "other b", "other c")
	check(9*one, "mine  a", "other a", "other b", "other c")
	for range 5 {
		check(one, "mine  a")
	}
	// The last of mine is sent, and other a, b, c have 3 each.
	q.Push(other, "b", stamp(2), []byte("other B"))
	for range 5 {
		check(9*one, "other B", "other a", "other c")
	}
	check(9*one, "other B")
	if got := q.Len(); got != 1 {
		t.Errorf("%d slots, want 1", got)
	}
}

// TestReplacedKeepsItsPlace: what was not sent yet stays where it waits, what was sent waits anew.
func TestReplacedKeepsItsPlace(t *testing.T) {
	q := New(Config{Members: members(10)})
	ids := []record.ID{{1}, {2}, {3}}
	for i, id := range ids {
		q.Push(id, "s", stamp(1), []byte{byte('a' + i)})
	}
	q.Push(ids[0], "s", stamp(2), []byte("A"))
	if diff := cmp.Diff([]string{"A"}, texts(q, overhead, 4)); diff != "" {
		t.Errorf("not sent yet (-want +got):\n%s", diff)
	}
	q.Push(ids[0], "s", stamp(3), []byte("1"))
	if diff := cmp.Diff([]string{"b", "c", "1"}, texts(q, overhead, 100)); diff != "" {
		t.Errorf("sent once (-want +got):\n%s", diff)
	}
}

func TestPushRefuses(t *testing.T) {
	q := New(Config{Members: members(10), MaxMessage: 10})
	id := record.ID{1}
	push := func(version uint64, msg string, want bool) {
		t.Helper()
		if got := q.Push(id, "s", stamp(version), []byte(msg)); got != want {
			t.Errorf("push of %q: %v, want %v", msg, got, want)
		}
	}
	push(5, "five", true)
	push(5, "again", false)
	push(4, "older", false)
	push(6, "elevenbytes", false)
	push(6, "ten bytes!", true)
	if diff := cmp.Diff(map[string]int{"ten bytes!": 8}, drain(q)); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Stats{Sent: 8, Accepted: 2, Replaced: 1, Finished: 1, Stale: 2, Oversize: 1}, q.Stats()); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
}

// TestFull: what was sent most gives way to what is new; what was not sent at all gives way to own records alone.
func TestFull(t *testing.T) {
	me := record.ID{99}
	q := New(Config{Self: me, Members: members(10), MaxSlots: 3})
	push := func(id record.ID, msg string, want bool) {
		t.Helper()
		if got := q.Push(id, "s", stamp(1), []byte(msg)); got != want {
			t.Errorf("push of %q: %v, want %v", msg, got, want)
		}
	}
	push(record.ID{1}, "1", true)
	push(record.ID{2}, "2", true)
	push(record.ID{3}, "3", true)
	push(record.ID{4}, "4", false)
	if q.Push(record.ID{1}, "s", stamp(2), []byte("one")); q.Len() != 3 {
		t.Error("a newer one of a slot needs another")
	}
	texts(q, overhead, 2*4+2) // one and 2
	push(record.ID{4}, "4", true)
	push(record.ID{5}, "5", true)
	push(record.ID{6}, "6", false)
	push(me, "mine", true)
	if diff := cmp.Diff(map[string]int{"mine": 8, "3": 8, "4": 8}, drain(q)); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
	if got := q.Stats(); got.Evicted != 3 || got.Full != 2 {
		t.Errorf("%d evicted and %d refused, want 3 and 2", got.Evicted, got.Full)
	}

	own := New(Config{Self: me, MaxSlots: 1})
	own.Push(me, "a", stamp(1), []byte("a"))
	if own.Push(me, "b", stamp(1), []byte("b")) || own.Push(record.ID{1}, "b", stamp(1), []byte("b")) {
		t.Error("an own record was driven out")
	}
}

// TestTakeFits: what is given fits to the byte; what does not fit is left and the next that fits is taken.
func TestTakeFits(t *testing.T) {
	q := New(Config{Members: members(10)})
	for i, n := range []int{50, 100, 20, 30} {
		q.Push(record.ID{byte(i + 1)}, "s", stamp(1), []byte(strings.Repeat("x", n)))
	}
	lengths := func(limit int) []int {
		var out []int
		for _, msg := range q.Take(overhead, limit) {
			out = append(out, len(msg))
		}
		return out
	}
	tests := []struct {
		limit int
		want  []int
	}{
		{22, nil},
		{0, nil},
		{-1, nil},
		{overhead, nil},
		{23, []int{20}}, // the first that fits, though two stand before it
		{50 + 100 + 2*overhead - 1, []int{50, 30, 20}}, // one byte too few for the second
		{50 + 100 + 2*overhead, []int{100, 50}},        // to the byte; 100 had not been sent
		{200 + 4*overhead - 1, []int{30, 100, 20}},     // one byte too few for the last
		{200 + 4*overhead, []int{50, 30, 100, 20}},     // everything, to the byte
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, lengths(tt.limit)); diff != "" {
			t.Errorf("limit %d (-want +got):\n%s", tt.limit, diff)
		}
	}
}

// TestLargeIsNotStarved: a message as long as a packet can hold goes its number of times although each packet has a new
// small one, which nobody was sent yet and which is better by that.
func TestLargeIsNotStarved(t *testing.T) {
	q := New(Config{Members: members(10)})
	large := strings.Repeat("x", packetRoom-overhead)
	if !q.Push(record.ID{1}, "large", stamp(1), []byte(large)) {
		t.Fatal("refused")
	}
	sent := 0
	for i := range 72 {
		q.Push(record.ID{2}, fmt.Sprint(i), stamp(1), []byte("small"))
		for _, msg := range texts(q, overhead, packetRoom) {
			if msg == large {
				sent++
			}
		}
	}
	if sent != Sends(10) {
		t.Errorf("sent %d times, want %d", sent, Sends(10))
	}
}

// TestTakeIsBounded: one packet has no more messages than memberlist can count.
func TestTakeIsBounded(t *testing.T) {
	q := New(Config{Members: members(10)})
	for i := range 1000 {
		q.Push(record.ID{byte(i), byte(i >> 8), 1}, "s", stamp(1), nil)
	}
	if got := len(q.Take(overhead, 1<<16)); got != maxMessages {
		t.Errorf("%d messages, want %d", got, maxMessages)
	}
}

func TestRemove(t *testing.T) {
	q := New(Config{Members: members(10)})
	for _, section := range []string{"a", "b"} {
		q.Push(record.ID{1}, section, stamp(1), []byte("gone "+section))
		q.Push(record.ID{2}, section, stamp(1), []byte("stays "+section))
	}
	texts(q, overhead, 2*(overhead+len("stays a"))) // so that they are not all in one tier
	q.Remove(record.ID{1})
	q.Remove(record.ID{3})
	got := drain(q)
	if len(got) != 2 || got["stays a"] == 0 || got["stays b"] == 0 {
		t.Errorf("sent %v, want what stays", got)
	}
	if got := q.Stats().Removed; got != 2 {
		t.Errorf("%d removed, want 2", got)
	}
	// Nothing is remembered of it.
	if !q.Push(record.ID{1}, "a", stamp(1), []byte("back")) {
		t.Error("refused afterwards")
	}
}

// TestMembersChange: the number of members counts as it is when messages are taken.
func TestMembersChange(t *testing.T) {
	var n atomic.Int64
	n.Store(1)
	q := New(Config{Members: func() int { return int(n.Load()) }})
	q.Push(record.ID{1}, "s", stamp(1), []byte("x"))
	texts(q, overhead, 100)
	n.Store(1000)
	if got := drain(q)["x"]; got != 11 {
		t.Errorf("sent %d times more with 1000 members, want 11", got)
	}
	q.Push(record.ID{1}, "s", stamp(2), []byte("y"))
	for range 9 {
		texts(q, overhead, 100)
	}
	n.Store(10)
	if got := texts(q, overhead, 100); got != nil || q.Len() != 0 {
		t.Errorf("sent %q, though 8 times are enough for 10 members", got)
	}
	if got := q.Stats(); got.Finished != 2 || got.Accepted != 2 {
		t.Errorf("%d of %d finished", got.Finished, got.Accepted)
	}
}

// TestMembersMayWait: Members is called without the lock, so that it may ask somebody who pushes just then.
func TestMembersMayWait(t *testing.T) {
	var q *Queue
	q = New(Config{Members: func() int {
		q.Push(record.ID{1}, "s", stamp(1), []byte("pushed meanwhile"))
		return 10
	}})
	if diff := cmp.Diff([]string{"pushed meanwhile"}, texts(q, overhead, 100)); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
}

// TestTogether lets several goroutines work on one queue, for the race detector; the books must balance afterwards.
func TestTogether(t *testing.T) {
	q := New(Config{Members: members(100), MaxSlots: 50})
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range uint64(2000) {
				q.Push(record.ID{byte(g), byte(i % 40)}, "s", stamp(i), make([]byte, i%200))
			}
		})
		wg.Go(func() {
			for range 500 {
				q.Take(overhead, packetRoom)
				q.Remove(record.ID{byte(g), 1})
				q.Len()
			}
		})
	}
	wg.Wait()
	drain(q)
	checkBooks(t, q.Stats())
}

// checkBooks holds the sum that Stats promises.
func checkBooks(t interface {
	Helper()
	Fatalf(string, ...any)
}, s Stats,
) {
	t.Helper()
	if left := uint64(s.Queued) + s.Replaced + s.Evicted + s.Removed + s.Finished; s.Accepted != left {
		t.Fatalf("%d messages were taken, %d are accounted for: %+v", s.Accepted, left, s)
	}
}
