package api

import (
	"net/url"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/daemonsetd/daemonsetd/agent/registry"
)

// filter says which objects of a resource are wanted.
type filter struct {
	namespace string
	labels    labels.Selector
	fields    fields.Selector
}

func parseFilter(q url.Values, res registry.Resource) (filter, error) {
	sel, err := labels.Parse(q.Get("labelSelector"))
	if err != nil {
		return filter{}, Errorf(CodeBadRequest, "labelSelector: %v", err)
	}
	fs, err := fields.ParseSelector(q.Get("fieldSelector"))
	if err != nil {
		return filter{}, Errorf(CodeBadRequest, "fieldSelector: %v", err)
	}
	known := fieldsOf(emptyOf(res))
	for _, req := range fs.Requirements() {
		if !known.Has(req.Field) {
			return filter{}, Errorf(CodeBadRequest, "fieldSelector: %s have no field %q to select by", res, req.Field)
		}
	}
	return filter{namespace: q.Get("namespace"), labels: sel, fields: fs}, nil
}

// matches tells whether an object is wanted. A nil object is not.
func (f filter) matches(obj registry.Object) bool {
	if obj == nil {
		return false
	}
	if f.namespace != "" && obj.GetNamespace() != f.namespace {
		return false
	}
	if !f.labels.Matches(labels.Set(obj.GetLabels())) {
		return false
	}
	return f.fields.Empty() || f.fields.Matches(fieldsOf(obj))
}

// event is what a change is for somebody who sees only what the filter lets through; false when it is nothing.
func (f filter) event(c registry.Change) (watch.EventType, bool) {
	before := c.Previous != nil && f.matches(c.Previous)
	after := c.Type != watch.Deleted && f.matches(c.Object)
	switch {
	case before && after:
		return watch.Modified, true
	case before:
		return watch.Deleted, true
	case after:
		return watch.Added, true
	default:
		return "", false
	}
}

func emptyOf(res registry.Resource) registry.Object {
	switch res {
	case registry.Pods:
		return &corev1.Pod{}
	case registry.Events:
		return &corev1.Event{}
	default:
		return &corev1.Node{}
	}
}

// fieldsOf is what an object can be selected by, as in Kubernetes (the ToSelectableFields functions of
// k8s.io/kubernetes/pkg/registry).
func fieldsOf(obj registry.Object) fields.Set {
	set := fields.Set{"metadata.name": obj.GetName(), "metadata.namespace": obj.GetNamespace()}
	switch o := obj.(type) {
	case *corev1.Pod:
		set["spec.nodeName"] = o.Spec.NodeName
		set["status.phase"] = string(o.Status.Phase)
		set["status.podIP"] = o.Status.PodIP
	case *corev1.Event:
		set["involvedObject.kind"] = o.InvolvedObject.Kind
		set["involvedObject.namespace"] = o.InvolvedObject.Namespace
		set["involvedObject.name"] = o.InvolvedObject.Name
		set["involvedObject.uid"] = string(o.InvolvedObject.UID)
		set["reason"] = o.Reason
		set["type"] = o.Type
	}
	return set
}
