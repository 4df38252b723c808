package main

import (
	"testing"
	"time"
)

// TestFaultO7Left: whoever reads that a host is on hold reads for how long.
func TestFaultO7Left(t *testing.T) {
	at := func(clock string) time.Time {
		c, err := time.Parse(time.DateTime, "2026-03-04 "+clock)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, c := range []struct{ text, now, want string }{
		{"on hold until 22:29:35, since it is new", "22:21:30", "on hold until 22:29:35 (8m5s left), since it is new"},
		{"h1 goes first and is held: on hold until 00:04:00; and 2 more", "23:59:00", "h1 goes first and is held: on hold until 00:04:00 (5m left); and 2 more"},
		{"on hold until 22:29:35", "22:29:35", "on hold until 22:29:35"},
		{"on hold until 22:29:35", "20:25:00", "on hold until 22:29:35"},
		{"on hold until 99:99:99", "20:25:00", "on hold until 99:99:99"},
		{"nothing of the kind", "20:25:00", "nothing of the kind"},
	} {
		if got := withLeft(c.text, at(c.now)); got != c.want {
			t.Errorf("%q at %s: got %q, wanted %q", c.text, c.now, got, c.want)
		}
	}
}
