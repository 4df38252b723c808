package node

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/strictyaml"
)

// nodeFileLimits bounds a node file: one small object.
func nodeFileLimits() strictyaml.Limits {
	return strictyaml.Limits{MaxBytes: maxFileBytes, MaxDepth: 32, MaxDocuments: 2, MaxNodes: 20_000}
}

const allowedHint = "a node file holds metadata.labels, metadata.annotations, spec.taints and spec.unschedulable; " +
	"remove this"

// nodeFile is one node file while it is looked at.
type nodeFile struct {
	doc      *strictyaml.Document
	facts    fileFacts
	problems diag.List
}

// parseNodeFile reads one node file: a v1 Node with labels, annotations, taints and unschedulable and nothing else. It
// is decoded as the whole Node first, so that a mistyped field gets the field that was meant, and only then is
// everything refused that this agent finds out by itself or has no use for.
func parseNodeFile(path string, data []byte, nodeName string) (fileFacts, diag.List) {
	docs, problems := strictyaml.Parse(path, data, nodeFileLimits())
	if problems.HasErrors() {
		return fileFacts{}, problems
	}
	if len(docs) == 0 {
		return fileFacts{}, append(problems, diag.Problem{
			Severity: diag.Error, File: path, Line: 1, Column: 1, Message: "the file is empty, wanted a v1 Node",
			Hint: "what it said last stays in effect; remove the file to take that back",
		})
	}
	f := &nodeFile{doc: docs[0], facts: fileFacts{Path: path}, problems: problems}
	for _, more := range docs[1:] {
		f.problems = append(f.problems, more.Problem(diag.Error, "", "a second document, wanted one Node in this file",
			"put it into a file of its own"))
	}
	f.read(nodeName)
	f.problems.Sort()
	return f.facts, f.problems
}

func (f *nodeFile) read(nodeName string) {
	if !f.header() {
		return
	}
	var n corev1.Node
	f.problems = append(f.problems, f.doc.Decode(&n)...)
	f.onlyAllowed(nil, allowedFields())
	if n.Name != "" && n.Name != nodeName {
		f.fail("metadata.name", fmt.Sprintf("the name is %q, but this node is %q", n.Name, nodeName),
			"remove the name, or see that the file belongs on this host")
	}
	f.labels(n.Labels)
	f.annotations(n.Annotations)
	for i, t := range n.Spec.Taints {
		f.taint(i, t)
	}
	f.cordon(n.Spec.Unschedulable)
}

func (f *nodeFile) fail(path, message, hint string) {
	f.problems = append(f.problems, f.doc.Problem(diag.Error, path, message, hint))
}

func (f *nodeFile) warn(path, message, hint string) {
	f.problems = append(f.problems, f.doc.Problem(diag.Warning, path, message, hint))
}

// line is the line of a field, from 1.
func (f *nodeFile) line(path string) int {
	return f.doc.Problem(diag.Info, path, "", "").Line
}

func (f *nodeFile) header() bool {
	if !f.doc.IsObject() {
		f.fail("", "wanted a v1 Node", "begin with the lines apiVersion: v1 and kind: Node")
		return false
	}
	n := len(f.problems)
	if v := f.doc.APIVersion(); v != "v1" {
		f.fail("apiVersion", fmt.Sprintf("apiVersion is %q, wanted v1", v),
			"begin with the lines apiVersion: v1 and kind: Node")
	}
	if k := f.doc.Kind(); k != "Node" {
		f.fail("kind", fmt.Sprintf("kind is %q, wanted Node", k), "workloads belong into the specs directory")
	}
	return len(f.problems) == n
}

// fieldTree is the fields that may stand in a file; a nil subtree allows anything below.
type fieldTree map[string]fieldTree

func allowedFields() fieldTree {
	return fieldTree{
		"apiVersion": nil, "kind": nil,
		"metadata": {"name": nil, "labels": nil, "annotations": nil},
		"spec":     {"taints": nil, "unschedulable": nil},
	}
}

// onlyAllowed reports the fields that a Node may have and a node file may not. One that no Node has is reported
// already.
func (f *nodeFile) onlyAllowed(at []string, allowed fieldTree) {
	for _, name := range f.keys(at) {
		below, ok := allowed[name]
		path := append(slices.Clone(at), name)
		switch {
		case ok && below != nil:
			f.onlyAllowed(path, below)
		case !ok && f.doc.Has(path...) && !f.reported(strings.Join(path, ".")):
			f.fail(strings.Join(path, "."), fmt.Sprintf("%s cannot be set in a node file", strings.Join(path, ".")), allowedHint)
		}
	}
}

