package spec

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

// maxClashes is how many clashes of one file are reported one by one.
const maxClashes = 100

// objectKey names an object across all files.
type objectKey struct{ kind, namespace, name string }

func (k objectKey) String() string {
	if k.namespace == "" {
		return fmt.Sprintf("%s %q", k.kind, k.name)
	}
	return fmt.Sprintf("%s %q", k.kind, k.namespace+"/"+k.name)
}

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

func (c *PriorityClass) declaration() (objectKey, Source) {
	return objectKey{kindPriorityClass, "", c.Object.Name}, c.Source
}

func (s *Service) declaration() (objectKey, Source) {
	return objectKey{"Service", s.Object.Namespace, s.Object.Name}, s.Source
}

func (o *Objects) count() int {
	return len(o.DaemonSets) + len(o.ConfigMaps) + len(o.Secrets) + len(o.Services) + len(o.PriorityClasses)
}

// resolution decides, file by file in the order of their names, what takes effect.
type resolution struct {
	load  func(*entry) // brings in the kept copy of an entry
	taken map[objectKey]holder
	out   Objects
	count int
	limit int
	// held is set while the directory cannot be believed: no file comes to a new version then.
	held bool
}

// holder is where an object that is in effect stands.
type holder struct {
	src Source
	// fading is set while that file is gone, perhaps for good.
	fading bool
}

// resolve turns the entries into what is in effect. Files that are gone, but not for long enough to count as removed,
// keep their place: an editor that saves the first of two files must not hand its objects to the second for a moment.
func (l *Loader) resolve(held bool) *Snapshot {
	r := &resolution{load: l.loadKept, taken: map[objectKey]holder{}, limit: l.limits.objects, held: held}
	snap := &Snapshot{}
	for _, name := range slices.Sorted(maps.Keys(l.entries)) {
		e := l.entries[name]
		st := FileStatus{File: e.path, Pending: e.pending()}
		if e.missing() {
			r.fade(e, &st)
		} else if r.settle(e, &st) {
			l.kept.spare(name)
		}
		snap.Files = append(snap.Files, st)
		if !e.fresh {
			snap.undecide(e.path)
		}
	}
	snap.Objects = r.out.sorted()
	return snap
}

// settle takes what e says now, if all of it can be taken, else its last good version as far as it is free.
func (r *resolution) settle(e *entry, st *FileStatus) (accepted bool) {
	problems, waits := e.problems(), false
	if v := e.usable(); v != nil {
		bad, fading := r.objections(e.path, v)
		if bad == nil && (v == e.good || !e.pending() && !r.held) {
			e.good, e.keptDigest, e.keptProblem, e.fresh, e.bad = v, "", nil, true, false
			if out := r.leftOut(e.path, v); len(out) > 0 {
				problems = append(slices.Clone(problems), out...)
			}
			st.Problems, st.Digest, st.Objects = problems, v.digest, r.take(v, false)
			return true
		}
		// What was in the way has gone, but the file is being written again, or nobody can see it; or its objects moved here
		// from a file that has just vanished, which is no mistake yet.
		if waits = bad == nil || fading && !e.bad; !waits {
			problems = append(slices.Clone(problems), bad...)
		}
	}
	r.load(e)
	st.Problems = append(slices.Clone(problems), e.keptProblem...)
	st.Bad, st.Pending = st.Problems.HasErrors(), st.Pending || waits
	e.bad = st.Bad
	if e.good != nil {
		st.LastGood, st.Digest, st.Objects = true, e.good.digest, r.take(e.good, false)
	}
	return false
}

// fade keeps what a vanished file declared in effect for the moment. What was not in effect in this process is left
// undecided instead: a host that was re-imaged without the file while it was down shall not start its pods for a
// moment.
func (r *resolution) fade(e *entry, st *FileStatus) {
	st.Pending = true
	if e.good != nil {
		st.LastGood, st.Digest, st.Objects = true, e.good.digest, r.take(e.good, true)
	}
}

