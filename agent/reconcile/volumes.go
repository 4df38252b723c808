package reconcile

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/catalog"
	"github.com/daemonsetd/daemonsetd/agent/health"
	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
	"github.com/daemonsetd/daemonsetd/manifests/assemble"
	"github.com/daemonsetd/daemonsetd/manifests/render"
	"github.com/daemonsetd/daemonsetd/manifests/trees"
)

// layConfigs brings the files of volumes on disk before anything is planned: a pod never starts without them, and one
// that runs sees a change at once. A DaemonSet whose files cannot be laid is blocked; what runs stays.
func (r *Reconciler) layConfigs(s *Snapshot) {
	var want []trees.Tree
	for _, it := range s.Items {
		if it.Evicted || !it.Decision.ShouldContinueRunning {
			continue
		}
		if it.Blocked == "" && (it.Decision.ShouldRun || it.Stands(it.Want.Manifest.Revision)) {
			want = append(want, it.Want.Trees...)
		}
		want = append(want, r.olderTrees(it)...)
	}
	if len(want) == 0 {
		r.cfg.Board.Clear(health.ConfigNotLaid)
		return
	}
	wrote, failed, err := r.cfg.Catalog.Lay(want)
	r.tellLive(s, wrote)
	r.cfg.Board.When(err != nil, health.ConfigNotLaid, errorText(err))
	for _, it := range s.Items {
		it.FileBlocked = cmp.Or(failed.Of(it.Key, it.File.Manifest.Revision), it.FileBlocked)
		it.Blocked = cmp.Or(failed.Of(it.Key, it.Want.Manifest.Revision), it.Blocked)
	}
}

// tellLive records that the files of volumes changed under pods whose manifests stand: they see it without a restart.
func (r *Reconciler) tellLive(s *Snapshot, wrote []trees.Tree) {
	for _, t := range wrote {
		key := t.Namespace + "/" + t.DaemonSet
		it := s.Item(key)
		if it == nil || !it.Stands(t.Revision) {
			continue // a new pod's, or those of one whose files a reboot took
		}
		from := sourceOf(it, t.Volume)
		text := fmt.Sprintf("%s has changed: the running pod has new files in its volume %s", from, t.Volume)
		r.cfg.Events.OfDaemonSet(key, corev1.EventTypeNormal, "VolumeUpdated", text)
		r.cfg.Log.Info().Str(logfield.DaemonSet, key).Str(logfield.Revision, t.Revision).Str(logfield.Detail, from).
			Msgf("DaemonSet %s: %s", key, text)
	}
}

// sourceOf names the objects that a volume of a DaemonSet's pod is made of.
func sourceOf(it *Item, volume string) string {
	var names []string
	for _, o := range assemble.VolumeObjects(it.DS, volume) {
		names = append(names, o.String())
	}
	if len(names) == 0 {
		return "what it is made of"
	}
	return strings.Join(names, " or ")
}

// layTargets lays the files of what is to be written after the rollout has decided, where that is not what was
// expected.
func (r *Reconciler) layTargets(s *Snapshot) {
	for _, it := range s.Items {
		revision := it.Want.Manifest.Revision
		if it.Blocked != "" || it.Evicted || !it.Decision.ShouldRun || len(it.Want.Trees) == 0 ||
			r.cfg.Catalog.Laid(it.Key, revision) {
			continue
		}
		_, failed, err := r.cfg.Catalog.Lay(it.Want.Trees)
		if err != nil {
			r.cfg.Board.Report(health.ConfigNotLaid, err.Error())
			it.Blocked = cmp.Or(failed.Of(it.Key, revision), err.Error())
		}
	}
}

