package rollout

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// walker goes through a scenario at random, as gossip lets news travel: what a host has of another is never replaced by
// something older.
type walker struct {
	*search
	rng   *rand.Rand
	world world
	lists [maxHosts][]uint16 // what was told, in its order
	has   [maxHosts][maxHosts]int
}

// move is one step of a random host with random news; false: nothing came of it.
func (w *walker) move() bool {
	i, e := w.rng.IntN(w.n), event(w.rng.IntN(int(events)))
	h := w.world.hosts[i]
	if probe := w.hosts[h]; !w.outside(&probe, i, e) || e == eventLate && !w.mayYield(i, &probe) {
		return false
	}
	var news [maxHosts]uint16
	for j := range w.n {
		if j != i {
			w.has[i][j] += w.rng.IntN(len(w.lists[j]) - w.has[i][j])
			news[j] = w.lists[j][w.has[i][j]]
		}
	}
	next := w.happens(i, e, h, news).host
	if next == h {
		return false
	}
	w.world = w.after(&w.world, i, next)
	if told := w.tells[next]; told != w.lists[i][len(w.lists[i])-1] {
		w.lists[i] = append(w.lists[i], told)
	}
	return true
}

// TestExhaustiveCovers: every world that a random run comes to is one that the search has seen.
func TestExhaustiveCovers(t *testing.T) {
	for _, name := range []string{"three hosts", "rolled back, two hosts", "two files", "labels of nodes change", "a tainted node"} {
		i := slices.IndexFunc(exhaustive, func(c search1) bool { return c.name == name })
		if i < 0 {
			t.Fatalf("no search is called %q", name)
		}
		for k := 1; k <= 2; k++ {
			sc := exhaustive[i].scenario
			sc.k, sc.yields = k, 1
			s := newSearch(sc, without{})
			if _, found := s.run(); found != "" {
				t.Fatal(found)
			}
			steps := 0
			for seed := range uint64(300) {
				steps += walk(t, s, seed)
			}
			t.Logf("%s, K=%d: %d steps of 300 random runs", name, k, steps)
		}
	}
}

func walk(t *testing.T, s *search, seed uint64) (steps int) {
	w := walker{search: s, rng: rand.New(rand.NewPCG(seed, 2)), world: s.begin()}
	for i := range s.n {
		w.lists[i] = []uint16{s.tells[w.world.hosts[i]]}
	}
	for idle := 0; idle < 200; idle++ {
		if !w.move() {
			continue
		}
		idle, steps = 0, steps+1
		if !slices.ContainsFunc(s.seen[w.world.hosts], func(o [2]told) bool { return w.world.told.within(&o[0]) }) {
			t.Fatalf("seed %d, step %d: the search has not seen this world", seed, steps)
		}
	}
	return steps
}
