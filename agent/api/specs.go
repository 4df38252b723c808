package api

import (
	"cmp"
	"maps"
	"slices"
)

// CompareSpecs holds the files of the hosts against each other. A host whose files are not known says nothing of any; one
// that has omitted some says nothing of those that it has not told of.
func CompareSpecs(hosts []HostSpecs) SpecFileList {
	c := comparison{files: map[string]*tally{}}
	out := SpecFileList{TypeMeta: TypeMeta(KindSpecFileList), Items: []SpecFile{}, Hosts: make([]HostSpecsSummary, len(hosts))}
	for i := range hosts {
		out.Hosts[i] = summaryOf(&hosts[i])
	}
	for _, g := range groupHosts(hosts) {
		c.add(g)
	}
	for _, name := range slices.Sorted(maps.Keys(c.files)) {
		out.Items = append(out.Items, c.judge(name, out.Hosts))
	}
	return out
}

// specGroup is hosts that have told the same. Most of a fleet is one group, so that a comparison costs little more than the
// groups do.
type specGroup struct {
	told *HostSpecs
	// hosts are indices.
	hosts []int
}

// groupHosts leaves out the hosts that have told nothing.
func groupHosts(hosts []HostSpecs) []*specGroup {
	var all []*specGroup
	byDigest := map[string][]*specGroup{}
	for i := range hosts {
		h := &hosts[i]
		if !h.Known {
			continue
		}
		same := func(g *specGroup) bool { return g.told.Omitted == h.Omitted && slices.Equal(g.told.Files, h.Files) }
		// The digest of a directory is what a host says of itself: the files decide.
		at := slices.IndexFunc(byDigest[h.Digest], same)
		if at < 0 {
			g := &specGroup{told: h}
			all, byDigest[h.Digest], at = append(all, g), append(byDigest[h.Digest], g), len(byDigest[h.Digest])
		}
		g := byDigest[h.Digest][at]
		g.hosts = append(g.hosts, i)
	}
	return all
}

// comparison is the files of all hosts, by name.
type comparison struct {
	groups []*specGroup
	files  map[string]*tally
	// whole is how many hosts have told of all their files.
	whole int
}

// tally is who has one file.
type tally struct {
	has map[*specGroup]HostFile
	// digests counts the hosts by the content, hosts counts them all.
	digests map[string]int
	hosts   int
	// whole is how many of them have told of all their files.
	whole int
}

func (c *comparison) add(g *specGroup) {
	n, whole := len(g.hosts), 0
	if g.told.Omitted == 0 {
		whole = n
	}
	c.groups = append(c.groups, g)
	c.whole += whole
	for _, f := range g.told.Files {
		t := c.files[f.File]
		if t == nil {
			t = &tally{has: map[*specGroup]HostFile{}, digests: map[string]int{}}
			c.files[f.File] = t
		}
		if _, twice := t.has[g]; twice {
			continue
		}
		t.has[g] = f
		t.digests[f.Digest] += n
		t.hosts += n
		t.whole += whole
	}
}

// judge makes one line of the answer, and notes in hosts what it means for each.
func (c *comparison) judge(name string, hosts []HostSpecsSummary) SpecFile {
	t := c.files[name]
	f := SpecFile{File: name, Digest: t.majority(), Of: c.whole + t.hosts - t.whole}
	usual := 2*t.hosts >= f.Of
	for _, g := range c.groups {
		file, has := t.has[g]
		if !has && g.told.Omitted > 0 {
			continue
		}
		for _, i := range g.hosts {
			f.note(&hosts[i], file, has, usual)
		}
	}
	f.sort()
	return f
}

// note adds one host that has the file, or does not. It is usual to have it where at least half of the hosts do.
func (f *SpecFile) note(h *HostSpecsSummary, file HostFile, has, usual bool) {
	switch {
	case !has:
		f.Lack = append(f.Lack, h.Host)
		if usual {
			h.Lacks = append(h.Lacks, f.File)
		}
		return
	case file.Digest == f.Digest:
		f.Have++
	default:
		f.Differ = append(f.Differ, HostFileDigest{Host: h.Host, Digest: file.Digest})
		h.Differs = append(h.Differs, f.File)
	}
	if !usual {
		h.Extra = append(h.Extra, f.File)
	}
	if file.Bad {
		f.Bad = append(f.Bad, h.Host)
		h.Bad = append(h.Bad, f.File)
	}
}

// majority is the content that most have.
func (t *tally) majority() string {
	best, most := "", 0
	for digest, n := range t.digests {
		if n > most || n == most && digest < best {
			best, most = digest, n
		}
	}
	return best
}

func (f *SpecFile) sort() {
	slices.Sort(f.Lack)
	slices.Sort(f.Bad)
	slices.SortFunc(f.Differ, func(a, b HostFileDigest) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Digest, b.Digest))
	})
}

func summaryOf(h *HostSpecs) HostSpecsSummary {
	return HostSpecsSummary{
		Host: h.Host, ID: h.ID, Self: h.Self, State: h.State, Known: h.Known, Digest: h.Digest, ReceivedAt: h.ReceivedAt,
		Files: len(h.Files) + h.Omitted, Omitted: h.Omitted,
	}
}