// keys is the keys of a mapping in the file, sorted.
func (f *nodeFile) keys(at []string) []string {
	data, _ := f.doc.Canonical(at...)
	var m map[string]json.RawMessage
	if json.Unmarshal(data, &m) != nil {
		return nil
	}
	return sortedKeys(m)
}

func (f *nodeFile) reported(path string) bool {
	return slices.ContainsFunc(f.problems, func(p diag.Problem) bool { return p.Path == path })
}

func (f *nodeFile) labels(labels map[string]string) {
	at := field.NewPath("metadata", "labels")
	if len(labels) > maxLabels {
		f.fail(at.String(), fmt.Sprintf("%d labels, more than the %d allowed", len(labels), maxLabels), "")
		return
	}
	f.facts.Labels = map[string]fact{}
	for _, key := range sortedKeys(labels) {
		path := at.Key(key).String()
		if machineLabel(key) {
			f.fail(path, fmt.Sprintf("label %q follows the machine and cannot be set", key),
				"remove it; the agent sets it as the kubelet does")
			continue
		}
		f.syntax(path, "label key", key, validation.IsQualifiedName(key))
		f.syntax(path, "label value", labels[key], validation.IsValidLabelValue(labels[key]))
		f.facts.Labels[key] = fact{labels[key], f.line(path)}
	}
}

func (f *nodeFile) annotations(annotations map[string]string) {
	at := field.NewPath("metadata", "annotations")
	f.facts.Annotations = map[string]fact{}
	size := 0
	for _, key := range sortedKeys(annotations) {
		path := at.Key(key).String()
		// As ValidateAnnotations of apimachinery: the key may be in any case.
		f.syntax(path, "annotation key", key, validation.IsQualifiedName(strings.ToLower(key)))
		size += len(key) + len(annotations[key])
		f.facts.Annotations[key] = fact{annotations[key], f.line(path)}
	}
	if size > maxAnnotationBytes {
		f.fail(at.String(), fmt.Sprintf("the annotations have %d bytes, more than the %d allowed", size, maxAnnotationBytes),
			"")
	}
}

func (f *nodeFile) syntax(path, what, value string, errs []string) {
	for _, e := range errs {
		f.fail(path, fmt.Sprintf("invalid %s %q: %s", what, value, e), "")
	}
}

// taint checks as validateNodeTaints of pkg/apis/core/validation/validation.go, whose paths it gives.
func (f *nodeFile) taint(i int, t corev1.Taint) {
	at := field.NewPath("spec", "taints").Index(i)
	if i == maxTaints {
		f.fail(at.String(), fmt.Sprintf("more than %d taints", maxTaints), "")
	}
	if i >= maxTaints {
		return
	}
	f.syntax(at.Child("key").String(), "taint key", t.Key, validation.IsQualifiedName(t.Key))
	f.syntax(at.Child("value").String(), "taint value", t.Value, validation.IsValidLabelValue(t.Value))
	if !validEffect(t.Effect) {
		f.fail(at.Child("effect").String(), fmt.Sprintf("taint effect is %q, wanted %s", t.Effect,
			strings.Join(effects(), ", ")), didYouMean(string(t.Effect), effects()))
		return
	}
	if t.TimeAdded != nil {
		f.fail(at.Child("timeAdded").String(), "timeAdded cannot be set in a node file",
			"remove it; the agent notes the time by itself")
	}
	if owner := conditionOwns(t); owner != "" {
		f.warn(at.String(), fmt.Sprintf("taint %q follows %s; here it has no effect", taintID(t), owner), cordonHint(t))
		return
	}
	if slices.ContainsFunc(f.facts.Taints, func(o taintFact) bool { return sameTaint(o.Taint, t) }) {
		f.fail(at.String(), fmt.Sprintf("taint %q stands here twice; taints must be unique by key and effect pair",
			taintID(t)), "remove one")
		return
	}
	f.facts.Taints = append(f.facts.Taints, taintFact{
		corev1.Taint{Key: t.Key, Value: t.Value, Effect: t.Effect},
		f.line(at.String()),
	})
}

func cordonHint(t corev1.Taint) string {
	if t.Key == corev1.TaintNodeUnschedulable {
		return "set spec.unschedulable: true instead"
	}
	return "remove it"
}

func (f *nodeFile) cordon(value bool) {
	if f.doc.Has("spec", "unschedulable") {
		f.facts.Cordon = &cordonFact{value, f.line("spec.unschedulable")}
	}
}

func didYouMean(got string, known []string) string {
	if near, ok := diag.Suggest(got, known); ok {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return ""
}
