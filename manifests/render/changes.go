package render

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	metaPath = "spec.template.metadata."
	specPath = "spec.template.spec."

	// Values of the two built-in classes (pkg/apis/scheduling/types.go in Kubernetes).
	systemClusterCritical         = "system-cluster-critical"
	systemClusterCriticalPriority = int32(2_000_000_000)
	systemNodeCritical            = "system-node-critical"
	systemNodeCriticalPriority    = systemClusterCriticalPriority + 1000
)

// changes collects what a static pod cannot carry while it takes it out.
type changes []Change

func (c *changes) loud(when bool, path, message string) {
	if when {
		*c = append(*c, Change{Path: path, Message: message})
	}
}

func (c *changes) silent(when bool, path, message string) {
	if when {
		*c = append(*c, Change{Path: path, Message: message, Silent: true})
	}
}

// metadata only reports: the pod's metadata is built anew from labels and annotations. The controller, too, takes no
// more of a template's metadata than labels, annotations and finalizers (GetPodFromTemplate in
// pkg/controller/controller_utils.go).
func (c *changes) metadata(m *metav1.ObjectMeta) {
	const ignored = "left out: a DaemonSet's pods do not take it from the template"
	c.silent(m.Name != "", metaPath+"name", ignored)
	c.silent(m.GenerateName != "", metaPath+"generateName", ignored)
	c.silent(m.Namespace != "", metaPath+"namespace", ignored)
	c.silent(m.UID != "", metaPath+"uid", ignored)
	c.silent(len(m.OwnerReferences) > 0, metaPath+"ownerReferences", ignored)
	c.loud(len(m.Finalizers) > 0, metaPath+"finalizers",
		"left out: without an API server nobody would wait for a finalizer or remove it")
	for _, k := range slices.Sorted(maps.Keys(m.Annotations)) {
		path := metaPath + "annotations[" + k + "]"
		c.silent(strings.HasPrefix(k, kubeletAnnotations), path, "left out: the kubelet sets it itself")
		c.loud(ownAnnotation(k), path, "replaced: daemonsetd sets it itself")
	}
	c.silent(m.Labels[LabelRevision] != "", metaPath+"labels["+LabelRevision+"]",
		"replaced by the revision, as the DaemonSet controller does")
}

func ownAnnotation(key string) bool {
	switch key {
	case AnnotationDaemonSet, AnnotationRevision, AnnotationSource, AnnotationChecksum, AnnotationPull:
		return true
	}
	return false
}

// spec takes out of a pod what a static pod cannot carry; tokenless says that no token is missed.
func (c *changes) spec(s *corev1.PodSpec, tokenless bool) {
	c.placement(s)
	c.apiObjects(s, tokenless)
	c.priority(s)
	c.loud(len(s.EphemeralContainers) > 0, specPath+"ephemeralContainers",
		"left out: a pod cannot be created with ephemeral containers")
	s.EphemeralContainers = nil
	c.loud(len(s.ReadinessGates) > 0, specPath+"readinessGates",
		"left out: without an API server nobody could set their conditions, and the pod would never be ready")
	s.ReadinessGates = nil
	c.loud(s.RuntimeClassName != nil && *s.RuntimeClassName != "", specPath+"runtimeClassName",
		"kept, but a kubelet without an API server ignores it: the pod runs under the node's default runtime")
}

// placement takes out what says where the pod may run. That has been decided; the kubelet would decide again, against
// labels that it knows and this agent may not, and would fail the pod for good (AdmissionCheck in
// pkg/scheduler/eventhandlers.go).
func (c *changes) placement(s *corev1.PodSpec) {
	const decided = "left out of the manifest: already decided for this node"
	c.silent(s.NodeName != "", specPath+"nodeName", decided)
	c.silent(len(s.NodeSelector) > 0, specPath+"nodeSelector", decided)
	if a := s.Affinity; a != nil {
		const unscheduled = "has no effect: a static pod is placed without regard to the other pods of the node"
		c.silent(a.NodeAffinity != nil, specPath+"affinity.nodeAffinity", decided)
		c.loud(a.PodAffinity != nil, specPath+"affinity.podAffinity", unscheduled)
		c.loud(a.PodAntiAffinity != nil, specPath+"affinity.podAntiAffinity", unscheduled)
	}
	c.silent(len(s.TopologySpreadConstraints) > 0, specPath+"topologySpreadConstraints",
		"left out: a DaemonSet has one pod on every node that qualifies, so there is nothing to spread")
	s.NodeName, s.NodeSelector, s.Affinity, s.TopologySpreadConstraints = "", nil, nil, nil
}

// apiObjects takes out references to API objects, for which the kubelet refuses a static pod (HasAPIObjectReference in
// pkg/api/pod/util.go), where the pod can be expected to do without. The others are refused by package spec.
func (c *changes) apiObjects(s *corev1.PodSpec, tokenless bool) {
	const account = "left out: a static pod has no service account, so its containers get no token and cannot ask an " +
		"API server"
	tell := c.loud
	if tokenless {
		tell = c.silent
	}
	tell(s.ServiceAccountName != "", specPath+"serviceAccountName", account)
	tell(s.ServiceAccountName == "" && s.DeprecatedServiceAccount != "", specPath+"serviceAccount", account)
	c.loud(len(s.ImagePullSecrets) > 0, specPath+"imagePullSecrets",
		"left out: a static pod cannot name secrets, so the image is pulled with the node's own registry credentials")
	s.ServiceAccountName, s.DeprecatedServiceAccount, s.ImagePullSecrets = "", "", nil
}

// BuiltInPriority is the value of one of the classes that every cluster has and that no file needs to declare.
func BuiltInPriority(class string) (value int32, ok bool) {
	switch class {
	case systemNodeCritical:
		return systemNodeCriticalPriority, true
	case systemClusterCritical:
		return systemClusterCriticalPriority, true
	}
	return 0, false
}

// priority resolves the built-in classes as the admission plugin of an API server would: the kubelet only ever looks at
// the number, save for the out-of-memory score of system-node-critical.
func (c *changes) priority(s *corev1.PodSpec) {
	const path = specPath + "priorityClassName"
	if s.PriorityClassName == "" {
		return
	}
	value, builtIn := BuiltInPriority(s.PriorityClassName)
	if !builtIn {
		c.loud(s.Priority == nil, path, "kept, but has no effect: no spec file declares the PriorityClass; declare it, or "+
			"set spec.priority to give the pod a priority")
		return
	}
	c.silent(s.Priority == nil || *s.Priority != value, path, "spec.priority is set to the value of the class")
	s.Priority = &value
}
