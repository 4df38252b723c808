package registry

import (
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/daemonsetd/daemonsetd/agent/versions"
)

// Object is a Kubernetes object with metadata.
type Object interface {
	runtime.Object
	metav1.Object
}

type (
	// Change is one step of a resource's history.
	Change = versions.Change[Object]
	// Watcher is a place in the history of one resource.
	Watcher = versions.Watcher[Object]
)

// Kind returns the group, version and kind of a resource's objects.
func Kind(res Resource) schema.GroupVersionKind {
	switch res {
	case Nodes:
		return corev1.SchemeGroupVersion.WithKind("Node")
	case DaemonSets:
		return appsv1.SchemeGroupVersion.WithKind("DaemonSet")
	case Pods:
		return corev1.SchemeGroupVersion.WithKind("Pod")
	case Events:
		return corev1.SchemeGroupVersion.WithKind("Event")
	default:
		return schema.GroupVersionKind{}
	}
}

// key is an object's name with its namespace. The byte between them is in no name, and sorts before all that are: a
// namespace comes before the ones that begin with its name.
func key(namespace, name string) string { return namespace + "\x00" + name }

func keyOf(obj Object) string { return key(obj.GetNamespace(), obj.GetName()) }

func newTable(res Resource, counter *versions.Counter, limit int) *versions.Table[Object] {
	kind := Kind(res)
	return versions.New(counter, versions.Kind[Object]{
		Name:  string(res),
		Key:   keyOf,
		Same:  func(old, next Object) bool { return equality.Semantic.DeepEqual(old, next) },
		Own:   func(given, old Object) Object { return own(kind, given, old) },
		Stamp: func(o Object, version uint64) { o.SetResourceVersion(strconv.FormatUint(version, 10)) },
		Limit: limit,
	})
}

// own copies an object and gives it what the registry is in charge of, taken from old where there is one.
func own(kind schema.GroupVersionKind, given, old Object) Object {
	next := clone(given)
	next.GetObjectKind().SetGroupVersionKind(kind)
	next.SetResourceVersion("")
	created := metav1.NewTime(time.Now().Truncate(time.Second))
	if old != nil {
		next.SetResourceVersion(old.GetResourceVersion())
		created = old.GetCreationTimestamp()
	}
	if stamp := next.GetCreationTimestamp(); stamp.IsZero() {
		next.SetCreationTimestamp(created)
	}
	return next
}

// clone copies an object. Every object that can get into a table is an Object, and so is its copy.
func clone(obj Object) Object {
	copied, _ := obj.DeepCopyObject().(Object)
	return copied
}
