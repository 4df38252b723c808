package reconcile

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/health"
	"github.com/daemonsetd/daemonsetd/agent/kubelet"
	"github.com/daemonsetd/daemonsetd/agent/metrics"
	"github.com/daemonsetd/daemonsetd/agent/plan"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

// publish makes the round visible: to the API, in the metrics, the log and the service manager's status line.
func (r *Reconciler) publish(s *Snapshot, out plan.Output) {
	origins := r.cfg.Nodes.Describe()
	r.checkHealth(s, origins.Problems)
	r.checkDaemonSets(s, out.Statuses)
	r.transitions(out.Statuses)
	s.Statuses, s.Health, s.Origins, s.Config = out.Statuses, r.cfg.Board.Items(), origins, nil
	if r.cfg.ConfigProblems != nil {
		s.Config = r.cfg.ConfigProblems()
	}
	s.Config = append(slices.Clone(s.Config), r.fleetProblems...)
	s.Settings, s.Line = r.cfg.Kubelet.Settings(), statusLine(s)
	s.Counts, s.Generations = r.fleetCounts(s)
	s.Declared = r.declared.see(s.Specs, s.Now)
	s.Others = r.cfg.Turns.Others()
	old := r.latest.Swap(s)
	if r.cfg.Over != nil {
		r.cfg.Over(old, s)
	}
	r.publishMetrics(s)
	r.publishConditions(old, s)
	r.tellContainers(old, s)
}

// fleetCounts are the counts of every DaemonSet over the fleet, nil while gossip is off, and the generation that is
// rolling out.
func (r *Reconciler) fleetCounts(v *Snapshot) (counts map[string]rollout.Counts, generations map[string]uint64) {
	generations = make(map[string]uint64, len(v.Items))
	if r.cfg.Fleet.On() {
		counts = make(map[string]rollout.Counts, len(v.Items))
	}
	id := r.cfg.Fleet.Self()
	for _, it := range v.Items {
		if it.State.Key == "" {
			continue
		}
		members := it.Members(id, r.cfg.Host)
		latest := rollout.Latest(members)
		generations[it.Key] = latest.Generation
		if counts != nil {
			counts[it.Key] = rollout.Count(members, latest.Revision.Fleet)
		}
	}
	return counts, generations
}

// checkHealth keeps the items that follow from what was read.
func (r *Reconciler) checkHealth(s *Snapshot, node diag.List) {
	r.cfg.Board.When(s.Specs.DirProblem != "", health.SpecsDirectory, s.Specs.DirProblem)
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
	r.cfg.Board.When(bad > 0, health.BadSpecFile, fmt.Sprintf(
		"%s cannot be used; what came from %s before stays in effect: %s",
		count(bad, "spec file"), itOrThem(bad), firstBad), r.cfg.SpecsDir)
	nodeProblem := node.FirstError()
	r.cfg.Board.When(nodeProblem != "", health.BadNodeFile,
		"a node file cannot be used; what it said before stays in effect: "+nodeProblem)
	r.checkKubelet(s.Kubelet)
	missing := r.unlisted.files(s.Now)
	r.cfg.Board.When(len(missing) > 0, health.ManifestNotListed, fmt.Sprintf(
		"the kubelet does not list the pod of %s, which has stood in its directory for more than a minute",
		strings.Join(missing, ", ")), r.cfg.Store.Dir())
	r.checkDirectory(s)
	r.checkDirectories(s)
}

