package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/placement"
	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/manifests/assemble"
	"github.com/daemonsetd/daemonsetd/manifests/render"
	"github.com/daemonsetd/daemonsetd/manifests/resolve"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
	"github.com/daemonsetd/daemonsetd/manifests/trees"
)

// rendered is one manifest with the files of its volumes.
type rendered struct {
	manifest render.Manifest
	trees    []api.ConfigTree
}

// rendering makes the manifests of DaemonSets for nodes.
type rendering struct {
	*deps
	options renderOptions
	layout  assemble.Layout

	out []rendered
	// bad counts bad files, lacking the DaemonSets that lack something.
	bad, lacking int
	// hidden is set when a value was replaced.
	hidden bool
}

func (r *rendering) run(files specFiles, nodes []*corev1.Node) error {
	var sets []*spec.DaemonSet
	sets, r.bad = files.daemonSets()
	base := assemble.New(assemble.Config{Objects: files.objects, Path: r.layout.Path})
	for _, set := range sets {
		compiled := placement.Compile(set.Object)
		var missing diag.List
		for _, node := range nodes {
			if should, _ := compiled.Fits(node); !should && !r.options.all {
				r.notef("%s does not belong on node %s: %s", set.Key(), node.Name, failing(compiled.Decide(node)))
				continue
			}
			lacks, err := r.one(base.For(assemble.NodeOf(node)), set, node.Name)
			if err != nil {
				return fmt.Errorf("rendering %s for node %s: %w", set.Key(), node.Name, err)
			}
			missing = append(missing, lacks...)
		}
		if err := r.tell(missing); err != nil {
			return err
		}
	}
	return nil
}

// failing names the predicates that keep a DaemonSet off a node, with what they saw.
func failing(dec placement.Decision) string {
	var texts []string
	for _, reason := range dec.Reasons {
		if !reason.Passed {
			texts = append(texts, reason.Predicate+": "+cellText(reason.Message))
		}
	}
	return strings.Join(texts, "; ")
}

// tell shows what a DaemonSet lacks, on all nodes together.
func (r *rendering) tell(missing diag.List) error {
	if len(missing) == 0 {
		return nil
	}
	r.lacking++
	return diag.Render(r.err, unique(missing), diag.RenderOptions{})
}

func unique(list diag.List) diag.List {
	seen := map[diag.Problem]bool{}
	var out diag.List
	for _, p := range list {
		if !seen[p] {
			seen[p] = true
			out = append(out, p)
		}
	}
	return out
}

func (r *rendering) one(a *assemble.Assembler, set *spec.DaemonSet, node string) (lacks diag.List, err error) {
	made, err := a.Assemble(set)
	if err != nil {
		return nil, err
	}
	for _, m := range made.Missing {
		lacks = append(lacks, lacking(set, m))
	}
	if lacks != nil {
		return lacks, nil
	}
	for _, c := range made.Changes {
		if !c.Silent {
			r.warnf("%s: %s: %s", set.Key(), c.Path, c.Message)
		}
	}
	out := rendered{manifest: made.Manifest}
	if !r.options.showSecrets {
		var found bool
		if out.manifest, found, err = a.HideSecrets(set, made); err != nil {
			return nil, err
		}
		r.hidden = r.hidden || found
	}
	for _, t := range made.Trees {
		out.trees = append(out.trees, r.tree(t, made.Manifest.PodName+"-"+node))
	}
	r.out = append(r.out, out)
	return nil, nil
}

// lacking is what is missing at its place, with what to do about it here.
func lacking(set *spec.DaemonSet, m resolve.Missing) diag.Problem {
	p := set.Place(m)
	switch m.Reason {
	case resolve.ObjectMissing, resolve.KeyMissing:
		p.Hint = "give a file that has it with -f; without it the agent writes no pod, and one that runs stays"
	case resolve.AddressMissing:
		p.Hint = "use --node-address, or status.addresses in the file of the node"
	}
	return p
}

// tree is a volume's files as the agent would list them.
func (r *rendering) tree(t trees.Tree, pod string) api.ConfigTree {
	out := api.ConfigTree{
		DaemonSet: t.Namespace + "/" + t.DaemonSet, Revision: t.Revision, Volume: t.Volume, Pod: pod,
		Secret: t.Secret, InMemory: r.layout.InMemory(t), Path: r.layout.Path(t), Sources: t.Sources,
		Files: []api.ConfigFile{},
	}
	for _, f := range t.Files {
		sum := sha256.Sum256(f.Data)
		out.Files = append(out.Files, api.ConfigFile{
			Path: f.Path, Mode: fmt.Sprintf("%04o", f.Mode.Perm()), Size: int64(len(f.Data)), SHA256: hex.EncodeToString(sum[:]),
		})
	}
	return out
}
