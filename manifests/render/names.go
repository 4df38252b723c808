package render

import (
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

const (
	filePrefix = "daemonsetd-"
	fileSuffix = ".yaml"
	// maxFileName is Linux' NAME_MAX, in bytes.
	maxFileName = 255
)

// PodName is metadata.name of the manifest: the DaemonSet's name and the revision. A name per revision lets the kubelet
// start the new pod at once, where a changed file under the old name waits for up to 15 s after the old pod has ended.
func PodName(daemonSet, revision string) string { return daemonSet + "-" + revision }

// FileName is the manifest's base name: daemonsetd-<namespace>-<name>-<revision>.yaml. It is the same for a/b-c and
// a-b/c where their templates are equal; ApartFileName is then for one of them.
func FileName(namespace, daemonSet, revision string) string {
	return filePrefix + namespace + "-" + daemonSet + "-" + revision + fileSuffix
}

// ApartFileName is a name that no other DaemonSet's manifest can have, as names of Kubernetes have no underscore. It is
// for a DaemonSet whose FileName another one has, and for nothing else: agents of the version before know FileName
// alone, take a file of this name for somebody else's, and would start a second pod after going back to them.
func ApartFileName(namespace, daemonSet, revision string) string {
	return filePrefix + namespace + "_" + daemonSet + "-" + revision + fileSuffix
}

// IsFileName tells whether name has the form of FileName or ApartFileName. It says nothing of what is in the file.
func IsFileName(name string) bool {
	rest, ok := strings.CutPrefix(name, filePrefix)
	if !ok {
		return false
	}
	rest, ok = strings.CutSuffix(rest, fileSuffix)
	if !ok || len(name) > maxFileName || strings.ContainsAny(rest, "/\x00") {
		return false
	}
	names, revision, ok := cutLast(rest, "-")
	return ok && IsRevision(revision) && len(names) > 2
}

// revisionInFileName takes the revision out of a file name of the given DaemonSet, of either form.
func revisionInFileName(fileName, namespace, daemonSet string) (string, bool) {
	rest, ok := strings.CutSuffix(fileName, fileSuffix)
	if !ok {
		return "", false
	}
	_, revision, _ := cutLast(rest, "-")
	return revision, IsRevision(revision) && (fileName == FileName(namespace, daemonSet, revision) ||
		fileName == ApartFileName(namespace, daemonSet, revision))
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// CheckNames says whether the pod and the file can be named. The kubelet runs the pod as <name>-<revision>-<node>, the
// node's name in lower case (generatePodName in pkg/kubelet/config/common.go), refuses one that is no DNS-1123
// subdomain, and cannot start one for which it cannot make a directory. Without a NodeName the node's part is not
// looked at.
func CheckNames(ds *appsv1.DaemonSet, o Options) error {
	if !IsRevision(o.Revision) {
		return fmt.Errorf("revision %q of DaemonSet %s/%s: want %d characters of %q",
			o.Revision, ds.Namespace, ds.Name, RevisionLength, revisionAlphabet)
	}
	if errs := validation.IsDNS1123Label(ds.Namespace); len(errs) > 0 {
		return fmt.Errorf("namespace %q of DaemonSet %q: %s", ds.Namespace, ds.Name, strings.Join(errs, "; "))
	}
	return checkPodName(ds, o)
}

// maxPodName is how long a pod's name may be in a namespace. The kubelet keeps the logs of a pod in a directory of the
// name <namespace>_<name>_<UID> (BuildPodLogsDirectory in pkg/kubelet/kuberuntime), where the UID of a static pod has
// 32 characters. That leaves less than the 253 of Kubernetes, and room for the manifest's own name.
func maxPodName(namespace string) int {
	const uid = 32
	return min(validation.DNS1123SubdomainMaxLength, maxFileName-len(namespace)-len("_")-len("_")-uid)
}

func checkPodName(ds *appsv1.DaemonSet, o Options) error {
	if errs := validation.IsDNS1123Subdomain(ds.Name); len(errs) > 0 {
		return fmt.Errorf("DaemonSet name %q in namespace %q: %s", ds.Name, ds.Namespace, strings.Join(errs, "; "))
	}
	name := PodName(ds.Name, o.Revision)
	if o.NodeName != "" {
		name += "-" + strings.ToLower(o.NodeName)
	}
	if over := len(name) - maxPodName(ds.Namespace); over > 0 {
		return fmt.Errorf("pod name %q of DaemonSet %s/%s is %d characters too long (in this namespace the kubelet has "+
			"place for %d in the name of the directory for its logs): shorten the DaemonSet's name or the namespace",
			name, ds.Namespace, ds.Name, over, maxPodName(ds.Namespace))
	}
	if errs := validation.IsDNS1123Subdomain(name); len(errs) > 0 {
		return fmt.Errorf("pod name %q of DaemonSet %s/%s on node %q: %s",
			name, ds.Namespace, ds.Name, o.NodeName, strings.Join(errs, "; "))
	}
	return nil
}
