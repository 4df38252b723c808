package node

import (
	"path/filepath"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// dropIns is conditions.d, with what of it is in effect.
type dropIns struct {
	dir      string // empty: there is none
	tracker  tracker[dropIn]
	good     []dropIn // sorted by type
	problems diag.List
	wait     time.Duration
}

// newDropIns starts from the conditions that were there before a restart. Their files say soon whether they still are.
func newDropIns(dir string, before []corev1.NodeCondition) dropIns {
	d := dropIns{dir: dir, tracker: tracker[dropIn]{kind: files.Kind[dropIn]{
		Rules: ours(maxDropInBytes, maxUnsettled),
		Parse: func(path string, data []byte, id files.ID) (dropIn, diag.List) {
			return parseDropIn(path, data, id.Modified())
		},
	}}}
	for _, c := range before {
		if message, _ := refusedType(c.Type); message == "" && dir != "" {
			d.good = append(d.good, dropIn{kind: c.Type, status: c.Status, reason: c.Reason, message: c.Message})
		}
	}
	return d
}

// refresh looks at all files. A directory that is missing has none: it is under /run and gone after every boot.
func (d *dropIns) refresh(now time.Time) {
	d.problems, d.wait = nil, 0
	if d.dir == "" {
		return
	}
	names, err := listDir(d.dir, func(name string) bool {
		return !strings.HasPrefix(name, ".") && !strings.HasSuffix(name, "~")
	}, maxDropIns)
	if err != nil {
		d.problems = diag.List{{
			Severity: diag.Error, File: d.dir, Message: "cannot be read: " + files.Cause(err).Error(),
			Hint: "its conditions stay as they were",
		}}
		return
	}
	for _, g := range d.good {
		if !slices.Contains(names, string(g.kind)) {
			names = append(names, string(g.kind))
		}
	}
	slices.Sort(names)
	d.forget(names)
	var next []dropIn
	for _, name := range names {
		if in, ok := d.look(name, now); ok {
			next = append(next, in)
		}
	}
	d.good = next
	d.problems.Sort()
}

func (d *dropIns) forget(names []string) {
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = filepath.Join(d.dir, name)
	}
	d.tracker.forget(paths)
}

func (d *dropIns) look(name string, now time.Time) (dropIn, bool) {
	path := filepath.Join(d.dir, name)
	v, r := d.tracker.look(path, now)
	d.problems = append(d.problems, r.Problems...)
	switch v {
	case useIt:
		return r.Value, true
	case waitIt:
		d.wait = soonest(d.wait, r.Wait)
	}
	i := slices.IndexFunc(d.good, func(g dropIn) bool { return string(g.kind) == name })
	if v == dropIt || i < 0 {
		return dropIn{}, false
	}
	return d.good[i], true
}

// expiry is how long until the next condition becomes stale; 0 when none will.
func (d *dropIns) expiry(now time.Time) time.Duration {
	var next time.Duration
	for _, g := range d.good {
		if wait := g.validUntil.Sub(now); !g.validUntil.IsZero() && wait > 0 {
			next = soonest(next, wait)
		}
	}
	return next
}
