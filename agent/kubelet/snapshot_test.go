package kubelet

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"
)

func named(names ...string) (pods []corev1.Pod) {
	for _, n := range names {
		pods = append(pods, corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: n, UID: types.UID("uid-" + n)}})
	}
	return pods
}

// listing is one pair of lists, asked for at seconds after the start.
type listing struct {
	at            float64
	pods, running string
}

func TestGone(t *testing.T) {
	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(seconds float64) time.Time { return base.Add(time.Duration(seconds * float64(time.Second))) }
	unreachable := &Error{State: Unreachable}
	for _, tc := range []struct {
		name     string
		lists    []listing
		removed  float64
		change   func(*Snapshot)
		want     bool
		because  string
		mistaken string
	}{
		{name: "never asked", removed: 1, because: "has not been asked since"},
		{name: "asked before the removal", lists: []listing{{1, "a", "a"}}, removed: 2, because: "has not been asked since"},
		{name: "still listed", lists: []listing{{1, "a", "a"}, {3, "a", "a"}}, removed: 2, because: "not noticed"},
		{name: "stopping", lists: []listing{{1, "a", "a"}, {3, "", "a"}}, removed: 2, because: "stopping"},
		{name: "stopped", lists: []listing{{1, "a", "a"}, {3, "", "a"}, {4, "", ""}}, removed: 2, want: true},
		{name: "stopped at the first look", lists: []listing{{1, "a", "a"}, {2.1, "", ""}}, removed: 2, want: true},
		{name: "another pod still runs", lists: []listing{{1, "a,b", "a,b"}, {3, "b", "b"}}, removed: 2, want: true},
		{name: "never seen to run", lists: []listing{{1, "a", ""}, {2.1, "", ""}}, removed: 2, because: "up to 3s old"},
		{name: "never seen to run, and long enough", lists: []listing{{1, "a", ""}, {5, "", ""}}, removed: 2, want: true},
		{name: "ended before the removal", lists: []listing{{0.2, "a", "a"}, {1, "a", ""}, {2.1, "", ""}}, removed: 2, because: "up to 3s old"},
		{name: "ran an hour ago", lists: []listing{{0, "a", "a"}, {1, "", ""}, {3600, "a", ""}, {3601.1, "", ""}}, removed: 3601, because: "up to 3s old"},
		{name: "pods cannot be asked for", lists: []listing{{1, "a", "a"}, {9, "", ""}}, removed: 2, change: func(s *Snapshot) { s.Pods = s.Pods.Failed(unreachable) }, because: "Unreachable"},
		{name: "running pods cannot be asked for", lists: []listing{{1, "a", "a"}, {9, "", ""}}, removed: 2, change: func(s *Snapshot) { s.Running = s.Running.Failed(unreachable) }, because: "Unreachable"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &Snapshot{Node: "node-1"}
			for _, l := range tc.lists {
				s.Pods = Answered(named(split(l.pods)...), at(l.at))
				s.Running = Answered(named(split(l.running)...), at(l.at))
				s.seen = sight(s.seen, s.Running.Last(), s.Running.At())
			}
			if tc.change != nil {
				tc.change(s)
			}
			got, because := s.Gone("x", "a", at(tc.removed))
			if got != tc.want || !strings.Contains(because, tc.because) || got != (because == "") {
				t.Errorf("Gone = %t, %q; want %t, %q", got, because, tc.want, tc.because)
			}
		})
	}
}

func split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

// TestGoneIsTrue plays a kubelet with a copy that is up to 3 s old, and an agent that removes a pod and starts the next
// as soon as Gone says so. Whatever the timing, the pod has then stopped.
func TestGoneIsTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		var (
			s            = Snapshot{Node: "node-1"}
			cache        []corev1.Pod
			cacheAt      time.Time
			listed, runs bool
			stopsAt      time.Time
			removedAt    time.Time
			startsAt     time.Time
			lives        int
		)
		ask := func() {
			if now.Sub(cacheAt) > RunningPodsStaleness || rapid.IntRange(0, 9).Draw(t, "housekeeping") == 0 {
				cacheAt, cache = now, nil
				if runs {
					cache = named("a")
				}
			}
			s.Pods, s.Running = Answered[[]corev1.Pod](nil, now), Answered(cache, now)
			if listed {
				s.Pods = Answered(named("a"), now)
			}
			s.seen = sight(s.seen, cache, now)
		}
		for range rapid.IntRange(20, 120).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(10, 800).Draw(t, "ms")) * time.Millisecond)
			if listed && !runs && !now.Before(startsAt) {
				runs = true
			}
			if !listed && runs && !now.Before(stopsAt) {
				runs = false
			}
			switch rapid.SampledFrom([]string{"ask", "ask", "ask", "flip"}).Draw(t, "act") {
			case "ask":
				ask()
			case "flip":
				switch {
				case listed:
					listed, removedAt = false, now
					stopsAt = now.Add(time.Duration(rapid.IntRange(0, 5000).Draw(t, "grace")) * time.Millisecond)
				case lives == 0:
					listed, startsAt, lives = true, now.Add(time.Duration(rapid.IntRange(0, 900).Draw(t, "start"))*time.Millisecond), 1
				default:
					if gone, _ := s.Gone("x", "a", removedAt); gone {
						if runs {
							t.Fatalf("Gone at %v, but the pod stops at %v", now, stopsAt)
						}
						listed, startsAt = true, now.Add(300*time.Millisecond)
					}
				}
			}
			if gone, _ := s.Gone("x", "a", removedAt); lives > 0 && !listed && gone && runs {
				t.Fatalf("Gone while the pod runs until %v", stopsAt)
			}
		}
	})
}

func TestSightIsBounded(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var seen map[types.NamespacedName]sighting
	for round := range 5 {
		var names []string
		for i := range maxSeen {
			names = append(names, fmt.Sprintf("%d-%d", round, i))
		}
		seen = sight(seen, named(names...), now)
		if len(seen) > maxSeen {
			t.Fatalf("%d pods are remembered", len(seen))
		}
	}
	seen = sight(seen, nil, now.Add(forgetSeen+time.Second))
	if len(seen) != 0 {
		t.Errorf("%d pods are remembered for longer than %v", len(seen), forgetSeen)
	}
}
