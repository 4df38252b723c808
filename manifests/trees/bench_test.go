package trees

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"
)

// BenchmarkApplyUnchanged is what every round of the agent pays: 100 trees of 3 files of 1 KiB, as they are to be.
func BenchmarkApplyUnchanged(b *testing.B) {
	s, err := New(Config{Dir: filepath.Join(b.TempDir(), "config"), Logger: zerolog.Nop()})
	if err != nil {
		b.Fatal(err)
	}
	s.configs.memory = true
	var want []Tree
	for i := range 100 {
		data := string(make([]byte, 1024))
		want = append(want, tree(fmt.Sprintf("v%d", i), text("a", data), text("b", data), text("d/c", data)))
	}
	if _, err := s.Apply(want); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if changed, err := s.Apply(want); err != nil || len(changed) > 0 {
			b.Fatal(changed, err)
		}
	}
}

// BenchmarkApplyChanged writes one tree of 3 files anew.
func BenchmarkApplyChanged(b *testing.B) {
	for _, memory := range []bool{false, true} {
		b.Run(fmt.Sprintf("memory=%v", memory), func(b *testing.B) {
			s, err := New(Config{Dir: filepath.Join(b.TempDir(), "config"), Logger: zerolog.Nop()})
			if err != nil {
				b.Fatal(err)
			}
			s.configs.memory = memory
			n := 0
			for b.Loop() {
				n++
				data := fmt.Sprint(n)
				if _, err := s.Apply([]Tree{tree("v", text("a", data), text("b", data), text("d/c", data))}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkKeep looks through 100 trees that are all used.
func BenchmarkKeep(b *testing.B) {
	s, err := New(Config{Dir: filepath.Join(b.TempDir(), "config"), Logger: zerolog.Nop()})
	if err != nil {
		b.Fatal(err)
	}
	s.configs.memory = true
	var want []Tree
	for i := range 100 {
		want = append(want, tree(fmt.Sprintf("v%d", i), text("a", ""), text("b", ""), text("d/c", "")))
	}
	if _, err := s.Apply(want); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := s.Keep(everybody); err != nil {
			b.Fatal(err)
		}
	}
}
