package conformance

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/manifests/render"
	"github.com/daemonsetd/daemonsetd/manifests/resolve"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

// opinion is what all sides say of one file.
type opinion struct {
	data []byte
	// refusal is the API server's, nil where it would store the object.
	refusal *refusal
	// unfit is why a kubelet would not run the pod that would be written; only known of files that are not refused.
	unfit error
	ours  spec.Parsed
}

// ask asks all sides, ours first: whether privileged containers are allowed is a setting of the process, which an API
// server and a kubelet make, and so must we.
func ask(data []byte) (opinion, error) {
	o := opinion{data: data, ours: spec.Parse("specs/agent.yaml", data)}
	refusal, err := create(data)
	if err != nil {
		return opinion{}, err
	}
	o.refusal = refusal
	if refusal == nil {
		ds, err := defaulted(data)
		if err != nil {
			return opinion{}, fmt.Errorf("decode what was accepted: %w", err)
		}
		o.unfit = writeAndRead(ds)
	}
	return o, nil
}

// writeAndRead gives the manifest of the DaemonSet to the kubelet's decoder. What it refers to is not at hand.
func writeAndRead(ds *appsv1.DaemonSet) error {
	ds = resolve.Placeholder(ds).DaemonSet(func(resolve.Tree) string { return "/config" })
	manifest, _, err := render.Render(ds, render.Options{NodeName: nodeName, Revision: render.Revision([]byte("{}")), Source: "specs/agent.yaml"})
	if err != nil {
		return err
	}
	return readStaticPod(manifest.Data)
}

func (o opinion) accepted() bool { return !o.ours.Problems.HasErrors() && len(o.ours.DaemonSets) == 1 }

// disagreement says what must not be, "" when all is well.
func (o opinion) disagreement() string {
	switch {
	case o.refusal != nil && o.accepted():
		return "accepted, but an API server says " + o.refusal.text
	case o.refusal != nil:
		return o.missing()
	case o.unfit != nil && o.accepted():
		return "accepted, but a kubelet says " + o.unfit.Error()
	case o.unfit == nil && !o.accepted():
		return "refused, but an API server and a kubelet take it"
	case o.accepted():
		return o.defaults()
	}
	return ""
}

var indices = regexp.MustCompile(`\[\d+\]`)

// missing says which places of the API server's errors are not among those of ours.
func (o opinion) missing() string {
	exact, loose, lines := map[string]bool{}, map[string]bool{}, map[int]bool{}
	for _, problem := range o.ours.Problems.Errors() {
		path := indices.ReplaceAllString(problem.Path, "")
		exact[problem.Path], loose[path], lines[problem.Line] = true, true, true
		if key := strings.LastIndexByte(path, '['); key > 0 { // the decoder names the mapping, we the key in it
			loose[path[:key]] = true
		}
	}
	var missed []string
	for _, path := range o.refusal.paths {
		if !exact[inFile(path)] {
			missed = append(missed, path)
		}
	}
	for _, path := range o.refusal.loose {
		if !loose[path] {
			missed = append(missed, path+" (without indices)")
		}
	}
	for _, line := range o.refusal.lines {
		if !lines[line] {
			missed = append(missed, fmt.Sprintf("line %d", line))
		}
	}
	if len(missed) == 0 {
		return ""
	}
	return fmt.Sprintf("no problem at %s; ours are at %s; an API server says %s",
		strings.Join(missed, ", "), strings.Join(slices.Sorted(maps.Keys(exact)), ", "), o.refusal.text)
}

// inFile is where a field of an error stands in the file. Validation names three of them otherwise.
func inFile(path string) string {
	for short, long := range map[string]string{
		"spec.template.labels":      "spec.template.metadata.labels",
		"spec.template.annotations": "spec.template.metadata.annotations",
	} {
		if rest, ok := strings.CutPrefix(path, short); ok {
			return long + rest
		}
	}
	return path
}

// defaults says where our object differs from the one that an API server has after decoding and defaulting.
func (o opinion) defaults() string {
	want, err := defaulted(o.data)
	if err != nil {
		return err.Error()
	}
	got := o.ours.DaemonSets[0].Object.DeepCopy()
	want.TypeMeta, got.TypeMeta = metav1.TypeMeta{}, metav1.TypeMeta{}
	if apiequality.Semantic.DeepEqual(want, got) {
		return ""
	}
	return "other defaults (-API server +ours):\n" + cmp.Diff(want, got)
}
