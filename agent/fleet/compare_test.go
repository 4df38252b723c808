package fleet

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func digest(b byte) Digest { return Digest{b} }

func host(name string, leftOut int, files ...SpecFile) HostSpecs {
	return HostSpecs{Host: name, Specs: &Specs{Files: files, LeftOut: leftOut}}
}

func TestCompare(t *testing.T) {
	got := Compare([]HostSpecs{
		host("d", 0, SpecFile{Name: "cni", Digest: digest(2)}),
		host("a", 0, SpecFile{Name: "cni", Digest: digest(1)}, SpecFile{Name: "log", Digest: digest(5), Bad: true}),
		host("b", 0, SpecFile{Name: "cni", Digest: digest(1)}, SpecFile{Name: "extra", Digest: digest(9)}, SpecFile{Name: "log", Digest: digest(4)}),
		{Host: "e"},
		// What c has behind cni, nobody knows; before it there is nothing.
		host("c", 3, SpecFile{Name: "cni", Digest: digest(1), Bad: true}),
	})
	want := Comparison{
		Hosts: 4, Silent: HostList{1, []string{"e"}},
		Files: []FileAcross{
			{Name: "cni", Digest: digest(1), Have: 3, Differ: HostDigests{1, []HostDigest{{"d", digest(2)}}}, Bad: HostList{1, []string{"c"}}},
			{Name: "extra", Digest: digest(9), Have: 1, Lack: HostList{2, []string{"a", "d"}}},
			{Name: "log", Digest: digest(4), Have: 1, Differ: HostDigests{1, []HostDigest{{"a", digest(5)}}}, Lack: HostList{1, []string{"d"}}, Bad: HostList{1, []string{"a"}}},
		},
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for i, want := range []bool{false, true, false} {
		if f := got.Files[i]; f.Rare() != want {
			t.Errorf("%s: rare %v", f.Name, f.Rare())
		}
	}
}

// TestCompareBounded: however many hosts and files there are, the answer is one that can be shown.
func TestCompareBounded(t *testing.T) {
	var hosts []HostSpecs
	for i := range maxCompared + 500 {
		hosts = append(hosts, host(fmt.Sprintf("h%05d", i), 0, SpecFile{Name: fmt.Sprintf("f%05d", i), Digest: digest(1)}))
	}
	c := Compare(hosts)
	if len(c.Files) != maxCompared || c.Dropped != 500 {
		t.Errorf("%d files, %d dropped", len(c.Files), c.Dropped)
	}
	if f := c.Files[7]; f.Have != 1 || f.Lack.Count != len(hosts)-1 || len(f.Lack.Names) != maxNamed || f.Lack.Names[0] != "h00000" {
		t.Errorf("%s: %d have it, %d lack it, %d named", f.Name, f.Have, f.Lack.Count, len(f.Lack.Names))
	}
}

// TestCompareModel holds Compare against counting one by one.
func TestCompareModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var hosts []HostSpecs
		for i := range rapid.IntRange(0, 8).Draw(t, "hosts") {
			var files []SpecFile
			for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d"}), rapid.ID).Draw(t, "names") {
				files = append(files, SpecFile{Name: name, Digest: digest(rapid.ByteRange(1, 3).Draw(t, "digest")), Bad: rapid.Bool().Draw(t, "bad")})
			}
			slices.SortFunc(files, func(a, b SpecFile) int { return cmp.Compare(a.Name, b.Name) })
			hosts = append(hosts, host(fmt.Sprint("h", i), rapid.IntRange(0, 1).Draw(t, "left out"), files...))
		}
		got := Compare(hosts)
		if diff := gocmp.Diff(modelCompare(hosts), got.Files); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

func modelCompare(hosts []HostSpecs) []FileAcross {
	files := []FileAcross{}
	for _, name := range []string{"a", "b", "c", "d"} {
		f := FileAcross{Name: name}
		for d := byte(3); d > 0; d-- {
			n := 0
			for _, h := range hosts {
				if s, found, _ := h.Specs.Find(name); found && s.Digest == digest(d) {
					n++
				}
			}
			if n > 0 && n >= f.Have {
				f.Have, f.Digest = n, digest(d)
			}
		}
		if f.Have == 0 {
			continue
		}
		for _, h := range hosts {
			s, found, complete := h.Specs.Find(name)
			switch {
			case found && s.Digest != f.Digest:
				f.Differ.add(h.Host, s.Digest)
			case !found && complete:
				f.Lack.add(h.Host)
			}
			if found && s.Bad {
				f.Bad.add(h.Host)
			}
		}
		files = append(files, f)
	}
	return files
}

func BenchmarkCompare(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var hosts []HostSpecs
			for i := range n {
				var files []SpecFile
				for j := range 20 {
					if i%50 != j {
						files = append(files, SpecFile{Name: fmt.Sprintf("%02d.yaml", j), Digest: digest(byte(i % 100 / 99))})
					}
				}
				hosts = append(hosts, host(fmt.Sprintf("h%05d", i), 0, files...))
			}
			for b.Loop() {
				Compare(hosts)
			}
		})
	}
}
