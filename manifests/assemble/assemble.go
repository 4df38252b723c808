// Package assemble makes everything that is laid on a host for a DaemonSet: the manifest of its static pod, and the
// files of its ConfigMap, Secret and projected volumes. The agent writes what it gives, and dsctl shows it, so that
// both are the same.
//
// It brings packages resolve, render and trees together. It reads no disk and keeps nothing: what a DaemonSet refers to
// comes from objects that were read before, facts about the node from whoever knows it.
package assemble

import (
	"io/fs"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/manifests/render"
	"github.com/daemonsetd/daemonsetd/manifests/resolve"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
	"github.com/daemonsetd/daemonsetd/manifests/trees"
)

// Node is what a pod may be told of its node.
type Node struct {
	// Name is the node's name as the kubelet has it.
	Name   string
	Labels map[string]string
	// Addresses are those of type InternalIP, in order.
	Addresses []string
}

// NodeOf takes it from a Node object.
func NodeOf(n *corev1.Node) Node {
	out := Node{Name: n.Name, Labels: n.Labels}
	for _, a := range n.Status.Addresses {
		if a.Type == corev1.NodeInternalIP {
			out.Addresses = append(out.Addresses, a.Address)
		}
	}
	return out
}

// Config is what an Assembler needs.
type Config struct {
	Objects spec.Objects
	Node    Node
	// Path says where the files of a volume lie, as an absolute path, from everything in the tree but its files.
	Path func(trees.Tree) string
}

// Assembler assembles DaemonSets with the same objects for the same node. It is not safe for use by several goroutines.
type Assembler struct {
	cfg Config
	// find and sources are made when a DaemonSet first refers to something: most refer to nothing.
	find    func(namespace string) resolve.Input
	sources map[Object]string
}

// New makes an Assembler. The objects must not be changed while it is in use.
func New(c Config) *Assembler { return &Assembler{cfg: c} }

// For is an Assembler with the same objects for another node.
func (a *Assembler) For(n Node) *Assembler {
	a.prepare()
	other := *a
	other.cfg.Node = n
	return &other
}

func (a *Assembler) prepare() {
	if a.find == nil {
		a.find, a.sources = a.cfg.Objects.Finder(), sourcesOf(a.cfg.Objects)
	}
}

// Assembly is what is laid for one DaemonSet.
type Assembly struct {
	// Revision is that of Manifest, and is set also where there is no manifest. Fleet is the same without what comes from
	// this node's labels and addresses: hosts with the same files have the same one.
	Revision, Fleet string
	// Missing says why there are no manifest and no trees.
	Missing []resolve.Missing
	// Manifest is the pod. Changes is what of the template is not in it, or is there in another form.
	Manifest render.Manifest
	Changes  []render.Change
	// Trees are the files of the volumes, sorted by volume.
	Trees []trees.Tree
	// Refers is set where other objects or the node can make a difference.
	Refers bool
}

// Assemble makes a DaemonSet's manifest and files. While something is missing there are none, and that is no error; an
// error is that the manifest cannot be made (render.Render).
func (a *Assembler) Assemble(ds *spec.DaemonSet) (Assembly, error) {
	return a.assemble(ds, "", ds.Source.File)
}

// Like assembles a DaemonSet under the revision and the source of a manifest that stands, to see whether its pod is the
// one that would be written, but for its revision.
func (a *Assembler) Like(ds *spec.DaemonSet, h render.Header) (Assembly, error) {
	return a.assemble(ds, h.Revision, h.Source)
}

// assemble names everything after the revision, if there is one, instead of the DaemonSet's own.
func (a *Assembler) assemble(ds *spec.DaemonSet, revision, source string) (Assembly, error) {
	res := resolve.Resolve(a.input(ds))
	out := Assembly{Revision: render.Revision(ds.Template, res.Digests...), Missing: res.Missing, Changes: res.Changes}
	if revision != "" {
		out.Revision = revision
	}
	out.Fleet = render.Revision(ds.Template, without(res.Digests, res.NodeDigests)...)
	out.Refers = refersToAny(res)
	if len(res.Missing) > 0 {
		return out, nil
	}
	out.Trees = a.trees(ds, out.Revision, res)
	m, changes, err := a.render(ds, res, out.Revision, source)
	out.Manifest, out.Changes = m, append(out.Changes, changes...)
	return out, err
}