// objections is why v cannot be taken as a whole; fading says that this may pass within a moment.
func (r *resolution) objections(path string, v *version) (list diag.List, fading bool) {
	o := &v.parsed.Objects
	if total := r.count + o.count(); total > r.limit {
		return diag.List{{
			Severity: diag.Error, File: path,
			Message: fmt.Sprintf("declares %d objects, with which there would be %d; the limit is %d", o.count(), total,
				r.limit),
			Hint: "remove objects that are not needed on this host",
		}}, false
	}
	c := clashes{path: path, taken: r.taken, own: map[objectKey]holder{}, fading: true}
	addClashes(&c, o.DaemonSets)
	addClashes(&c, o.ConfigMaps)
	addClashes(&c, o.Secrets)
	c.list.Sort()
	if more := len(c.list) - maxClashes; more > 0 {
		c.list = append(c.list[:maxClashes], diag.Problem{
			Severity: diag.Error, File: path, Message: fmt.Sprintf("and %d more objects that are declared already", more),
		})
	}
	return c.list, c.fading
}

// leftOut warns of what is taken from an earlier file and refuses nothing: Services and PriorityClasses.
func (r *resolution) leftOut(path string, v *version) diag.List {
	c := clashes{path: path, taken: r.taken, own: map[objectKey]holder{}}
	addClashes(&c, v.parsed.Services)
	addClashes(&c, v.parsed.PriorityClasses)
	c.list.Sort()
	if len(c.list) > maxClashes {
		c.list = c.list[:maxClashes]
	}
	for i := range c.list {
		p := &c.list[i]
		p.Severity = diag.Warning
		p.Message = strings.Replace(p.Message, "and nothing of this one is taken", "and this one is left out", 1)
	}
	return c.list
}

// clashes collects the objects of one file that are declared before it, or in it before.
type clashes struct {
	path       string
	taken, own map[objectKey]holder
	list       diag.List
	// fading is set while every clash is with a file that has vanished.
	fading bool
}

func addClashes[T keyed](c *clashes, objects []T) {
	for _, o := range objects {
		key, src := o.declaration()
		first, found := c.taken[key]
		if !found {
			first, found = c.own[key]
		}
		if !found {
			c.own[key] = holder{src: src}
			continue
		}
		c.fading = c.fading && first.fading
		c.list = append(c.list, diag.Problem{
			Severity: diag.Error, File: c.path, Line: src.Line, Column: src.Column,
			Message: fmt.Sprintf("%v is declared in %q, line %d, already; the first file by name holds, and nothing of this "+
				"one is taken",
				key, first.src.File, first.src.Line),
			Hint: "remove it from one of the two places",
		})
	}
}

// take puts the objects of v that are free in effect and returns how many those are.
func (r *resolution) take(v *version, fading bool) int {
	o, before := &v.parsed.Objects, r.count
	r.count += takeFree(r.taken, &r.out.DaemonSets, o.DaemonSets, fading)
	r.count += takeFree(r.taken, &r.out.ConfigMaps, o.ConfigMaps, fading)
	r.count += takeFree(r.taken, &r.out.Secrets, o.Secrets, fading)
	r.count += takeFree(r.taken, &r.out.Services, o.Services, fading)
	r.count += takeFree(r.taken, &r.out.PriorityClasses, o.PriorityClasses, fading)
	return r.count - before
}

func takeFree[T keyed](taken map[objectKey]holder, out *[]T, objects []T, fading bool) int {
	n := 0
	for _, o := range objects {
		key, src := o.declaration()
		if _, ok := taken[key]; ok {
			continue
		}
		taken[key] = holder{src, fading}
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
	sortByKey(o.PriorityClasses)
	return o
}

func sortByKey[T keyed](objects []T) {
	slices.SortFunc(objects, func(a, b T) int {
		ka, _ := a.declaration()
		kb, _ := b.declaration()
		return ka.compare(kb)
	})
}
