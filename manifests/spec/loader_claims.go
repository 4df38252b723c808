package spec

import (
	"fmt"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

// maxClashes is how many clashes of one file are reported one by one.
const maxClashes = 100

// resolution decides what takes effect. Who is in effect stays in effect: what a file declares now, and declared in its
// last good version too, keeps its place against every other file, whatever their names. Of objects that are new in
// several files the first by name holds. An object may stand in several files that say the same of it; a file that
// comes to say something else is the one at fault then.
//
// A file that is refused falls back to its last good version, which may hold objects that the refused one had let go
// of. Therefore files are decided over again, without the refused ones, until nothing is refused any more.
type resolution struct {
	load  func(*entry) // brings in the kept copy of an entry; nil where there are none
	limit int
	files []*candidate // by name

	claims map[objectKey][]claim
	taken  map[objectKey]claim
	out    Objects
	count  int
}

// candidate is a file with what it would put into effect.
type candidate struct {
	e *entry
	// next is what the file says now, if that may take effect.
	next    *version
	refused bool
	// objections is why next, or what the file says while it may not take effect, clashes; fading says that this may pass
	// within a moment, as every clash is with a file that has vanished.
	objections diag.List
	fading     bool
	// notes are what else there is to say of next, without what is left out of it, taken how many objects it put into
	// effect.
	notes   diag.List
	without map[objectKey]bool
	taken   int
	// claimed is how many objects the file declares that were its own before.
	claimed int
}

// claim is an object that has a place.
type claim struct {
	object keyed
	src    Source
	// owner is the first file that claims it, files how many do.
	owner *candidate
	files int
	// fading says that every file that claims it is gone, perhaps for good.
	fading bool
}

// add adds the file after the others by name. While held is set the directory cannot be believed: no file comes to a
// new version then.
func (r *resolution) add(e *entry, held bool) {
	c := &candidate{e: e}
	if v := e.usable(); v != nil && !e.missing() && (v == e.good || !e.pending() && !held) {
		c.next = v
	} else if !e.missing() {
		r.bring(e)
	}
	r.files = append(r.files, c)
}

// bring loads the kept copy of a file that needs it.
func (r *resolution) bring(e *entry) {
	if r.load != nil {
		r.load(e)
	}
}

// offered is the version that takes effect as a whole, nil where there is none.
func (c *candidate) offered() *version {
	if c.refused {
		return nil
	}
	return c.next
}

// chosen is what the file declares: all of what it says now, or what it said when it was last good.
func (c *candidate) chosen() *version {
	if v := c.offered(); v != nil {
		return v
	}
	return c.e.good
}

// standing is the version that was in effect before.
func (c *candidate) standing() *version {
	if e := c.e; e.good == nil && e.keptDigest != "" && e.current != nil && e.current.digest == e.keptDigest {
		return e.current
	}
	return c.e.good
}

// decide fills out, and what candidates know of themselves.
func (r *resolution) decide() {
	contested := r.contested()
	if contested {
		for _, c := range r.files {
			if v := c.offered(); v != nil && c.standing() == nil {
				r.bring(c.e)
			}
		}
	}
	for !r.pass(contested) {
	}
	// What is in the way is told by what came of it all, so that the next time finds the same.
	for _, c := range r.files {
		v := c.e.usable()
		if v == nil || c.offered() != nil || c.e.missing() {
			continue
		}
		r.count -= c.taken
		if list, fading := r.objections(c, v); list != nil || !c.refused {
			c.objections, c.fading = list, fading
		}
		r.count += c.taken
	}
}

// contested says whether the files cannot all have what they want.
func (r *resolution) contested() bool {
	total, seen := 0, map[objectKey]bool{}
	clash := false
	for _, c := range r.files {
		v := c.chosen()
		if v == nil {
			continue
		}
		total += v.parsed.count()
		v.parsed.each(func(x keyed, _ bool) {
			key, _ := x.declaration()
			clash = clash || seen[key]
			seen[key] = true
		})
	}
	return clash || total > r.limit
}

// pass goes through the files once and says whether that settled it: no file was refused whose last good version holds
// something. Where nothing is contested there is no need for claims.
func (r *resolution) pass(contested bool) bool {
	r.claims, r.taken, r.out, r.count = map[objectKey][]claim{}, map[objectKey]claim{}, Objects{}, 0
	if contested {
		for _, c := range r.files {
			r.claim(c)
		}
	}
	for _, c := range r.files {
		r.count -= c.claimed // they are about to be counted as taken, or to have been let go of
		if v := c.offered(); v != nil {
			if c.objections, c.fading = r.objections(c, v); c.objections != nil {
				c.refused = true
				r.bring(c.e)
				if c.e.good != nil {
					return false
				}
			}
		}
		r.take(c)
	}
	return true
}

// claim notes the objects that the file declares and that were in effect from it before.
func (r *resolution) claim(c *candidate) {
	c.claimed = 0
	before, now := c.standing(), c.chosen()
	if before == nil || now == nil {
		return
	}
	var own map[objectKey]bool
	if now != before {
		own = make(map[objectKey]bool, before.parsed.count())
		before.parsed.each(func(x keyed, _ bool) {
			key, _ := x.declaration()
			own[key] = true
		})
	}
	now.parsed.each(func(x keyed, _ bool) {
		key, src := x.declaration()
		if own != nil && !own[key] || c.e.without[key] {
			return
		}
		if held := r.claimedAlike(x); held != nil {
			held.files++
			held.fading = held.fading && c.e.missing()
			return
		}
		c.claimed++
		r.claims[key] = append(r.claims[key], claim{
			object: x, src: src, owner: c, files: 1, fading: c.e.missing(),
		})
	})
	r.count += c.claimed
}

// objections is why v cannot be taken as a whole; fading says that this may pass within a moment.
func (r *resolution) objections(c *candidate, v *version) (list diag.List, fading bool) {
	before := c.standing()
	if total := r.count + v.parsed.count(); total > r.limit && v != before {
		return diag.List{{
			Severity: diag.Error, File: c.e.path,
			Message: fmt.Sprintf("declares %d objects, with which there would be %d; the limit is %d", v.parsed.count(), total,
				r.limit),
			Hint: "remove objects that are not needed on this host",
		}}, false
	}
	fading = true
	own := map[objectKey]*claim{} // Parse has refused an object that a file has twice, but for those that are alike
	v.parsed.each(func(x keyed, lenient bool) {
		if lenient {
			return
		}
		key, src := x.declaration()
		held := r.clash(c, before, x)
		if held == nil {
			held = own[key]
		}
		own[key] = &claim{object: x, src: src, owner: c, files: 1}
		if held != nil {
			fading = fading && held.fading
			list = append(list, held.problem(c.e.path, x, diag.Error, "nothing of this file is taken"))
		}
	})
	list.Sort()
	if more := len(list) - maxClashes; more > 0 {
		list = append(list[:maxClashes], diag.Problem{
			Severity: diag.Error, File: c.e.path, Message: fmt.Sprintf("and %d more objects that are declared already", more),
		})
	}
	return list, fading
}

// clash finds what else has the place of x, an object of c: another one that was in effect before, unless x was too,
// or one of an earlier file.
func (r *resolution) clash(c *candidate, before *version, x keyed) *claim {
	key, _ := x.declaration()
	if held, found := r.taken[key]; found && held.owner != c && !held.object.same(x) {
		return &held
	}
	for i, held := range r.claims[key] {
		if !held.object.same(x) && (held.owner != c || held.files > 1) && !before.has(key, x) {
			return &r.claims[key][i]
		}
	}
	return nil
}

// has says whether the version declares the object as x does.
func (v *version) has(key objectKey, x keyed) bool {
	if v == nil {
		return false
	}
	if v.byKey == nil {
		v.byKey = make(map[objectKey]keyed, v.parsed.count())
		v.parsed.each(func(y keyed, _ bool) {
			other, _ := y.declaration()
			v.byKey[other] = y
		})
	}
	y, found := v.byKey[key]
	return found && y.same(x)
}

// problem is what is said of x in the file at path, which cannot have the place, and what comes of that.
func (held *claim) problem(path string, x keyed, severity diag.Severity, outcome string) diag.Problem {
	key, src := x.declaration()
	return diag.Problem{
		Severity: severity, File: path, Line: src.Line, Column: src.Column,
		Message: fmt.Sprintf("%v is declared in %q, line %d, already and differs here; that one stays in effect, and %s", key,
			held.src.File, held.src.Line, outcome),
		Hint: "remove it from one of the two files, or write it alike in both",
	}
}

// take puts what the file declares and may have into effect.
func (r *resolution) take(c *candidate) {
	v := c.chosen()
	c.notes, c.without, c.taken = nil, nil, 0
	if v == nil {
		return
	}
	o, count := &v.parsed.Objects, r.count
	r.count += takeFree(r, c, &r.out.DaemonSets, o.DaemonSets)
	r.count += takeFree(r, c, &r.out.ConfigMaps, o.ConfigMaps)
	r.count += takeFree(r, c, &r.out.Secrets, o.Secrets)
	r.count += takeFree(r, c, &r.out.Services, o.Services)
	r.count += takeFree(r, c, &r.out.PriorityClasses, o.PriorityClasses)
	c.taken = r.count - count
	c.notes.Sort()
	if len(c.notes) > maxClashes {
		c.notes = c.notes[:maxClashes]
	}
}

func takeFree[T keyed](r *resolution, c *candidate, out *[]T, objects []T) int {
	n := 0
	for _, o := range objects {
		key, src := o.declaration()
		held, found := r.taken[key]
		alike := r.claimedAlike(o)
		switch {
		case found && held.object.same(o):
			c.notes = append(c.notes, diag.Problem{
				Severity: diag.Info, File: c.e.path, Line: src.Line, Column: src.Column,
				Message: fmt.Sprintf("%v is declared in %q, line %d, in the same way", key, held.src.File, held.src.Line),
			})
			continue
		case found:
			c.leaveOut(held, o)
			continue
		case alike == nil && len(r.claims[key]) > 0:
			c.leaveOut(r.claims[key][0], o)
			continue
		}
		fading := c.e.missing()
		if alike != nil {
			fading = alike.fading
		}
		r.taken[key] = claim{object: o, src: src, owner: c, files: 1, fading: fading}
		*out = append(*out, o)
		n++
	}
	return n
}

// claimedAlike is the claim that x shares, nil where there is none.
func (r *resolution) claimedAlike(x keyed) *claim {
	key, _ := x.declaration()
	for i, held := range r.claims[key] {
		if held.object.same(x) {
			return &r.claims[key][i]
		}
	}
	return nil
}

// leaveOut warns of an object that another file's keeps out of effect without refusing the rest of the file, and notes
// that the object has no claim to its place.
func (c *candidate) leaveOut(held claim, x keyed) {
	key, _ := x.declaration()
	if c.without == nil {
		c.without = map[objectKey]bool{}
	}
	c.without[key] = true
	c.notes = append(c.notes, held.problem(c.e.path, x, diag.Warning, "this one is left out"))
}
