package spec

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/daemonsetd/daemonsetd/manifests/diag"
)

// maxClashes is how many clashes of one file are reported one by one.
const maxClashes = 100

// objectKey names an object across all files.
type objectKey struct{ kind, namespace, name string }

func (k objectKey) String() string { return fmt.Sprintf("%s %q", k.kind, k.namespace+"/"+k.name) }

func (k objectKey) compare(o objectKey) int {
	return cmp.Or(strings.Compare(k.namespace, o.namespace), strings.Compare(k.name, o.name))
}

// keyed is what all kinds of objects have in common here.
type keyed interface{ declaration() (objectKey, Source) }

func (d *DaemonSet) declaration() (objectKey, Source) {
	return objectKey{"DaemonSet", d.Object.Namespace, d.Object.Name}, d.Source
}

func (c *ConfigMap) declaration() (objectKey, Source) {
	return objectKey{"ConfigMap", c.Object.Namespace, c.Object.Name}, c.Source
}

func (s *Secret) declaration() (objectKey, Source) {
	return objectKey{"Secret", s.Object.Namespace, s.Object.Name}, s.Source
}

func (s *Service) declaration() (objectKey, Source) {
	return objectKey{"Service", s.Object.Namespace, s.Object.Name}, s.Source
}

func (o *Objects) count() int {
	return len(o.DaemonSets) + len(o.ConfigMaps) + len(o.Secrets) + len(o.Services)
}

// resolution decides, file by file in the order of their names, what takes effect.
type resolution struct {
	load  func(*entry) // brings in the kept copy of an entry
	taken map[objectKey]Source
	out   Objects
	count int
	limit int
}

// resolve turns the entries into what is in effect. Files that are gone, but not for long enough to count as removed,
// come last: when their objects stand in other files now, which is what a renamed file looks like, those have them.
func (l *Loader) resolve() *Snapshot {
	r := &resolution{load: l.loadKept, taken: map[objectKey]Source{}, limit: l.limits.objects}
	snap := &Snapshot{unlisted: !l.listed}
	var going []*entry
	for _, name := range slices.Sorted(maps.Keys(l.entries)) {
		e := l.entries[name]
		if !e.missing.IsZero() {
			going = append(going, e)
			continue
		}
		st, accepted := r.settle(e)
		if accepted {
			l.kept.spare(name)
		}
		snap.Files = append(snap.Files, st)
	}
	for _, e := range going {
		snap.Files = append(snap.Files, r.fade(e))
	}
	for _, e := range l.entries {
		if !e.fresh {
			snap.undecide(e.path)
		}
	}
	slices.SortFunc(snap.Files, func(a, b FileStatus) int { return strings.Compare(a.File, b.File) })
	snap.Objects = r.out.sorted()
	return snap
}

// settle takes what e says now, if all of it can be taken, else its last good version as far as it is free.
func (r *resolution) settle(e *entry) (st FileStatus, accepted bool) {
	st = FileStatus{File: e.path, Pending: e.pending, Problems: e.problems()}
	if v := e.usable(); v != nil {
		bad := r.objections(e.path, v)
		if bad == nil {
			e.good, e.keptDigest, e.keptProblem, e.fresh = v, "", nil, true
			st.Digest, st.Objects = v.digest, r.take(v)
			return st, true
		}
		st.Problems = append(slices.Clone(st.Problems), bad...)
	}
	r.load(e)
	st.Bad = st.Problems.HasErrors()
	if e.good != nil {
		st.LastGood, st.Digest, st.Objects = true, e.good.digest, r.take(e.good)
	}
	st.Problems = append(slices.Clone(st.Problems), e.keptProblem...)
	return st, false
}

// fade keeps what a vanished file declared in effect for the moment. What only a former process read is left undecided
// instead: a host that was re-imaged without the file while it was down shall not start its pods for a moment.
func (r *resolution) fade(e *entry) FileStatus {
	st := FileStatus{File: e.path, Pending: true}
	if e.fresh {
		st.LastGood, st.Digest, st.Objects = true, e.good.digest, r.take(e.good)
	}
	return st
}

// objections is why v cannot be taken as a whole.
func (r *resolution) objections(path string, v *version) diag.List {
	o := &v.parsed.Objects
	if total := r.count + o.count(); total > r.limit {
		return diag.List{{
			Severity: diag.Error, File: path,
			Message: fmt.Sprintf("declares %d objects, with which there would be %d; the limit is %d", o.count(), total, r.limit),
			Hint:    "remove objects that are not needed on this host",
		}}
	}
	c := clashes{path: path, taken: r.taken, own: map[objectKey]Source{}}
	addClashes(&c, o.DaemonSets)
	addClashes(&c, o.ConfigMaps)
	addClashes(&c, o.Secrets)
	addClashes(&c, o.Services)
	c.list.Sort()
	if more := len(c.list) - maxClashes; more > 0 {
		c.list = append(c.list[:maxClashes], diag.Problem{
			Severity: diag.Error, File: path, Message: fmt.Sprintf("and %d more objects that are declared already", more),
		})
	}
	return c.list
}

// clashes collects the objects of one file that are declared before it, or in it before.
type clashes struct {
	path       string
	taken, own map[objectKey]Source
	list       diag.List
}

func addClashes[T keyed](c *clashes, objects []T) {
	for _, o := range objects {
		key, src := o.declaration()
		first, found := c.taken[key]
		if !found {
			first, found = c.own[key]
		}
		if !found {
			c.own[key] = src
			continue
		}
		c.list = append(c.list, diag.Problem{
			Severity: diag.Error, File: c.path, Line: src.Line, Column: src.Column,
			Message: fmt.Sprintf("%v is declared in %q, line %d, already; the first file by name holds, and nothing of this one is taken",
				key, first.File, first.Line),
			Hint: "remove it from one of the two places",
		})
	}
}

// take puts the objects of v that are free in effect and returns how many those are.
func (r *resolution) take(v *version) int {
	o, before := &v.parsed.Objects, r.count
	r.count += takeFree(r.taken, &r.out.DaemonSets, o.DaemonSets)
	r.count += takeFree(r.taken, &r.out.ConfigMaps, o.ConfigMaps)
	r.count += takeFree(r.taken, &r.out.Secrets, o.Secrets)
	r.count += takeFree(r.taken, &r.out.Services, o.Services)
	return r.count - before
}

func takeFree[T keyed](taken map[objectKey]Source, out *[]T, objects []T) int {
	n := 0
	for _, o := range objects {
		key, src := o.declaration()
		if _, ok := taken[key]; ok {
			continue
		}
		taken[key] = src
		*out = append(*out, o)
		n++
	}
	return n
}

func (o Objects) sorted() Objects {
	sortByKey(o.DaemonSets)
	sortByKey(o.ConfigMaps)
	sortByKey(o.Secrets)
	sortByKey(o.Services)
	return o
}

func sortByKey[T keyed](objects []T) {
	slices.SortFunc(objects, func(a, b T) int {
		ka, _ := a.declaration()
		kb, _ := b.declaration()
		return ka.compare(kb)
	})
}
