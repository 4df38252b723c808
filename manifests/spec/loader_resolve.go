package spec

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// objectKey names an object across all files.
type objectKey struct{ kind, namespace, name string }

func (k objectKey) String() string {
	if k.namespace == "" {
		return fmt.Sprintf("%s %q", k.kind, k.name)
	}
	return fmt.Sprintf("%s %q", k.kind, k.namespace+"/"+k.name)
}

// record is the key as a last good version's record has it; objectKeyOf is the way back.
func (k objectKey) record() string { return k.kind + "/" + k.namespace + "/" + k.name }

func objectKeyOf(record string) (k objectKey) {
	kind, rest, _ := strings.Cut(record, "/")
	namespace, name, _ := strings.Cut(rest, "/")
	return objectKey{kind, namespace, name}
}

func (k objectKey) compare(o objectKey) int {
	return cmp.Or(strings.Compare(k.namespace, o.namespace), strings.Compare(k.name, o.name))
}

// keyed is what all kinds of objects have in common here.
type keyed interface {
	declaration() (objectKey, Source)
	// same says whether the other object of the same key says the same, wherever it stands.
	same(keyed) bool
}

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

func (d *DaemonSet) same(other keyed) bool {
	o, ok := other.(*DaemonSet)
	return ok && (d == o || bytes.Equal(d.Template, o.Template) && reflect.DeepEqual(d.Object, o.Object))
}

func (c *ConfigMap) same(other keyed) bool {
	o, ok := other.(*ConfigMap)
	return ok && (c == o || reflect.DeepEqual(c.Object, o.Object))
}

func (s *Secret) same(other keyed) bool {
	o, ok := other.(*Secret)
	return ok && (s == o || reflect.DeepEqual(s.Object, o.Object))
}

func (c *PriorityClass) same(other keyed) bool {
	o, ok := other.(*PriorityClass)
	return ok && (c == o || reflect.DeepEqual(c.Object, o.Object))
}

func (s *Service) same(other keyed) bool {
	o, ok := other.(*Service)
	return ok && (s == o || reflect.DeepEqual(s.Object, o.Object))
}

func (o *Objects) count() int {
	return len(o.DaemonSets) + len(o.ConfigMaps) + len(o.Secrets) + len(o.Services) + len(o.PriorityClasses)
}

// each calls do for every object. lenient are those of which a second one is left out and refuses nothing: Services
// and PriorityClasses.
func (o *Objects) each(do func(x keyed, lenient bool)) {
	eachOf(o.DaemonSets, func(x keyed) { do(x, false) })
	eachOf(o.ConfigMaps, func(x keyed) { do(x, false) })
	eachOf(o.Secrets, func(x keyed) { do(x, false) })
	eachOf(o.Services, func(x keyed) { do(x, true) })
	eachOf(o.PriorityClasses, func(x keyed) { do(x, true) })
}

func eachOf[T keyed](list []T, do func(keyed)) {
	for _, x := range list {
		do(x)
	}
}

// resolve turns the entries into what is in effect. Files that are gone, but not for long enough to count as removed,
// keep their objects: an editor that saves a file must not hand them to another for a moment.
func (l *Loader) resolve(held bool) *Snapshot {
	r := &resolution{load: l.loadKept, limit: l.limits.objects}
	for _, name := range slices.Sorted(maps.Keys(l.entries)) {
		r.add(l.entries[name], held)
	}
	r.decide()
	snap := &Snapshot{}
	for _, c := range r.files {
		st := FileStatus{File: c.e.path, Pending: c.e.pending()}
		if c.e.missing() {
			c.fade(&st)
		} else if c.settle(&st) {
			l.kept.spare(filepath.Base(c.e.path))
		}
		snap.Files = append(snap.Files, st)
		if !c.e.fresh {
			snap.undecide(c.e.path)
		}
	}
	snap.Objects = r.out.sorted()
	return snap
}

// settle notes what became of a file that is there.
func (c *candidate) settle(st *FileStatus) (accepted bool) {
	e := c.e
	if v := c.offered(); v != nil {
		e.good, e.keptDigest, e.keptProblem, e.fresh, e.bad = v, "", nil, true, false
		e.without = c.without
		st.Problems = e.problems()
		if len(c.notes) > 0 {
			st.Problems = append(slices.Clone(st.Problems), c.notes...)
		}
		st.Digest, st.Objects = v.digest, c.taken
		return true
	}
	problems, waits := e.problems(), false
	if e.usable() != nil {
		// Nothing is in the way any more, but the file is being written again, or nobody can see it; or its objects moved
		// here from a file that has just vanished, which is no mistake yet.
		if waits = c.objections == nil || c.fading && !e.bad; !waits {
			problems = append(slices.Clone(problems), c.objections...)
		}
	}
	st.Problems = append(slices.Clone(problems), e.keptProblem...)
	st.Bad, st.Pending = st.Problems.HasErrors(), st.Pending || waits
	e.bad = st.Bad
	if e.good != nil {
		st.LastGood, st.Digest, st.Objects = true, e.good.digest, c.taken
	}
	return false
}

// fade keeps what a vanished file declared in effect for the moment. What was not in effect in this process is left
// undecided instead: a host that was re-imaged without the file while it was down shall not start its pods for a
// moment.
func (c *candidate) fade(st *FileStatus) {
	st.Pending = true
	if c.e.good != nil {
		st.LastGood, st.Digest, st.Objects = true, c.e.good.digest, c.taken
	}
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