// olderTrees are the files of the pods of other revisions that stand or come back, where their templates are known:
// they are lost in a reboot where they are in memory, and the pods wait for them.
func (r *Reconciler) olderTrees(it *Item) []trees.Tree {
	var out []trees.Tree
	add := func(local string) {
		if local != "" && local != it.Want.Manifest.Revision {
			out = append(out, r.cfg.Catalog.EarlierFiles(it.DS, r.cfg.Turns.Revision(it.Key, local))...)
		}
	}
	for i := range it.Present {
		add(it.Present[i].Revision)
	}
	add(it.Memory.Again)
	return out
}

// older is the earlier revision that stands, or that comes back after the kubelet gave its pod up, where it has to be
// written again and can be; nil: nothing of it has.
func (r *Reconciler) older(s *Snapshot, it *Item) *catalog.Made {
	local := it.Memory.Again
	if len(it.Present) > 0 {
		p := &it.Present[0]
		if local = p.Revision; p.Intact && !s.Answer(it.Key, p.PodName).Failed {
			return nil
		}
	}
	if local == "" || local == it.Want.Manifest.Revision {
		return nil
	}
	e := r.cfg.Catalog.Earlier(it.DS, r.cfg.Turns.Revision(it.Key, local).Fleet)
	if e.Reason() != "" || e.Manifest.Revision != local || conflict(s.Listing.Foreign, e.Manifest) != "" {
		return nil
	}
	if len(e.Trees) > 0 && !r.cfg.Catalog.Laid(it.Key, local) {
		return nil // a pod never starts without the files of its volumes
	}
	return &e.Made
}

// dropConfigs removes the files of volumes that no pod uses any more: neither wanted, nor in a manifest, nor
// remembered or reported as running. While the kubelet cannot tell what runs, all stay.
func (r *Reconciler) dropConfigs(s *Snapshot, out plan.Output) {
	k := s.Answers
	if s.ScanErr != nil || !k.AssumeReady && (!k.Healthy || k.RunningUnknown || k.RunningAt.IsZero()) {
		return
	}
	used := map[string]bool{}
	for _, it := range s.Items {
		used[it.Key+"-"+it.Want.Manifest.Revision] = it.Decision.ShouldContinueRunning
	}
	for _, p := range s.Present {
		used[p.Key+"-"+p.Revision] = true
	}
	for key, m := range out.Memories {
		namespace, _, _ := strings.Cut(key, "/")
		used[key+"-"+m.Again] = true
		for _, l := range m.Leaving {
			used[namespace+"/"+l.PodName] = true
		}
	}
	running := slices.Collect(maps.Keys(k.Running))
	err := r.cfg.Catalog.Keep(func(namespace, daemonSet, revision string) bool {
		pod := namespace + "/" + render.PodName(daemonSet, revision)
		// Whatever the kubelet's node is called that ends the name.
		return used[pod] || slices.ContainsFunc(running, func(name string) bool { return strings.HasPrefix(name, pod+"-") })
	})
	r.cfg.Board.When(err != nil, health.ConfigNotRemoved, errorText(err))
}

// recordRevisions brings the history up to what the DaemonSets' targets are. It comes after the manifests of a round,
// so that none has to wait for the disk; a revision that is not recorded because the agent was killed in between is
// recorded by the next one, as the target is on disk.
func (r *Reconciler) recordRevisions(s *Snapshot) {
	var errs []error
	for _, it := range s.Items {
		st := r.cfg.Turns.Turn(it.Key).State
		errs = append(errs, r.cfg.Catalog.Record(it.DS, st.Target, r.live(it, &st)))
	}
	err := errors.Join(errs...)
	r.cfg.Board.When(err != nil, health.RevisionNotRecorded, errorText(err), r.cfg.StateDir)
}

// live are the revisions that are never removed from the history: those that are wanted, that run, or to which the
// host may go back.
func (r *Reconciler) live(it *Item, st *rollout.State) []string {
	live := []string{st.Target.Revision.Fleet, st.Running.Fleet, st.Good, st.GoodBefore, st.Rejected.Revision.Fleet}
	for i := range it.Present {
		live = append(live, r.cfg.Turns.Revision(it.Key, it.Present[i].Revision).Fleet)
	}
	return live
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
