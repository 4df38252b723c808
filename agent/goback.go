package agent

import (
	"github.com/daemonsetd/daemonsetd/agent/catalog"
	"github.com/daemonsetd/daemonsetd/agent/reconcile"
	"github.com/daemonsetd/daemonsetd/manifests/trees"
)

// olderTrees are the files of the pods of other revisions that stand or come back, where their templates are known: they are lost in a
// reboot where they are in memory, and the pods wait for them.
func (a *Agent) olderTrees(it *reconcile.Item) []trees.Tree {
	var out []trees.Tree
	add := func(local string) {
		if local != "" && local != it.Want.Manifest.Revision {
			out = append(out, a.catalog.EarlierFiles(it.DS, a.turns.Revision(it.Key, local))...)
		}
	}
	for i := range it.Present {
		add(it.Present[i].Revision)
	}
	add(it.Memory.Again)
	return out
}

// older is the earlier revision that stands, or that comes back after the kubelet gave its pod up, where it has to be written again and
// can be; nil: nothing of it has.
func (a *Agent) older(s *reconcile.Snapshot, it *reconcile.Item) *catalog.Made {
	local := it.Memory.Again
	if len(it.Present) > 0 {
		p := &it.Present[0]
		if local = p.Revision; p.Intact && !s.Answers.Pods[it.DS.Object.Namespace+"/"+p.PodName+"-"+s.Host].Failed {
			return nil
		}
	}
	if local == "" || local == it.Want.Manifest.Revision {
		return nil
	}
	e := a.catalog.Earlier(it.DS, a.turns.Revision(it.Key, local).Fleet)
	if e.Reason() != "" || e.Manifest.Revision != local || conflict(s.Listing.Foreign, e.Manifest) != "" {
		return nil
	}
	if len(e.Trees) > 0 && !a.catalog.Laid(it.Key, local) {
		return nil // a pod never starts without the files of its volumes
	}
	return &e.Made
}
