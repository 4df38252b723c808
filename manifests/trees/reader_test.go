package trees

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"
)

// version gives a tree whose every file holds its number; odd ones have other names than even ones.
func version(n int) Tree {
	tr := tree("config")
	for i := range 6 {
		tr.Files = append(tr.Files, text(fmt.Sprintf("d%d/f%d", i%2, i), fmt.Sprint(n)))
	}
	tr.Files = append(tr.Files, text(fmt.Sprintf("only-%d", n%2), fmt.Sprint(n)), text("always", fmt.Sprint(n)))
	return tr
}

// Whoever opens ..data once and reads all files from there sees one version, or that it went away meanwhile; whoever reads
// through the links never sees an older file after a newer one, nor an empty one.
func TestConcurrentReaders(t *testing.T) {
	s, err := New(Config{Dir: filepath.Join(t.TempDir(), "config"), Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	// In memory nothing is synced, so that there are more updates.
	s.configs.memory = true
	apply := func(n int) {
		if changed, err := s.Apply([]Tree{version(n)}); err != nil || len(changed) != 1 {
			t.Errorf("version %d: changed %v, %v", n, changed, err)
		}
	}
	apply(0)
	path := s.Path(version(0))
	var stop atomic.Bool
	var wg sync.WaitGroup
	var whole, links atomic.Int64
	wg.Go(func() {
		for !stop.Load() {
			if readWhole(t, path) {
				whole.Add(1)
			}
		}
	})
	wg.Go(func() {
		last := 0
		for !stop.Load() {
			last = readLinks(t, path, last)
			links.Add(1)
		}
	})
	for n := 1; n <= 300 || whole.Load() < 20 || links.Load() < 20; n++ {
		apply(n)
		if t.Failed() {
			break
		}
	}
	stop.Store(true)
	wg.Wait()
}

// readWhole says whether it could read one version to its end.
func readWhole(t *testing.T, path string) bool {
	dir, err := os.OpenRoot(filepath.Join(path, "..data"))
	if err != nil {
		t.Errorf("no ..data: %v", err)
		return true
	}
	defer dir.Close()
	seen, files := map[string]bool{}, 0
	err = fs.WalkDir(dir.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := dir.ReadFile(name)
		seen[string(b)] = seen[string(b)] || err == nil
		files++
		return err
	})
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		t.Error(err)
	case len(seen) > 1 && !onlyOne(seen):
		t.Errorf("a mixture of versions: %v", seen)
	case err == nil && files != 8 && files != 0:
		// A version that is being removed may show fewer; it is then no longer the current one.
		return false
	}
	return err == nil && files == 8
}

// onlyOne passes over what could not be read.
func onlyOne(seen map[string]bool) bool {
	n := 0
	for _, ok := range seen {
		if ok {
			n++
		}
	}
	return n <= 1
}

// readLinks gives the newest number that it saw.
func readLinks(t *testing.T, path string, last int) int {
	for _, name := range []string{"d0/f0", "always", "d1/f5", "only-0", "only-1", "d0/f4"} {
		b, err := os.ReadFile(filepath.Join(path, name))
		if errors.Is(err, fs.ErrNotExist) {
			// The version that the link led to is gone, or the name is not in this one.
			continue
		}
		var n int
		if _, scanErr := fmt.Sscan(string(b), &n); err != nil || scanErr != nil || n < last {
			t.Errorf("%s: got %q after version %d: %v", name, b, last, errors.Join(err, scanErr))
			return last
		}
		last = n
	}
	return last
}
