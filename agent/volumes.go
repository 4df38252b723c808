package agent

import (
	"cmp"
	"strings"

	"github.com/daemonsetd/daemonsetd/agent/health"
	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/agent/reconcile"
	"github.com/daemonsetd/daemonsetd/manifests/render"
	"github.com/daemonsetd/daemonsetd/manifests/trees"
)

// layConfigs brings the files of volumes on disk before anything is planned: a pod never starts without them, and one
// that runs sees a change at once. A DaemonSet whose files cannot be laid is blocked; what runs stays.
func (a *Agent) layConfigs(s *reconcile.Snapshot) {
	var want []trees.Tree
	for _, it := range s.Items {
		if it.Evicted || !it.Decision.ShouldContinueRunning {
			continue
		}
		if it.Blocked == "" && (it.Decision.ShouldRun || it.Stands(it.Want.Manifest.Revision)) {
			want = append(want, it.Want.Trees...)
		}
		want = append(want, a.olderTrees(it)...)
	}
	if len(want) == 0 {
		a.board.Clear(health.ConfigNotLaid)
		return
	}
	failed, err := a.catalog.Lay(want)
	a.board.When(err != nil, health.ConfigNotLaid, errorText(err))
	for _, it := range s.Items {
		it.FileBlocked = cmp.Or(failed.Of(it.Key, it.File.Manifest.Revision), it.FileBlocked)
		it.Blocked = cmp.Or(failed.Of(it.Key, it.Want.Manifest.Revision), it.Blocked)
	}
}

// layTargets lays the files of what is to be written after the rollout has decided, where that is not what was expected.
func (a *Agent) layTargets(s *reconcile.Snapshot) {
	for _, it := range s.Items {
		revision := it.Want.Manifest.Revision
		if it.Blocked != "" || it.Evicted || !it.Decision.ShouldRun || len(it.Want.Trees) == 0 || a.catalog.Laid(it.Key, revision) {
			continue
		}
		failed, err := a.catalog.Lay(it.Want.Trees)
		if err != nil {
			a.board.Report(health.ConfigNotLaid, err.Error())
			it.Blocked = cmp.Or(failed.Of(it.Key, revision), err.Error())
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// dropConfigs removes the files of volumes that no pod uses any more: neither wanted, nor in a manifest, nor remembered or
// reported as running. While the kubelet cannot tell what runs, all stay.
func (a *Agent) dropConfigs(s *reconcile.Snapshot, out plan.Output) {
	k := s.Answers
	if s.ScanErr != nil || !k.AssumeReady && (!k.Healthy || k.RunningAt.IsZero()) {
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
		namespace, _ := splitKey(key)
		used[key+"-"+m.Again] = true
		for _, l := range m.Leaving {
			used[namespace+"/"+l.PodName] = true
		}
	}
	for name := range k.Running {
		used[strings.TrimSuffix(name, "-"+s.Host)] = true
	}
	err := a.catalog.Keep(func(namespace, daemonSet, revision string) bool {
		return used[namespace+"/"+render.PodName(daemonSet, revision)]
	})
	a.board.When(err != nil, health.ConfigNotRemoved, errorText(err))
}
