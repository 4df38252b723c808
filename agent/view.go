package agent

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/backend"
	"github.com/daemonsetd/daemonsetd/agent/health"
	"github.com/daemonsetd/daemonsetd/agent/kubelet"
	"github.com/daemonsetd/daemonsetd/agent/member"
	"github.com/daemonsetd/daemonsetd/agent/metrics"
	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/agent/reconcile"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

// publish makes the round visible: to the API, in the metrics, the log and the service manager's status line.
func (a *Agent) publish(s *reconcile.Snapshot, out plan.Output) {
	origins := a.nodes.Describe()
	a.checkHealth(s, origins.Problems)
	a.transitions(out.Statuses)
	s.Statuses, s.Health, s.Origins, s.Config = out.Statuses, a.board.Items(), origins, a.opts.ConfigProblems
	s.Settings, s.Line = a.kubelet.settings(), statusLine(s)
	s.Counts = a.fleetCounts(s)
	old := a.view.Swap(s)
	a.changed.Fire()
	a.member.Tell(member.Facts{Node: s.Node, Specs: s.Specs, Kubelet: backend.KubeletState(s)})
	a.publishObjects(old, s)
	a.publishMetrics(s)
	a.publishConditions(old, s)
}

// publishObjects brings the registry up to date, looking only at what can have changed.
func (a *Agent) publishObjects(old, v *reconcile.Snapshot) {
	if old == nil || old.Node != v.Node {
		a.member.ShowOwn(v.Node)
	}
	if old == nil || old.Specs != v.Specs || !samePods(old.Kubelet.Pods, v.Kubelet.Pods) {
		a.registry.SetPods(backend.Pods(v))
	}
	if old == nil || old.Specs != v.Specs || !reflect.DeepEqual(old.Statuses, v.Statuses) || !maps.Equal(old.Counts, v.Counts) || !samePods(old.Kubelet.Pods, v.Kubelet.Pods) {
		a.registry.SetDaemonSets(backend.DaemonSets(v))
	}
}

// samePods tells whether two lists are the same memory; the client gives the same list as long as the answer is the same.
func samePods(a, b []corev1.Pod) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

func one(b bool) int32 {
	if b {
		return 1
	}
	return 0
}

// checkHealth keeps the items that follow from what was read.
func (a *Agent) checkHealth(s *reconcile.Snapshot, node diag.List) {
	a.board.When(s.Specs.DirProblem != "", health.SpecsDirectory, s.Specs.DirProblem)
	bad, pending := 0, 0
	var firstBad string
	for _, f := range s.Specs.Files {
		if f.Pending {
			pending++
		}
		if f.Bad {
			if bad++; firstBad == "" {
				firstBad = f.Problems.FirstError()
			}
		}
	}
	a.board.When(bad > 0, health.BadSpecFile, fmt.Sprintf("%s cannot be used; what came from %s before stays in effect: %s",
		count(bad, "spec file"), itOrThem(bad), firstBad), a.cfg.SpecsDir)
	nodeProblem := node.FirstError()
	a.board.When(nodeProblem != "", health.BadNodeFile, "a node file cannot be used; what it said before stays in effect: "+nodeProblem)
	a.checkKubelet(s.Kubelet)
	a.checkDirectory(s)
}

func (a *Agent) checkKubelet(k *kubelet.Snapshot) {
	text, remedy := "", ""
	if !k.Healthy && k.HealthErr != nil {
		text, remedy = k.HealthErr.Error(), k.HealthErr.Remedy
	}
	a.board.When(text != "", health.KubeletUnhealthy, text+"; no new pod is placed and none is replaced, running ones stay", remedy)
	text = ""
	for _, err := range []*kubelet.Error{k.PodsErr, k.RunningErr} {
		if err != nil && k.Healthy {
			text, remedy = err.Error(), err.Remedy
		}
	}
	a.board.When(text != "", health.KubeletPodsUnknown, text+"; replacing a pod waits for its grace period instead of asking", remedy)
	problem := a.kubelet.problems.FirstError()
	a.board.When(problem != "", health.KubeletConfiguration, problem)
	a.board.When(a.cfg.Kubelet.InsecureSkipVerify, health.KubeletInsecure,
		"kubelet.insecureSkipVerify is set: whoever answers on the kubelet's port is believed")
	wrongDir := a.cfg.ManifestsDir == "" && a.kubelet.settings().StaticPodPath != a.store.Dir()
	a.board.When(wrongDir, health.ManifestsDirectoryMoved,
		fmt.Sprintf("the kubelet now reads %q, this agent still writes %q", a.kubelet.settings().StaticPodPath, a.store.Dir()))
}