func (r *Reconciler) checkKubelet(k *kubelet.Snapshot) {
	text, remedy := "", ""
	if !k.Healthy && k.HealthErr != nil {
		text, remedy = k.HealthErr.Error(), k.HealthErr.Remedy
	}
	r.cfg.Board.When(text != "", health.KubeletUnhealthy,
		text+"; no new pod is placed and none is replaced, running ones stay", remedy)
	other := ""
	if k.Stranger != nil && k.Healthy {
		other, remedy = k.Stranger.Err.Error(), k.Stranger.Remedy
	}
	r.cfg.Board.When(other != "", health.KubeletOtherNode,
		other+"; no new pod is placed and none is replaced, running ones stay", remedy)
	text = ""
	for _, err := range []*kubelet.Error{k.Pods.Err(), k.Running.Err()} {
		if err != nil && k.Healthy {
			text, remedy = err.Error(), err.Remedy
		}
	}
	r.cfg.Board.When(text != "", health.KubeletPodsUnknown,
		text+"; replacing a pod waits for its grace period instead of asking", remedy)
	problem := r.cfg.Kubelet.Problems().FirstError()
	r.cfg.Board.When(problem != "", health.KubeletConfiguration, problem)
	r.cfg.Board.When(r.cfg.InsecureKubelet, health.KubeletInsecure,
		"kubelet.insecureSkipVerify is set: whoever answers on the kubelet's port is believed")
	// What the kubelet says itself is worth more than its file, also where it said it the last time it answered.
	settings := r.cfg.Kubelet.Settings()
	configured := settings.StaticPodPath
	_, known := k.StaticPodPath(settings)
	wrongDir := r.cfg.KubeletsDir && !known && r.directory.Begin(configured) != r.cfg.Store.Dir()
	r.cfg.Board.When(wrongDir, health.ManifestsDirectoryMoved,
		fmt.Sprintf("the kubelet's configuration now says %q, this agent still writes %q", configured, r.cfg.Store.Dir()))
}

