package reconcile

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/health"
	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// acting is the back-off of one DaemonSet whose manifest could not be changed: a full disk is not written to a thousand
// times a second. Each has its own, so that none waits for another.
type acting struct {
	failures int
	until    time.Time
	// why is what went wrong the last time.
	why string
}

const (
	actRetryFirst = time.Second
	actRetryMax   = Resync
)

// backOff notes how an act on a DaemonSet's manifests went; nil: well.
func (r *Reconciler) backOff(key string, err error) {
	if err == nil {
		delete(r.acting, key)
		return
	}
	a := r.acting[key]
	a.why = err.Error()
	a.until = time.Now().Add(min(actRetryFirst<<min(a.failures, 10), actRetryMax))
	a.failures++
	r.acting[key] = a
}

// due says whether something may be tried again.
func (r *Reconciler) due(key string, now time.Time) bool { return !now.Before(r.acting[key].until) }

// tryAgainAt is when the next of what failed is tried again; zero: nothing has.
func (r *Reconciler) tryAgainAt(now time.Time) time.Time {
	var at time.Time
	for _, a := range r.acting {
		if a.until.After(now) && (at.IsZero() || a.until.Before(at)) {
			at = a.until
		}
	}
	return at
}

// forgetFailures drops what failed before and is not wanted any more, and tells of the rest.
func (r *Reconciler) forgetFailures(s *Snapshot, out plan.Output) {
	wanted := map[string]bool{}
	for _, act := range out.Acts {
		wanted[act.Key] = true
	}
	for _, it := range s.Items {
		wanted[it.Key] = wanted[it.Key] || it.Unready != ""
	}
	maps.DeleteFunc(r.acting, func(key string, _ acting) bool { return !wanted[key] })
	var texts []string
	for _, key := range slices.Sorted(maps.Keys(r.acting)) {
		texts = append(texts, r.acting[key].why)
	}
	r.cfg.Board.When(len(texts) > 0, health.ManifestNotChanged, strings.Join(texts, "\n"))
}

// failures are the DaemonSets whose acts were not done, each with the reason.
func (r *Reconciler) failures(s *Snapshot) map[string]string {
	out := maps.Clone(s.left)
	for key, a := range r.acting {
		out[key] = a.why
	}
	return out
}

// undone says whether a plan has acts that can be tried at once.
func (r *Reconciler) undone(out plan.Output) bool {
	return slices.ContainsFunc(out.Acts, func(a plan.Act) bool { return r.acting[a.Key].failures == 0 })
}

// tellFailed has the phases say what was done, where that is not what was planned.
func (r *Reconciler) tellFailed(s *Snapshot, out plan.Output) {
	in := s.Input()
	for key, why := range r.failures(s) {
		out.NotDone(in, key, why)
	}
}

// prepare brings the bytes of what is to take a standing manifest's place on the disk of the kubelet's directory,
// before the rollout is asked and long before the old manifest goes: a host whose disk takes no new manifest keeps its
// pod, and asks for no turn.
func (r *Reconciler) prepare(s *Snapshot) {
	if s.ScanErr != nil {
		return
	}
	for _, it := range s.Items {
		if !replaces(s, it) {
			continue
		}
		if r.due(it.Key, s.Now) {
			if err := r.cfg.Store.Prepare(it.Want.Manifest); err != nil {
				r.backOff(it.Key, err)
			}
		}
		if a := r.acting[it.Key]; a.failures > 0 && !r.due(it.Key, s.Now) {
			it.Unready, it.Blocked = a.why, a.why
			if it.Want == it.File {
				it.FileBlocked = a.why
			}
		}
	}
}

// replaces says whether a manifest is to take the place of one that stands.
func replaces(s *Snapshot, it *Item) bool {
	return it.Blocked == "" && it.Decision.ShouldRun && !it.Evicted && len(it.Present) > 0 &&
		!it.Stands(it.Want.Manifest.Revision) && !s.Specs.Undecided(it.DS.Source.File)
}

// release removes what was prepared and is not wanted any more. What follows a pod that is still stopping is.
func (r *Reconciler) release(s *Snapshot, out plan.Output) {
	if s.ScanErr != nil {
		return
	}
	wanted := map[string]bool{}
	want := func(m *render.Manifest) {
		wanted[m.FileName], wanted[render.ApartFileName(m.Namespace, m.DaemonSet, m.Revision)] = true, true
	}
	for _, it := range s.Items {
		memory := out.Memories[it.Key]
		if len(memory.Leaving) == 0 && len(it.Present) == 0 {
			continue
		}
		if m := &it.Want.Manifest; it.Decision.ShouldRun && !it.Evicted &&
			(len(it.Present) == 0 || !it.Stands(m.Revision)) {
			want(m)
		}
		if it.Older != nil && memory.Again == it.Older.Manifest.Revision {
			want(&it.Older.Manifest)
		}
	}
	r.cfg.Store.Release(func(fileName string) bool { return wanted[fileName] })
}
