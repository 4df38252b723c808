package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/placement"
	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/manifests/render"
	"github.com/daemonsetd/daemonsetd/manifests/resolve"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
	"github.com/daemonsetd/daemonsetd/manifests/trees"
)

// rendered is what is computed once for a DaemonSet that does not change: the loader gives the same pointer as long as
// the object is the same. One that refers to other objects, or to facts about the node, is computed again when those may
// have changed.
type rendered struct {
	compiled *placement.Compiled
	manifest render.Manifest
	// trees are the files of its volumes.
	trees []trees.Tree
	// blocked says why the manifest may not be written; empty: it may.
	blocked string
	// refers is set where specs and node matter.
	refers bool
	specs  *spec.Snapshot
	node   *corev1.Node
}

func (r *rendered) stale(s *state) bool {
	return r.refers && (r.specs != s.specs || r.node != s.node)
}

// facts is what DaemonSets may refer to.
type facts struct {
	objects   spec.Objects
	find      func(namespace string) resolve.Input
	labels    map[string]string
	addresses []string
	sources   map[string]string
}

func newFacts(objects spec.Objects, node *corev1.Node) *facts {
	f := &facts{objects: objects, labels: node.Labels}
	for _, a := range node.Status.Addresses {
		if a.Type == corev1.NodeInternalIP {
			f.addresses = append(f.addresses, a.Address)
		}
	}
	return f
}

// input is what one DaemonSet is resolved with. Most DaemonSets of most hosts refer to nothing; the maps are made for the
// first one.
func (f *facts) input(ds *spec.DaemonSet, nodeName string) resolve.Input {
	if f.find == nil {
		f.find = f.objects.Finder()
		f.sources = map[string]string{}
		for _, c := range f.objects.ConfigMaps {
			f.sources["ConfigMap/"+c.Key()] = c.Source.File
		}
		for _, c := range f.objects.Secrets {
			f.sources["Secret/"+c.Key()] = c.Source.File
		}
	}
	in := f.find(ds.Object.Namespace)
	in.DaemonSet, in.NodeName, in.NodeLabels, in.NodeAddresses = ds.Object, nodeName, f.labels, f.addresses
	if len(f.addresses) > 0 {
		in.NodeAddress = f.addresses[0]
	}
	return in
}

// render resolves what a DaemonSet refers to and makes its manifest and the files of its volumes.
func (a *Agent) render(ds *spec.DaemonSet, s *state, f *facts) *rendered {
	res := resolve.Resolve(f.input(ds, a.cfg.NodeName))
	r := &rendered{compiled: placement.Compile(ds.Object), specs: s.specs, node: s.node}
	o := render.Options{NodeName: a.cfg.NodeName, Revision: render.Revision(ds.Template, res.Digests...), Source: ds.Source.File}
	r.refers = len(res.Digests) > 0 || len(res.Missing) > 0 || len(res.Trees("")) > 0
	if len(res.Missing) > 0 {
		r.manifest.Revision = o.Revision
		r.blocked = fmt.Sprintf("%s; declare it in a file of %s (the DaemonSet is declared in %s)", res.Missing[0], a.cfg.SpecsDir, ds.Source.File)
		return r
	}
	for _, t := range res.Trees(o.Revision) {
		r.trees = append(r.trees, f.tree(ds, o.Revision, t))
	}
	resolved := res.DaemonSet(func(t resolve.Tree) string { return a.trees.Path(f.tree(ds, o.Revision, t)) })
	var err error
	if r.manifest, _, err = render.Render(resolved, o); err != nil {
		r.manifest.Revision, r.blocked = o.Revision, err.Error()
	}
	return r
}

// setgid and the group's rights are what the kubelet gives to directories of a read-only volume with an fsGroup
// (changeFilePermission in pkg/volume/volume_linux.go).
const groupDirMode = fs.ModeSetgid | 0o550

// tree is a volume's files as the disk takes them.
func (f *facts) tree(ds *spec.DaemonSet, revision string, t resolve.Tree) trees.Tree {
	out := trees.Tree{
		Namespace: ds.Object.Namespace, DaemonSet: ds.Object.Name, Revision: revision, Volume: t.Volume, Secret: t.Secret,
		Mountpoints: t.MountPoints, GID: t.FSGroup, Sources: f.volumeSources(ds, t.Volume),
	}
	if t.FSGroup != nil {
		out.DirMode = trees.DefaultDirMode | groupDirMode
	}
	for _, file := range t.Files {
		out.Files = append(out.Files, trees.File{Path: file.Path, Mode: fs.FileMode(file.Mode).Perm(), Data: file.Data})
	}
	return out
}

