package fleet

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
)

const (
	// maxCompared is how many different names of files are compared. Hosts of one fleet have the same few.
	maxCompared = 16 << 10
	// maxNamed is how many hosts are named in one list of a file.
	maxNamed = 256
)

// HostSpecs is one host for Compare.
type HostSpecs struct {
	// Host is the node's name.
	Host string
	// Specs is what it tells; nil when it has told nothing.
	Specs *Specs
}

// Comparison is the specs directories of a fleet held against each other.
type Comparison struct {
	// Files are sorted by name.
	Files []FileAcross
	// Hosts is how many hosts have told of their files.
	Hosts int
	// Silent are those that have not.
	Silent HostList
	// Dropped is how many files were not compared, because there are too many of different names.
	Dropped int
}

// FileAcross is one file on all hosts. A host that has not told of all its files counts for a file only where it has
// told of it, or where it is certain that it does not have it.
type FileAcross struct {
	Name string
	// Digest is that of the content that most hosts have; of several that as many have, the lowest.
	Digest Digest
	// Have is how many hosts have that content.
	Have int
	// Lack are the hosts without the file.
	Lack HostList
	// Differ are those with another content.
	Differ HostDigests
	// Bad are those that cannot use the file as it is there, whatever its content.
	Bad HostList
}

// Rare says that fewer hosts have the file than lack it: it is more on those that have it than missing on the others.
func (f FileAcross) Rare() bool { return f.Have+f.Differ.Count < f.Lack.Count }

// HostList is some hosts.
type HostList struct {
	// Count is how many they are.
	Count int
	// Names are the first of them by name, all unless there are hundreds.
	Names []string
}

func (l *HostList) add(host string) {
	if l.Count++; len(l.Names) < maxNamed {
		l.Names = append(l.Names, host)
	}
}

// HostDigests is some hosts, each with the digest of its file.
type HostDigests struct {
	// Count is how many they are.
	Count int
	// Hosts are the first of them by name, all unless there are hundreds.
	Hosts []HostDigest
}

// HostDigest is a host with the digest of its file.
type HostDigest struct {
	Host   string
	Digest Digest
}

func (l *HostDigests) add(host string, d Digest) {
	if l.Count++; len(l.Hosts) < maxNamed {
		l.Hosts = append(l.Hosts, HostDigest{host, d})
	}
}

// Compare holds the specs directories of hosts, given in any order, against each other. It takes time in proportion to
// the files that were told, and what it returns is bounded whatever the hosts tell.
func Compare(hosts []HostSpecs) Comparison {
	sorted := slices.SortedStableFunc(slices.Values(hosts), func(a, b HostSpecs) int {
		return cmp.Compare(a.Host, b.Host)
	})
	var c Comparison
	told := make([]HostSpecs, 0, len(sorted))
	for _, h := range sorted {
		if h.Specs == nil {
			c.Silent.add(h.Host)
			continue
		}
		told = append(told, h)
	}
	c.Hosts = len(told)
	census := takeCensus(told)
	c.Dropped = census.dropped
	c.Files = census.across(told)
	return c
}

// census counts contents by file.
type census struct {
	contents map[string]map[Digest]int
	dropped  int
}

func takeCensus(hosts []HostSpecs) census {
	c := census{contents: map[string]map[Digest]int{}}
	for _, h := range hosts {
		for _, f := range h.Specs.Files {
			c.count(f)
		}
	}
	return c
}

func (c *census) count(f SpecFile) {
	contents := c.contents[f.Name]
	if contents == nil {
		if len(c.contents) == maxCompared {
			c.dropped++
			return
		}
		contents = map[Digest]int{}
		c.contents[f.Name] = contents
	}
	contents[f.Digest]++
}

func (c *census) across(hosts []HostSpecs) []FileAcross {
	files := make([]FileAcross, 0, len(c.contents))
	index := make(map[string]int, len(c.contents))
	for _, name := range slices.Sorted(maps.Keys(c.contents)) {
		index[name] = len(files)
		files = append(files, FileAcross{Name: name, Digest: most(c.contents[name])})
	}
	for _, h := range hosts {
		for _, f := range h.Specs.Files {
			if i, ok := index[f.Name]; ok {
				files[i].add(h.Host, f)
			}
		}
	}
	uncertain := slices.DeleteFunc(slices.Clone(hosts), func(h HostSpecs) bool { return h.Specs.LeftOut == 0 })
	for i := range files {
		files[i].lack(hosts, uncertain)
	}
	return files
}

// most is the content that most have.
func most(contents map[Digest]int) Digest {
	var best Digest
	n := 0
	for d, count := range contents {
		if count > n || count == n && bytes.Compare(d[:], best[:]) < 0 {
			best, n = d, count
		}
	}
	return best
}

func (f *FileAcross) add(host string, file SpecFile) {
	if file.Digest == f.Digest {
		f.Have++
	} else {
		f.Differ.add(host, file.Digest)
	}
	if file.Bad {
		f.Bad.add(host)
	}
}

// lack finds the hosts without the file. How many they are is known from those that have it; only as many are looked
// for as are named.
func (f *FileAcross) lack(hosts, uncertain []HostSpecs) {
	unsaid := 0
	for _, h := range uncertain {
		if _, found, complete := h.Specs.Find(f.Name); !found && !complete {
			unsaid++
		}
	}
	f.Lack.Count = len(hosts) - f.Have - f.Differ.Count - unsaid
	for _, h := range hosts {
		if len(f.Lack.Names) == min(f.Lack.Count, maxNamed) {
			return
		}
		if _, found, complete := h.Specs.Find(f.Name); !found && complete {
			f.Lack.Names = append(f.Lack.Names, h.Host)
		}
	}
}
