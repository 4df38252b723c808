package reconcile

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/daemonsetd/daemonsetd/agent/catalog"
	"github.com/daemonsetd/daemonsetd/agent/kubelet"
	"github.com/daemonsetd/daemonsetd/agent/node"
	"github.com/daemonsetd/daemonsetd/agent/placement"
	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/manifests/manifestdir"
	"github.com/daemonsetd/daemonsetd/manifests/render"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
	"github.com/daemonsetd/daemonsetd/manifests/strategy"
)

// read reads everything that a plan depends on.
func (r *Reconciler) read(now time.Time) (*Snapshot, time.Duration) {
	s := &Snapshot{
		Host: r.cfg.Host, Now: now, Kubelet: r.cfg.Kubelet.Latest(), Memories: r.memories.now, left: map[string]string{},
	}
	var again time.Duration
	s.Specs, again = r.cfg.Loader.Load()
	_, next := r.cfg.Nodes.Update(now, nodeInputs(s.Kubelet))
	if next > 0 && (again == 0 || next < again) {
		again = next
	}
	s.Node = r.cfg.Nodes.Node()
	s.Dir = r.cfg.Store.Dir()
	s.Listing, s.ScanErr = r.cfg.Store.Scan()
	for _, e := range s.Listing.Ours {
		s.Present = append(s.Present, present(e, render.PodName))
	}
	for _, e := range s.Listing.Pulls {
		s.Pulls = append(s.Pulls, present(e, render.PullPodName))
	}
	r.unlisted.look(s)
	s.Answers = r.kubeletInput(s)
	r.cfg.Catalog.Begin(catalog.Facts{Now: now, Specs: s.Specs, Node: s.Node, Standing: r.standing(s.Listing)})
	s.Items = r.items(s, r.cfg.Catalog.Maker, s.Specs.DaemonSets)
	return s, again
}

// present is a manifest of ours as it is planned from; podName gives the name that its pod should have.
func present(e manifestdir.Entry, podName func(daemonSet, revision string) string) plan.Present {
	return plan.Present{
		FileName: e.FileName, Key: e.Key(), Revision: e.Revision, PodName: e.PodName,
		Source: e.Source, GracePeriodSeconds: e.GracePeriodSeconds, Intact: e.Intact,
		Renamed: e.PodName != podName(e.DaemonSet, e.Revision),
	}
}

// standing gives the manifests of a listing by DaemonSet.
func (r *Reconciler) standing(l manifestdir.Listing) func(key string) []catalog.Standing {
	return func(key string) (out []catalog.Standing) {
		for _, e := range l.Ours {
			if e.Key() == key {
				out = append(out, catalog.Standing{
					Header: e.Header, Read: func() ([]byte, error) { return r.cfg.Store.Read(e.FileName) },
				})
			}
		}
		return out
	}
}

// items decides every declared DaemonSet for this node.
func (r *Reconciler) items(s *Snapshot, from *catalog.Maker, sets []*spec.DaemonSet) []*Item {
	present := map[string][]plan.Present{}
	for _, p := range s.Present {
		present[p.Key] = append(present[p.Key], p)
	}
	items := make([]*Item, 0, len(sets))
	for _, ds := range sets {
		key := ds.Key()
		it := &Item{Key: key, DS: ds, File: from.File(ds), Present: present[key], Memory: s.Memories[key]}
		it.Strategy, _ = strategy.Parse(ds.Object)
		it.FileBlocked = cmp.Or(it.File.Blocked, conflict(s.Listing.Foreign, it.File.Manifest),
			tooOld(s.Kubelet.Version, ds))
		r.aim(s, from, it)
		it.Memory.Eviction = placement.NextEviction(it.Memory.Eviction, it.Want.Compiled, s.Node, s.Now)
		it.Evicted = it.Memory.Eviction.Evicted(s.Now)
		items = append(items, it)
	}
	return items
}

// aim decides which revision shall run, from where the rollout stands, and whether it belongs on this node.
func (r *Reconciler) aim(s *Snapshot, from *catalog.Maker, it *Item) {
	st := r.cfg.Turns.Turn(it.Key).State
	usable := it.FileBlocked == "" && !s.Specs.Undecided(it.DS.Source.File)
	c := from.Choose(it.DS, usable, catalog.Goal{Target: st.Target.Revision, Rejected: st.Rejected})
	it.Want, it.Blocked = c.Made, c.Blocked
	switch {
	case !c.Back:
		it.Blocked = it.FileBlocked
	case c.Blocked == "":
		it.Blocked = conflict(s.Listing.Foreign, c.Made.Manifest)
	}
	it.Decision = c.Made.Compiled.Decide(s.Node)
}

// tooOld says that the kubelet of this host is of a version that refuses the pod: it would stop the one that runs, and
// start none. Of a version that is not known, or cannot be read, nothing is said.
func tooOld(kubelet string, ds *spec.DaemonSet) string {
	if ds.KubeletFrom == "" || kubelet == "" {
		return ""
	}
	here, err := version.ParseGeneric(kubelet)
	if err != nil || here.Major() == 0 { // v0.0.0-master is what one says that no release script has built
		return ""
	}
	if from, err := version.ParseGeneric(ds.KubeletFrom); err != nil || here.AtLeast(from) {
		return ""
	}
	return fmt.Sprintf("the kubelet here is %s, and refuses the pod before %s: %s; upgrade it, or change the DaemonSet",
		kubelet, ds.KubeletFrom, ds.KubeletNeeds)
}