// volumeSources are the spec files that a volume's content comes from.
func (f *facts) volumeSources(ds *spec.DaemonSet, volume string) []string {
	var files []string
	add := func(kind, name string) {
		if file := f.sources[kind+"/"+ds.Object.Namespace+"/"+name]; file != "" {
			files = append(files, file)
		}
	}
	for _, v := range ds.Object.Spec.Template.Spec.Volumes {
		switch {
		case v.Name != volume:
		case v.ConfigMap != nil:
			add(resolve.KindConfigMap, v.ConfigMap.Name)
		case v.Secret != nil:
			add(resolve.KindSecret, v.Secret.SecretName)
		case v.Projected != nil:
			for _, p := range v.Projected.Sources {
				if p.ConfigMap != nil {
					add(resolve.KindConfigMap, p.ConfigMap.Name)
				}
				if p.Secret != nil {
					add(resolve.KindSecret, p.Secret.Name)
				}
			}
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// whatIf decides DaemonSets that are not in effect. What is computed for them is not kept.
func (a *Agent) whatIf(s *state, objects spec.Objects) []plan.Wanted {
	kept := a.rendered
	a.rendered = map[*spec.DaemonSet]*rendered{}
	defer func() { a.rendered = kept }()
	return a.wanted(s, objects)
}

// layConfigs brings the files of volumes on disk before anything is planned: a pod never starts without them, and one
// that runs sees a change at once. A DaemonSet whose files cannot be laid is blocked; what runs stays.
func (a *Agent) layConfigs(s *state) {
	present := map[string]bool{}
	for _, p := range s.input.Present {
		present[p.Key+"/"+p.Revision] = true
	}
	var want []trees.Tree
	for i, ds := range s.specs.DaemonSets {
		w, r := s.input.Wanted[i], a.rendered[ds]
		if w.Blocked == "" && !w.Evicted && w.Decision.ShouldContinueRunning && (w.Decision.ShouldRun || present[w.Key+"/"+w.Manifest.Revision]) {
			want = append(want, r.trees...)
		}
	}
	if len(want) == 0 {
		a.clear("ConfigNotLaid")
		return
	}
	_, err := a.trees.Apply(want)
	a.when(err != nil, "ConfigNotLaid", api.SeverityError, errorText(err), "")
	failed := failedTrees(err)
	for i := range s.input.Wanted {
		if text, ok := failed[s.input.Wanted[i].Key]; ok {
			s.input.Wanted[i].Blocked = text
		}
	}
}

// failedTrees is the first failure of each DaemonSet.
func failedTrees(err error) map[string]string {
	failed := map[string]string{}
	list, _ := errors.AsType[trees.Errors](err)
	for _, e := range list {
		key := e.Namespace + "/" + e.DaemonSet
		if _, ok := failed[key]; !ok {
			failed[key] = e.Error()
		}
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
func (a *Agent) dropConfigs(s state, out plan.Output) {
	k := s.input.Kubelet
	if s.scanErr != nil || !k.AssumeReady && (!k.Healthy || k.RunningAt.IsZero()) {
		return
	}
	used := map[string]bool{}
	for _, w := range s.input.Wanted {
		used[w.Key+"-"+w.Manifest.Revision] = w.Decision.ShouldContinueRunning
	}
	for _, p := range s.input.Present {
		used[p.Key+"-"+p.Revision] = true
	}
	for key, m := range out.Memories {
		namespace, _ := splitKey(key)
		for _, l := range m.Leaving {
			used[namespace+"/"+l.PodName] = true
		}
	}
	for name := range k.Running {
		used[strings.TrimSuffix(name, "-"+s.input.Node)] = true
	}
	err := a.trees.Keep(func(namespace, daemonSet, revision string) bool {
		return used[namespace+"/"+render.PodName(daemonSet, revision)]
	})
	a.when(err != nil, "ConfigNotRemoved", api.SeverityWarning, errorText(err), "remove what is left by hand")
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
		return cmp.Or(cmp.Compare(x.DaemonSet, y.DaemonSet), cmp.Compare(x.Path, y.Path))
	})
	return out, nil
}