// Files are the files of the DaemonSet's volumes for pods of a revision that was made from its template at another
// time, with values in the environment, or labels of the node, that were others. There are none while something for
// them is missing.
func (a *Assembler) Files(ds *spec.DaemonSet, revision string) []trees.Tree {
	res := resolve.Resolve(a.input(ds))
	if slices.ContainsFunc(res.Missing, func(m resolve.Missing) bool { return strings.HasPrefix(m.Path, volumesPath) }) {
		return nil
	}
	return a.trees(ds, revision, res)
}

// volumesPath begins the path of every field of a volume.
const volumesPath = "spec.template.spec.volumes["

func (a *Assembler) trees(ds *spec.DaemonSet, revision string, res resolve.Result) []trees.Tree {
	var out []trees.Tree
	for _, t := range res.Trees(revision) {
		out = append(out, a.tree(ds, revision, t))
	}
	return out
}

// Missing is Assembly.Missing alone, and whether other objects or the node can make a difference at all.
func (a *Assembler) Missing(ds *spec.DaemonSet) (missing []resolve.Missing, refers bool) {
	res := resolve.Resolve(a.input(ds))
	return res.Missing, refersToAny(res)
}

// without is a list less another, element by element.
func without(list, less []string) []string {
	out := slices.Clone(list)
	for _, s := range less {
		if i := slices.Index(out, s); i >= 0 {
			out = slices.Delete(out, i, i+1)
		}
	}
	return out
}

func refersToAny(res resolve.Result) bool {
	return len(res.Digests)+len(res.Missing)+len(res.Trees("")) > 0 || res.ClassMissing
}

func (a *Assembler) render(ds *spec.DaemonSet, res resolve.Result, revision, source string) (render.Manifest,
	[]render.Change, error,
) {
	resolved := res.DaemonSet(func(t resolve.Tree) string { return a.cfg.Path(a.tree(ds, revision, t)) })
	return render.Render(resolved, render.Options{NodeName: a.cfg.Node.Name, Revision: revision, Source: source})
}

func (a *Assembler) input(ds *spec.DaemonSet) resolve.Input {
	a.prepare()
	in := a.find(ds.Object.Namespace)
	in.DaemonSet, in.NodeName = ds.Object, a.cfg.Node.Name
	in.NodeLabels, in.NodeAddresses = a.cfg.Node.Labels, a.cfg.Node.Addresses
	if len(in.NodeAddresses) > 0 {
		in.NodeAddress = in.NodeAddresses[0]
	}
	return in
}

// rootMode is the mode of a volume's own directory: that of every emptyDir, which the kubelet lays such volumes in
// (perm in pkg/volume/emptydir). One in memory is a tmpfs, the root of which is sticky. Nobody writes to it: it is
// mounted read-only, and the directories above are for root alone.
const rootMode fs.FileMode = 0o777

// groupDirMode is what the kubelet gives to directories of a read-only volume with an fsGroup (changeFilePermission in
// pkg/volume/volume_linux.go).
const groupDirMode = fs.ModeSetgid | 0o550

// tree is a volume's files as the disk takes them.
func (a *Assembler) tree(ds *spec.DaemonSet, revision string, t resolve.Tree) trees.Tree {
	out := trees.Tree{
		Namespace: ds.Object.Namespace, DaemonSet: ds.Object.Name, Revision: revision, Volume: t.Volume,
		Secret: t.Secret, Mountpoints: t.MountPoints, GID: t.FSGroup, Sources: a.volumeSources(ds, t.Volume),
	}
	out.RootMode = rootMode
	if t.Memory {
		out.RootMode |= fs.ModeSticky
	}
	if t.FSGroup != nil {
		out.DirMode = trees.DefaultDirMode | groupDirMode
		out.RootMode |= groupDirMode
	}
	for _, f := range t.Files {
		out.Files = append(out.Files, trees.File{Path: f.Path, Mode: fs.FileMode(f.Mode).Perm(), Data: f.Data})
	}
	return out
}
