package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/catalog"
	"github.com/daemonsetd/daemonsetd/agent/health"
	"github.com/daemonsetd/daemonsetd/agent/placement"
	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/agent/reconcile"
	"github.com/daemonsetd/daemonsetd/manifests/assemble"
	"github.com/daemonsetd/daemonsetd/manifests/render"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
	"github.com/daemonsetd/daemonsetd/manifests/trees"
)

// rendered is what is computed once for a DaemonSet that does not change: the loader gives the same pointer as long as
// the object is the same. One that refers to other objects, or to facts about the node, is computed again when those may
// have changed.
type rendered struct {
	catalog.Made
	// refers is set where specs and node matter.
	refers bool
	specs  *spec.Snapshot
	node   *corev1.Node
}

func (r *rendered) stale(s *reconcile.Snapshot) bool {
	return r.refers && (r.specs != s.Specs || r.node != s.Node)
}

// assembler makes manifests and files from these objects, for this node.
func (a *Agent) assembler(objects spec.Objects, node *corev1.Node) *assemble.Assembler {
	n := assemble.NodeOf(node)
	n.Name = a.cfg.NodeName
	return assemble.New(assemble.Config{Objects: objects, Node: n, Path: a.trees.Path})
}

// render makes the manifest of a DaemonSet and the files of its volumes.
func (a *Agent) render(ds *spec.DaemonSet, s *reconcile.Snapshot, from *assemble.Assembler) *rendered {
	made, err := from.Assemble(ds)
	r := &rendered{
		Made:   catalog.Made{Compiled: placement.Compile(ds.Object), Manifest: made.Manifest, Fleet: made.Fleet, Trees: made.Trees},
		refers: made.Refers, specs: s.Specs, node: s.Node,
	}
	r.Manifest.Revision = made.Revision
	switch {
	case len(made.Missing) > 0:
		r.Blocked = fmt.Sprintf("%s; declare it in a file of %s (the DaemonSet is declared in %s)", made.Missing[0], a.cfg.SpecsDir, ds.Source.File)
	case err != nil:
		r.Blocked = err.Error()
	}
	return r
}

// whatIf decides DaemonSets that are not in effect. What is computed for them is not kept.
func (a *Agent) whatIf(s *reconcile.Snapshot, objects spec.Objects) []*reconcile.Item {
	kept := a.rendered
	a.rendered = map[*spec.DaemonSet]*rendered{}
	defer func() { a.rendered = kept }()
	items := a.items(s, objects)
	for _, it := range items {
		if a.backTo(s, it) != nil {
			a.goBack(s, it, a.rollouts.states[it.Key].Target.Revision)
		}
	}
	return items
}

// layConfigs brings the files of volumes on disk before anything is planned: a pod never starts without them, and one
// that runs sees a change at once. A DaemonSet whose files cannot be laid is blocked; what runs stays.
func (a *Agent) layConfigs(s *reconcile.Snapshot) {
	var want []trees.Tree
	for _, it := range s.Items {
		if it.Evicted || !it.Decision.ShouldContinueRunning {
			continue
		}
		made, blocked := it.File, it.FileBlocked
		if e := a.backTo(s, it); e != nil {
			made, blocked = &e.Made, e.Blocked
		}
		if blocked == "" && (it.Decision.ShouldRun || it.Stands(made.Manifest.Revision)) {
			want = append(want, made.Trees...)
		}
		want = append(want, a.olderTrees(s, it, made.Manifest.Revision)...)
	}
	if len(want) == 0 {
		a.board.Clear(health.ConfigNotLaid)
		return
	}
	failed, err := a.lay(want)
	a.board.When(err != nil, health.ConfigNotLaid, errorText(err))
	for _, it := range s.Items {
		it.FileBlocked = cmp.Or(failed[treeOwner{it.Key, it.File.Manifest.Revision}], it.FileBlocked)
		it.Blocked = it.FileBlocked
	}
}

// layTargets lays the files of what is to be written after the rollout has decided, where that is not what was expected.
func (a *Agent) layTargets(s *reconcile.Snapshot) {
	for _, it := range s.Items {
		owner := treeOwner{it.Key, it.Want.Manifest.Revision}
		if it.Blocked != "" || it.Evicted || !it.Decision.ShouldRun || len(it.Want.Trees) == 0 || a.laid[owner] {
			continue
		}
		failed, err := a.lay(it.Want.Trees)
		if err != nil {
			a.board.Report(health.ConfigNotLaid, err.Error())
			it.Blocked = cmp.Or(failed[owner], err.Error())
		}
	}
}

// treeOwner is whose files trees are.
type treeOwner struct{ key, revision string }

// lay brings files on disk, notes whose files are there now, and gives the first failure of each of the others.
func (a *Agent) lay(want []trees.Tree) (map[treeOwner]string, error) {
	_, err := a.trees.Apply(want)
	failed := failedTrees(err)
	all := len(failed) == 0
	for _, t := range want {
		o := treeOwner{t.Namespace + "/" + t.DaemonSet, t.Revision}
		if err != nil && all {
			failed[o] = err.Error() // it is about all of them
		}
		a.laid[o] = failed[o] == ""
	}
	return failed, err
}

// failedTrees is the first failure of each owner.
func failedTrees(err error) map[treeOwner]string {
	failed := map[treeOwner]string{}
	list, _ := errors.AsType[trees.Errors](err)
	for _, e := range list {
		o := treeOwner{e.Namespace + "/" + e.DaemonSet, e.Revision}
		failed[o] = cmp.Or(failed[o], e.Error())
	}
	return failed
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
	err := a.trees.Keep(func(namespace, daemonSet, revision string) bool {
		return used[namespace+"/"+render.PodName(daemonSet, revision)]
	})
	a.board.When(err != nil, health.ConfigNotRemoved, errorText(err))
}

// Configs implements api.Backend.
func (b backend) Configs(context.Context) ([]api.ConfigTree, error) {
	listed, err := b.a.trees.List()
	if err != nil {
		return nil, err
	}
	secrets, inMemory := b.a.trees.SecretDir()
	out := make([]api.ConfigTree, 0, len(listed))
	for _, l := range listed {
		t := api.ConfigTree{
			DaemonSet: l.Namespace + "/" + l.DaemonSet, Revision: l.Revision, Volume: l.Volume, Secret: l.Secret, Path: l.Path, Sources: l.Sources, WrittenAt: l.Version,
			Pod: render.PodName(l.DaemonSet, l.Revision) + "-" + b.a.cfg.NodeName, InMemory: inMemory && strings.HasPrefix(l.Path, secrets+"/"), Files: []api.ConfigFile{},
		}
		for _, f := range l.Files {
			t.Files = append(t.Files, api.ConfigFile{Path: f.Path, Mode: fmt.Sprintf("%04o", f.Mode.Perm()), Size: f.Size, SHA256: f.SHA256})
		}
		out = append(out, t)
	}
	slices.SortFunc(out, func(x, y api.ConfigTree) int {
		return cmp.Or(cmp.Compare(x.DaemonSet, y.DaemonSet), cmp.Compare(x.Revision, y.Revision), cmp.Compare(x.Volume, y.Volume))
	})
	return out, nil
}
