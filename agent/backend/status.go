package backend

import (
	"cmp"
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/kubelet"
	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/agent/reconcile"
	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

// Status implements api.Backend.
func (b *Backend) Status(context.Context) (*api.Status, error) {
	st := &api.Status{
		Version: b.cfg.Version.Version, State: api.StateStarting, StartedAt: b.cfg.StartedAt, Paths: b.cfg.Paths,
		Gossip: b.gossipStatus(),
		Node: api.NodeStatus{
			Name: b.cfg.Host, Labels: []api.NodeLabel{}, Taints: []api.NodeTaint{}, Conditions: []api.NodeCondition{},
		},
		NodeFiles: []api.FileStatus{}, SpecFiles: []api.FileStatus{}, DaemonSets: []api.DaemonSetStatus{},
		Manifests: []api.ManifestStatus{}, Health: []api.HealthItem{},
	}
	v := b.cfg.Latest()
	if v == nil {
		return st, nil
	}
	if b.cfg.Paths.Config != "" {
		st.Config = &api.FileStatus{File: b.cfg.Paths.Config, Problems: api.Problems(v.Config)}
	}
	st.LastReconcile, st.Paths.Manifests = v.Now, b.manifests(v)
	st.Kubelet = kubeletStatus(v)
	st.Node = nodeStatus(v)
	st.SpecsProblem = v.Specs.DirProblem
	for _, f := range v.Specs.Files {
		st.SpecFiles = append(st.SpecFiles, api.FileStatus{
			File: f.File, Bad: f.Bad, LastGood: f.LastGood, Pending: f.Pending, Objects: f.Objects,
			Problems: api.Problems(f.Problems),
		})
	}
	for _, p := range v.Specs.PassedOver {
		st.SpecFiles = append(st.SpecFiles, api.FileStatus{File: p.File, Problems: api.Problems(diag.List{p})})
	}
	st.NodeFiles = nodeFiles(v)
	st.DaemonSets = b.daemonSets(v)
	st.Manifests = manifestStatuses(v, b.manifests(v))
	st.Health = append(st.Health, v.Health...)
	elsewhere := v.Others.Down()
	st.ElsewhereMore = max(len(elsewhere)-api.MaxElsewhere, 0)
	for _, d := range elsewhere[:len(elsewhere)-st.ElsewhereMore] {
		st.Elsewhere = append(st.Elsewhere, api.DownElsewhere{Node: d.Name, ID: d.ID, DaemonSet: d.Key, Why: d.Why})
	}
	st.State = api.StateReady
	if !st.Healthy() {
		st.State, st.Message = api.StateDegraded, firstText(v.Health)
	}
	return st, nil
}

func firstText(items []api.HealthItem) string {
	for _, h := range items {
		if h.Severity != api.SeverityInfo {
			return h.Text
		}
	}
	return ""
}

// manifests is the directory of manifests, which is another one than at the start where the kubelet said so.
func (b *Backend) manifests(v *reconcile.Snapshot) string {
	if v == nil {
		return b.cfg.Paths.Manifests
	}
	return cmp.Or(v.Dir, b.cfg.Paths.Manifests)
}

func kubeletStatus(v *reconcile.Snapshot) api.KubeletStatus {
	k := v.Kubelet
	st := api.KubeletStatus{URL: v.Settings.HealthzURL, Since: k.Since, Version: k.Version}
	failure := k.HealthErr
	switch {
	case k.AssumeReady:
		return api.KubeletStatus{
			State: api.KubeletAssumedReady, Since: k.Since, Answer: "not asked: kubelet.assumeReady is set",
		}
	case k.HealthAt.IsZero():
		st.State = api.KubeletNotAskedYet
		return st
	case k.Stranger != nil && k.Healthy:
		failure = k.Stranger
	case k.Healthy && k.Pods.Err() == nil:
		st.State, st.Answer = api.KubeletAnswering, "ok"
		return st
	case k.Healthy:
		failure = k.Pods.Err()
	}
	st.State = kubeletWord(failure)
	if failure != nil {
		st.URL, st.Answer, st.Remedy = failure.URL, failure.Err.Error(), failure.Remedy
	}
	return st
}

// KubeletState says in a word how the kubelet answers: one of api's.
func KubeletState(v *reconcile.Snapshot) string { return kubeletStatus(v).State }

func kubeletWord(err *kubelet.Error) string {
	if err == nil {
		return api.KubeletUnhealthy
	}
	switch err.State {
	case kubelet.Unreachable:
		return api.KubeletUnreachable
	case kubelet.Unauthorised, kubelet.Untrusted:
		return api.KubeletUnauthorized
	case kubelet.WrongVersion:
		return api.KubeletWrongVersion
	case kubelet.OtherNode:
		return api.KubeletOtherNode
	}
	return api.KubeletUnhealthy
}

func (b *Backend) daemonSets(v *reconcile.Snapshot) []api.DaemonSetStatus {
	out := make([]api.DaemonSetStatus, 0, len(v.Statuses))
	for _, s := range v.Statuses {
		d := api.DaemonSetStatus{
			Name: s.Key, DesiredRevision: s.Revision, CurrentRevision: s.Current, Phase: phaseWord(s.Phase),
			Message: s.Message, Pod: podStatus(v, s),
		}
		if s.FileName != "" {
			d.Manifest = filepath.Join(b.manifests(v), s.FileName)
		}
		if it := v.Item(s.Key); it != nil {
			d.Source = it.DS.Source.File
			d.ShouldRun = it.Decision.ShouldRun && !it.Evicted
			d.ShouldContinueRunning = it.Decision.ShouldContinueRunning && !it.Evicted
			d.Message = cmp.Or(d.Message, soakText(v, it, s.PodName))
		}
		out = append(out, d)
	}
	return out
}

func podStatus(v *reconcile.Snapshot, s plan.Status) *api.PodStatus {
	namespace, _, _ := strings.Cut(s.Key, "/")
	pod := v.Kubelet.Pod(namespace, s.PodName, v.Host)
	if s.PodName == "" || pod == nil {
		return nil
	}
	p := &api.PodStatus{Name: pod.Name, Phase: string(pod.Status.Phase), Ready: kubelet.PodReady(pod)}
	if pod.Status.StartTime != nil {
		p.StartedAt = pod.Status.StartTime.Time
	}
	for _, c := range pod.Status.ContainerStatuses {
		p.Restarts += c.RestartCount
	}
	if !p.Ready {
		p.Message = kubelet.PodMessage(pod)
	}
	return p
}

func manifestStatuses(v *reconcile.Snapshot, dir string) []api.ManifestStatus {
	out := make([]api.ManifestStatus, 0, len(v.Listing.Ours)+len(v.Listing.Foreign))
	for _, e := range v.Listing.Ours {
		m := api.ManifestStatus{
			File: filepath.Join(dir, e.FileName), State: api.ManifestInSync, DaemonSet: e.Key(), Revision: e.Revision,
		}
		if !e.Intact {
			m.State, m.Message = api.ManifestDrifted, "the file "+e.Drift
		}
		out = append(out, m)
	}
	for _, f := range v.Listing.Foreign {
		m := api.ManifestStatus{
			File: filepath.Join(dir, f.FileName), State: api.ManifestForeign, Message: "the file " + f.Reason,
		}
		for _, it := range v.Items {
			want := it.Want.Manifest
			if f.FileName == want.FileName || f.Namespace == it.DS.Object.Namespace && f.Name == want.PodName && f.Name != "" {
				m.State, m.DaemonSet = api.ManifestConflict, it.Key
			}
		}
		out = append(out, m)
	}
	slices.SortFunc(out, func(x, y api.ManifestStatus) int { return cmp.Compare(x.File, y.File) })
	return out
}
