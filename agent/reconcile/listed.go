package reconcile

import (
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/kubelet"
	"github.com/daemonsetd/daemonsetd/agent/plan"
)

// unlistedFor is how long a manifest may stand whose pod the kubelet does not list, before somebody has to look. The
// kubelet lists its directory every 20 s where no watch event tells it to (fileCheckFrequency).
const unlistedFor = time.Minute

// unlisted remembers since when manifests stand whose pods the kubelet does not list. That a pod is not listed under
// the name that this host makes of it is no fact for some time: the kubelet may not have read its directory yet, as
// when it has just come up, or run the pod under another name.
type unlisted struct {
	// since is by the pod's full name.
	since map[string]unlistedSince
}

type unlistedSince struct {
	// first is when the pod was first missing, surely since when it is missing in one answer after the other.
	first, surely time.Time
	// file is the manifest's.
	file string
}

// look takes up the kubelet's latest list.
func (u *unlisted) look(s *Snapshot) {
	k := s.Kubelet
	pods, told := k.Pods.Now()
	listed := make(map[string]bool, len(pods))
	for i := range pods {
		listed[pods[i].Namespace+"/"+pods[i].Name] = true
	}
	next := make(map[string]unlistedSince, len(u.since))
	for i := range s.Present {
		p := &s.Present[i]
		full := fullName(p.Key, p.PodName, s.Host)
		before, known := u.since[full]
		switch {
		case k.AssumeReady || listed[full]:
		case told && k.Pods.At().After(s.Memories[p.Key].WrittenAt):
			if !known {
				before = unlistedSince{first: s.Now, file: p.FileName}
			}
			if before.surely.IsZero() || !k.Usable() {
				before.surely = s.Now
			}
			next[full] = before
		case known:
			before.surely = time.Time{}
			next[full] = before
		}
	}
	u.since = next
}

// absent are the pods that the kubelet does not run for certain: it has answered for a minute without them, it is the
// kubelet of this host, and nothing of their DaemonSet runs, as far as it tells what runs.
func (u *unlisted) absent(s *Snapshot) map[string]bool {
	running, told := s.Kubelet.Running.Now()
	if !s.Kubelet.Usable() || s.Kubelet.Node == "" && !told {
		return nil
	}
	out := map[string]bool{}
	for i := range s.Present {
		p := &s.Present[i]
		full := fullName(p.Key, p.PodName, s.Host)
		since := u.since[full].surely
		if since.IsZero() || s.Now.Sub(since) < unlistedFor {
			continue
		}
		out[full] = !slices.ContainsFunc(running, func(pod corev1.Pod) bool {
			name := pod.Namespace + "/" + pod.Name
			return name == full || s.Kubelet.Node == "" && plan.Ours(p.Key, name, s.Host)
		})
	}
	return out
}

// files are the manifests that have stood for a minute without being listed, sorted.
func (u *unlisted) files(now time.Time) []string {
	var files []string
	for _, full := range slices.Sorted(maps.Keys(u.since)) {
		if v := u.since[full]; now.Sub(v.first) >= unlistedFor {
			files = append(files, v.file)
		}
	}
	return files
}

// fullName is the name, with its namespace, under which the kubelet runs the pod of a manifest of a DaemonSet, if its
// node has the name that this host has for it.
func fullName(key, podName, host string) string {
	namespace, _, _ := strings.Cut(key, "/")
	return namespace + "/" + kubelet.PodName(podName, host)
}