func (a *Agent) checkDirectory(s *reconcile.Snapshot) {
	var drifted, problems []string
	for _, e := range s.Listing.Ours {
		if !e.Intact {
			drifted = append(drifted, e.FileName)
		}
	}
	for _, p := range s.Listing.Problems {
		problems = append(problems, p.FileName+" "+p.Message)
	}
	a.board.When(len(drifted) > 0, health.Drift, "edited by hand: "+strings.Join(drifted, ", "))
	a.board.When(len(problems) > 0, health.ManifestsDirectoryContent, strings.Join(problems, "; "), a.store.Dir())
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func itOrThem(n int) string {
	if n == 1 {
		return "it"
	}
	return "them"
}

func (a *Agent) publishMetrics(v *reconcile.Snapshot) {
	m := a.metrics
	phases := map[string]int{}
	for _, s := range v.Statuses {
		phases[string(s.Phase)]++
	}
	metrics.Set(m.DaemonSets, phases)
	manifests := map[string]int{"ours": 0, "drifted": 0, "foreign": len(v.Listing.Foreign)}
	for _, e := range v.Listing.Ours {
		if e.Intact {
			manifests["ours"]++
		} else {
			manifests["drifted"]++
		}
	}
	metrics.Set(m.Manifests, manifests)
	files := map[string]int{"good": 0, "bad": 0, "pending": 0}
	problems := map[string]int{string(diag.Error): 0, string(diag.Warning): 0, string(diag.Info): 0}
	for _, f := range v.Specs.Files {
		files[fileState(f)]++
		for _, p := range f.Problems {
			problems[string(p.Severity)]++
		}
	}
	metrics.Set(m.SpecFiles, files)
	metrics.Set(m.Problems, problems)
	m.KubeletUp.Set(float64(one(v.Kubelet.Healthy)))
}

func fileState(f spec.FileStatus) string {
	switch {
	case f.Pending:
		return "pending"
	case f.Bad:
		return "bad"
	}
	return "good"
}

// publishConditions records an event for each condition whose status has changed, and counts them.
func (a *Agent) publishConditions(old, v *reconcile.Snapshot) {
	before := map[corev1.NodeConditionType]corev1.NodeCondition{}
	if old != nil {
		if old.Node == v.Node {
			return
		}
		for _, c := range old.Node.Status.Conditions {
			before[c.Type] = c
		}
	}
	a.metrics.NodeCondition.Reset()
	for _, c := range v.Node.Status.Conditions {
		a.metrics.NodeCondition.WithLabelValues(string(c.Type), string(c.Status)).Set(1)
		if old != nil && before[c.Type].Status != c.Status {
			a.events.OfNode(corev1.EventTypeNormal, nodeReason(c), fmt.Sprintf("Node %s status is now: %s", a.cfg.NodeName, nodeReason(c)))
		}
	}
}

// nodeReason is the word that the kubelet's events have for a condition: NodeReady, NodeNotReady, NodeHasDiskPressure.
func nodeReason(c corev1.NodeCondition) string {
	switch {
	case c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue:
		return "NodeReady"
	case c.Type == corev1.NodeReady:
		return "NodeNotReady"
	case c.Status == corev1.ConditionTrue:
		return "NodeHas" + string(c.Type)
	default:
		return "NodeHasNo" + string(c.Type)
	}
}

// settle tells the service manager: READY after the first round, and the status line when it changes.
func (a *Agent) settle(s *reconcile.Snapshot) {
	line := a.currentLine()
	switch {
	case !a.ready:
		a.ready = true
		a.opts.Notifier.Ready(line)
	case line != a.line:
		a.opts.Notifier.Status(line)
	}
	a.line = line
	if a.first.IsZero() && len(s.Listing.Ours) > 0 {
		a.first = time.Now()
		a.metrics.FirstManifestSeconds.Set(a.first.Sub(a.opts.StartedAt).Seconds())
	}
}

// statusLine is what `systemctl status` shows.
func statusLine(s *reconcile.Snapshot) string {
	phases := map[plan.Phase]int{}
	for _, st := range s.Statuses {
		phases[st.Phase]++
	}
	parts := []string{fmt.Sprintf("%s declared", count(len(s.Specs.DaemonSets), "DaemonSet"))}
	for _, phase := range slices.Sorted(maps.Keys(phases)) {
		parts = append(parts, fmt.Sprintf("%d %s", phases[phase], phase))
	}
	bad := 0
	for _, f := range s.Specs.Files {
		bad += int(one(f.Bad))
	}
	if bad > 0 {
		parts = append(parts, count(bad, "bad spec file"))
	}
	if !s.Kubelet.Healthy {
		parts = append(parts, "kubelet not answering")
	}
	return strings.Join(parts, "; ")
}

// fleetCounts are the counts of every DaemonSet over the fleet; nil while gossip is off.
func (a *Agent) fleetCounts(v *reconcile.Snapshot) map[string]rollout.Counts {
	if !a.member.On() {
		return nil
	}
	out := make(map[string]rollout.Counts, len(v.Items))
	id := a.member.Self()
	for _, it := range v.Items {
		if it.State.Key == "" {
			continue
		}
		members := it.Members(id, a.cfg.NodeName)
		out[it.Key] = rollout.Count(members, rollout.Latest(members).Revision.Fleet)
	}
	return out
}