func (r *Reconciler) checkDirectory(s *Snapshot) {
	var drifted, problems []string
	for _, e := range s.Listing.Ours {
		if !e.Intact {
			drifted = append(drifted, e.FileName)
		}
	}
	for _, p := range s.Listing.Problems {
		problems = append(problems, p.FileName+" "+p.Message)
	}
	var texts, paths []string
	for _, f := range s.Listing.Copies() {
		texts = append(texts, fmt.Sprintf("the kubelet runs a pod of DaemonSet %s from the file %s, a copy that is "+
			"not managed",
			f.DaemonSet, f.FileName))
		paths = append(paths, filepath.Join(r.cfg.Store.Dir(), f.FileName))
	}
	r.cfg.Board.When(len(texts) > 0, health.ManifestCopied, strings.Join(texts, "; "), strings.Join(paths, ", "))
	r.cfg.Board.When(len(drifted) > 0, health.Drift, "edited by hand: "+strings.Join(drifted, ", "))
	r.cfg.Board.When(len(problems) > 0, health.ManifestsDirectoryContent, strings.Join(problems, "; "), r.cfg.Store.Dir())
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

func (r *Reconciler) publishMetrics(v *Snapshot) {
	m := r.cfg.Metrics
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
	m.KubeletUp.Set(float64(one(v.Kubelet.Usable())))
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
func (r *Reconciler) publishConditions(old, v *Snapshot) {
	before := map[corev1.NodeConditionType]corev1.NodeCondition{}
	if old != nil {
		if old.Node == v.Node {
			return
		}
		for _, c := range old.Node.Status.Conditions {
			before[c.Type] = c
		}
	}
	r.cfg.Metrics.NodeCondition.Reset()
	for _, c := range v.Node.Status.Conditions {
		r.cfg.Metrics.NodeCondition.WithLabelValues(string(c.Type), string(c.Status)).Set(1)
		if old != nil && before[c.Type].Status != c.Status {
			r.cfg.Events.OfNode(corev1.EventTypeNormal, nodeReason(c),
				fmt.Sprintf("Node %s status is now: %s", r.cfg.Host, nodeReason(c)))
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

// statusLine is what `systemctl status` shows.
func statusLine(s *Snapshot) string {
	phases := map[plan.Phase]int{}
	for _, st := range s.Statuses {
		phases[st.Phase]++
	}
	parts := []string{fmt.Sprintf("%s declared", count(len(s.Specs.DaemonSets), "DaemonSet"))}
	for _, phase := range slices.Sorted(maps.Keys(phases)) {
		parts = append(parts, fmt.Sprintf("%d %s", phases[phase], phase))
	}
	for i := range s.Down {
		if i == maxDownInLine {
			parts = append(parts, fmt.Sprintf("%d more down", len(s.Down)-i))
			break
		}
		parts = append(parts, fmt.Sprintf("%s down (%s)", s.Down[i].Key, s.Down[i].Reason))
	}
	bad := 0
	for _, f := range s.Specs.Files {
		bad += one(f.Bad)
	}
	if bad > 0 {
		parts = append(parts, count(bad, "bad spec file"))
	}
	switch {
	case !s.Kubelet.Healthy:
		parts = append(parts, "kubelet not answering")
	case s.Kubelet.Stranger != nil:
		parts = append(parts, "the kubelet is of another node")
	}
	return strings.Join(parts, "; ")
}

// maxDownInLine is how many DaemonSets that are down the status line names.
const maxDownInLine = 3

// transitions logs the DaemonSets whose phase is another one than in the last round.
func (r *Reconciler) transitions(statuses []plan.Status) {
	next := make(map[string]plan.Phase, len(statuses))
	for _, s := range statuses {
		next[s.Key] = s.Phase
		if old := r.phases[s.Key]; old != s.Phase {
			r.cfg.Log.Info().Str(logfield.DaemonSet, s.Key).Str(logfield.From, string(old)).Str(logfield.To, string(s.Phase)).
				Str(logfield.Revision, s.Current).Str(logfield.Reason, s.Message).
				Msgf("DaemonSet %s is %s, was %s, with revision %s%s", s.Key, s.Phase, cmp.Or(string(old), "not there"),
					cmp.Or(s.Current, "none"), because(s.Message))
			if s.Phase == plan.PhaseBlocked {
				r.cfg.Events.OfDaemonSet(s.Key, corev1.EventTypeWarning, "Blocked", s.Message)
			}
		}
	}
	for key, old := range r.phases {
		if _, ok := next[key]; !ok {
			r.cfg.Log.Info().Str(logfield.DaemonSet, key).Str(logfield.From, string(old)).
				Msgf("DaemonSet %s is gone, was %s", key, old)
		}
	}
	r.phases = next
}

// because is a reason at the end of a sentence; empty where there is none.
func because(message string) string {
	if message == "" {
		return ""
	}
	return ": " + message
}

// tell records the event of an act, in the words that the DaemonSet controller has for it.
func (r *Reconciler) tell(act plan.Act) {
	pod := act.PodName + "-" + r.cfg.Host
	switch {
	case act.Kind == plan.PullImages:
		r.cfg.Events.OfDaemonSet(act.Key, corev1.EventTypeNormal, plan.ReasonPulling, act.Message)
	case act.Kind == plan.EndPull:
	case act.Kind == plan.Write:
		r.cfg.Events.OfDaemonSet(act.Key, corev1.EventTypeNormal, plan.ReasonCreate, "Created pod: "+pod)
	case act.Kind == plan.Restore:
		r.cfg.Events.OfDaemonSet(act.Key, corev1.EventTypeWarning, plan.ReasonRestored,
			"Restored "+act.FileName+": "+act.Message)
	case act.Reason == plan.ReasonFailed:
		r.cfg.Events.OfDaemonSet(act.Key, corev1.EventTypeWarning, plan.ReasonFailed,
			fmt.Sprintf("Found failed daemon pod %s on node %s, will try to kill it: %s", pod, r.cfg.Host, act.Message))
	default:
		r.cfg.Events.OfDaemonSet(act.Key, corev1.EventTypeNormal, "SuccessfulDelete",
			fmt.Sprintf("Deleted pod: %s (%s)", pod, act.Message))
	}
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}
