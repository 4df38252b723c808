package main

import (
	"regexp"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"
)

// holdEnds is how the agent writes until when a host is on hold, in its own time zone (rollout.Hold.Text).
var holdEnds = regexp.MustCompile(`on hold until (\d\d:\d\d:\d\d)`)

// withLeft adds to a sentence of the agent how long a hold still lasts: "on hold until 22:29:35 (8m left)". A clock
// time that is not of the next hour is of another time zone, and is left as it is.
func withLeft(text string, now time.Time) string {
	return holdEnds.ReplaceAllStringFunc(text, func(found string) string {
		clock, err := time.ParseInLocation(time.TimeOnly, found[len(found)-len(time.TimeOnly):], now.Location())
		if err != nil {
			return found
		}
		end := time.Date(now.Year(), now.Month(), now.Day(), clock.Hour(), clock.Minute(), clock.Second(), 0, now.Location())
		if end.Before(now.Add(-12 * time.Hour)) {
			end = end.AddDate(0, 0, 1)
		}
		if left := end.Sub(now); left > 0 && left <= time.Hour {
			return found + " (" + duration.HumanDuration(left) + " left)"
		}
		return found
	})
}
