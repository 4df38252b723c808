//go:build sim

package fleetsim_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

// TestManyStories plays more and larger ones, with seeds that nobody chose: SEED=n plays those from n on again.
func TestManyStories(t *testing.T) {
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // it is not negative
	if text := os.Getenv("SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed = n
	}
	for _, worse := range []bool{false, true} {
		for _, c := range []struct{ hosts, budget, troubles int }{{3, 1, 30}, {4, 1, 25}, {6, 2, 20}, {9, 3, 15}, {20, 4, 8}} {
			t.Run(fmt.Sprintf("%d hosts, budget %d, seed %d, worse %v", c.hosts, c.budget, seed, worse), func(t *testing.T) {
				play(t, c.hosts, c.budget, c.troubles, seed, worse)
			})
			seed++
		}
	}
}

// TestLargeFleet rolls one file out over a large fleet, a tenth at a time: 60 hosts, or HOSTS of them. 200 take a quarter of an hour.
func TestLargeFleet(t *testing.T) {
	hosts := 60
	if text := os.Getenv("HOSTS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		hosts = n
	}
	play(t, hosts, hosts/10, 0, 1, false)
}