// copied says what a file does that is not ours, though it bears the mark of a DaemonSet.
func copied(f manifestdir.ForeignPod) string {
	return fmt.Sprintf("the kubelet also runs the pod %s/%s from the file %s, a copy of a manifest of this DaemonSet; no "+
		"other pod is started beside it: remove the file, or move it out of the directory", f.Namespace, f.Name, f.FileName)
}

// conflict says which foreign file is in the way of a manifest: one of the same name, one that declares the same pod,
// or one that bears the DaemonSet's mark, whatever its name, its pod and its revision.
func conflict(foreign []manifestdir.ForeignPod, m render.Manifest) string {
	for _, f := range foreign {
		if f.Name != "" && f.DaemonSet == m.Namespace+"/"+m.DaemonSet {
			return copied(f)
		}
		if f.FileName == m.FileName {
			return fmt.Sprintf("the file %s belongs to somebody else (it %s); move it away", f.FileName, f.Reason)
		}
		if f.Namespace == m.Namespace && f.Name == m.PodName {
			return fmt.Sprintf("the file %s, which is not ours, declares the pod %s/%s; remove it from there",
				f.FileName, f.Namespace, f.Name)
		}
	}
	return ""
}

// kubeletInput turns the latest answers of the kubelet into what plan looks at.
func (r *Reconciler) kubeletInput(s *Snapshot) plan.Kubelet {
	k, now := s.Kubelet, s.Now
	pods, running := k.Pods.Last(), k.Running.Last()
	in := plan.Kubelet{
		AssumeReady: k.AssumeReady, Healthy: k.Usable(), Missed: k.HealthErr != nil,
		PodsAt: k.Pods.At(), RunningAt: k.Running.At(),
		RunningUnknown: k.Running.Err() != nil || k.Pods.Err() != nil, PodsUnknown: k.Pods.Err() != nil,
		NameUnknown: k.Node == "", Absent: r.unlisted.absent(s),
		Pods: make(map[string]plan.Pod, len(pods)), Running: make(map[string]bool, len(running)),
		Pulls: pullPods(pods),
	}
	if k.Stranger != nil {
		in.OtherNode = k.Node
	}
	in.Gone = func(full string, removed time.Time) bool {
		namespace, name, _ := strings.Cut(full, "/")
		gone, _ := k.Gone(namespace, name, removed)
		return gone || r.stopped.stopped(k, full, removed)
	}
	r.stopped.cgroups.Root = r.cfg.Kubelet.Settings().CgroupRoot
	r.stopped.observe(pods, now)
	r.told.observe(pods, now)
	r.ready.observe(pods, k.Pods.At(), now)
	minReady := minReadySeconds(s.Specs)
	for i := range pods {
		pod, full := &pods[i], pods[i].Namespace+"/"+pods[i].Name
		p := planPod(pod, minReady[pod.Namespace+"/"+ownerName(pod)], r.told.kubeletsNow(pod, now))
		if !p.AvailableAt.IsZero() {
			p.AvailableAt = now.Add(p.AvailableAt.Sub(r.told.kubeletsNow(pod, now)))
		}
		p.ReadySince = r.ready.since(full)
		in.Pods[full] = p
	}
	for i := range running {
		in.Running[running[i].Namespace+"/"+running[i].Name] = true
	}
	return in
}

// ownerName is the DaemonSet that a pod of ours says it belongs to.
func ownerName(pod *corev1.Pod) string {
	_, name, _ := strings.Cut(pod.Annotations[render.AnnotationDaemonSet], "/")
	return name
}

func minReadySeconds(specs *spec.Snapshot) map[string]int32 {
	m := map[string]int32{}
	for _, ds := range specs.DaemonSets {
		if s := ds.Object.Spec.MinReadySeconds; s > 0 {
			m[ds.Key()] = s
		}
	}
	return m
}

// planPod is a pod as it is planned from; now is by the clock by which the kubelet dated its conditions.
func planPod(pod *corev1.Pod, minReady int32, now time.Time) plan.Pod {
	p := plan.Pod{
		Failed: kubelet.Failed(pod), Ready: kubelet.PodReady(pod), Available: kubelet.PodAvailable(pod, minReady, now),
		Message: kubelet.PodMessage(pod),
	}
	if p.Ready && !p.Available {
		p.AvailableAt = now.Add(time.Second)
		for _, c := range pod.Status.Conditions {
			if c.Type == corev1.PodReady {
				p.AvailableAt = c.LastTransitionTime.Add(time.Duration(minReady) * time.Second)
			}
		}
		p.Message = fmt.Sprintf("ready, available after minReadySeconds (%d)", minReady)
	}
	return p
}

// nodeInputs is what the node's conditions follow from.
func nodeInputs(k *kubelet.Snapshot) node.Inputs {
	in := node.Inputs{
		Kubelet: node.KubeletStatus{Healthy: k.Usable(), AssumeReady: k.AssumeReady}, KubeletVersion: k.Version,
	}
	if k.Stranger != nil {
		// What it measures may be another machine.
		in.Kubelet.Message = fmt.Sprintf("the kubelet that answers is of the node %s", k.Node)
		return in
	}
	in.Summary, _ = k.Summary.Now()
	if !k.Healthy && k.HealthErr != nil {
		// The state alone: an error's text may have a port or a time in it that changes with every try.
		in.Kubelet.Message = fmt.Sprintf("the kubelet's health cannot be told: %s", k.HealthErr.State)
	}
	return in
}
