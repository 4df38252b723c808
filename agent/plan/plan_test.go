package plan

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/agent/placement"
	"github.com/daemonsetd/daemonsetd/manifests/render"
)

const (
	node = "node-1"
	key  = "default/logger"
	rev1 = "bbbbbbbbbb"
	rev2 = "cccccccccc"
)

var (
	start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	ago   = start.Add(-time.Minute)

	runs     = placement.Decision{ShouldRun: true, ShouldContinueRunning: true}
	stays    = placement.Decision{ShouldContinueRunning: true, Reasons: []placement.Reason{{Predicate: "TaintToleration", Message: "taint x"}}}
	leaves   = placement.Decision{Reasons: []placement.Reason{{Predicate: "NodeSelector", Message: "label y"}}}
	allReady = Pod{Ready: true, Available: true}
)

func wants(rev string, d placement.Decision) []Wanted {
	return []Wanted{{Key: key, Namespace: "default", Name: "logger", Decision: d, Manifest: manifest(rev)}}
}

func manifest(rev string) render.Manifest {
	return render.Manifest{Namespace: "default", DaemonSet: "logger", Revision: rev, PodName: "logger-" + rev, FileName: "daemonsetd-default-logger-" + rev + ".yaml", GracePeriodSeconds: 30}
}

func stands(rev string) Present {
	m := manifest(rev)
	return Present{FileName: m.FileName, Key: key, Revision: rev, PodName: m.PodName, Source: "/etc/specs.d/logger.yaml", GracePeriodSeconds: 30, Intact: true}
}

func full(rev string) string { return key + "-" + rev + "-" + node }

// answering is a kubelet that has just answered and runs the pods of the given revisions.
func answering(revs ...string) Kubelet {
	k := Kubelet{Healthy: true, PodsAt: start, RunningAt: start, Pods: map[string]Pod{}, Running: map[string]bool{}}
	k.Gone = func(name string, removed time.Time) bool { return start.After(removed) && !k.Running[name] }
	for _, r := range revs {
		k.Pods[full(r)] = allReady
		k.Running[full(r)] = true
	}
	return k
}

// brief is what a case looks at of an Output.
type brief struct {
	Acts  []string
	Phase Phase
	// Leaving counts the pods that are remembered as leaving.
	Leaving int
	Hurry   bool
	// Again is relative to the start.
	Again time.Duration
}

func briefly(out Output) brief {
	b := brief{Hurry: out.Hurry, Leaving: len(out.Memories[key].Leaving)}
	for _, a := range out.Acts {
		b.Acts = append(b.Acts, string(a.Kind)+" "+a.Revision+" "+a.Reason)
	}
	for _, s := range out.Statuses {
		b.Phase = s.Phase
	}
	if !out.Again.IsZero() {
		b.Again = out.Again.Sub(start)
	}
	return b
}

func TestMake(t *testing.T) {
	leaving := func(l Leaving) map[string]Memory {
		l.PodName = "logger-" + rev1
		return map[string]Memory{key: {Leaving: []Leaving{l}}}
	}
	tests := []struct {
		name string
		in   Input
		want brief
	}{
		{
			"qualifies and nothing is here: written",
			Input{Wanted: wants(rev1, runs), Kubelet: answering()},
			brief{Acts: []string{"write bbbbbbbbbb SuccessfulCreate"}, Phase: PhaseStarting, Hurry: true},
		},
		{
			"kubelet healthy but not asked yet what runs: nothing is written",
			Input{Wanted: wants(rev1, runs), Kubelet: Kubelet{Healthy: true}},
			brief{Phase: PhaseStarting, Hurry: true},
		},
		{
			"tolerates a kubelet that is down: written, as a pod would be created",
			Input{Wanted: wants(rev1, runs)},
			brief{Acts: []string{"write bbbbbbbbbb SuccessfulCreate"}, Phase: PhaseStarting, Hurry: true},
		},
		{
			"runs: left alone",
			Input{Wanted: wants(rev1, runs), Present: []Present{stands(rev1)}, Kubelet: answering(rev1)},
			brief{Phase: PhaseAvailable},
		},
		{
			"kubelet down: what stands is left alone",
			Input{Wanted: wants(rev1, runs), Present: []Present{stands(rev1)}},
			brief{Phase: PhaseUnknown},
		},
		{
			"template changed: the old one is unlinked first",
			Input{Wanted: wants(rev2, runs), Present: []Present{stands(rev1)}, Kubelet: answering(rev1)},
			brief{Acts: []string{"remove bbbbbbbbbb Replacing"}, Phase: PhaseUpdating, Leaving: 1, Hurry: true, Again: lookAgain},
		},
		{
			"template changed, kubelet down: nothing is replaced",
			Input{Wanted: wants(rev2, runs), Present: []Present{stands(rev1)}},
			brief{Phase: PhaseWaiting},
		},
		{
			"template changed, kubelet missed a question: nothing is replaced",
			Input{Wanted: wants(rev2, runs), Present: []Present{stands(rev1)}, Kubelet: missed(answering(rev1))},
			brief{Phase: PhaseWaiting},
		},
		{
			"template changed, not its turn: nothing is replaced",
			Input{Wanted: held(wants(rev2, runs)), Present: []Present{stands(rev1)}, Kubelet: answering(rev1)},
			brief{Phase: PhaseWaiting},
		},
		{
			"old pod still running: waits",
			Input{Wanted: wants(rev2, runs), Kubelet: answering(rev1), Memories: leaving(Leaving{RemovedAt: ago})},
			brief{Phase: PhaseUpdating, Leaving: 1, Hurry: true, Again: lookAgain},
		},
		{
			"old pod still running, memory lost: waits",
			Input{Wanted: wants(rev2, runs), Kubelet: answering(rev1)},
			brief{Phase: PhaseUpdating, Hurry: true, Again: lookAgain},
		},
		{
			"old pod gone: the new one is written",
			Input{Wanted: wants(rev2, runs), Kubelet: answering(), Memories: leaving(Leaving{RemovedAt: ago})},
			brief{Acts: []string{"write cccccccccc SuccessfulCreate"}, Phase: PhaseStarting, Hurry: true},
		},
		{
			"answer older than the removal: waits",
			Input{Wanted: wants(rev2, runs), Kubelet: answering(), Memories: leaving(Leaving{RemovedAt: start})},
			brief{Phase: PhaseUpdating, Leaving: 1, Hurry: true, Again: lookAgain},
		},
		{
			"kubelet went down while the old pod was stopping: waits",
			Input{Wanted: wants(rev2, runs), Kubelet: Kubelet{RunningAt: start}, Memories: leaving(Leaving{RemovedAt: ago})},
			brief{Phase: PhaseUpdating, Leaving: 1},
		},
		{
			"not to be asked: grace period and margin",
			Input{Wanted: wants(rev2, runs), Kubelet: Kubelet{AssumeReady: true}, Memories: leaving(Leaving{RemovedAt: start.Add(-39 * time.Second), GraceSeconds: 30})},
			brief{Phase: PhaseUpdating, Leaving: 1, Again: time.Second},
		},
		{
			"not to be asked: margin over",
			Input{Wanted: wants(rev2, runs), Kubelet: Kubelet{AssumeReady: true}, Memories: leaving(Leaving{RemovedAt: start.Add(-40 * time.Second), GraceSeconds: 30})},
			brief{Acts: []string{"write cccccccccc SuccessfulCreate"}, Phase: PhaseStarting},
		},
		{
			"running pods not told: grace period and margin",
			Input{Wanted: wants(rev2, runs), Kubelet: Kubelet{Healthy: true, RunningUnknown: true}, Memories: leaving(Leaving{RemovedAt: start.Add(-35 * time.Second), GraceSeconds: 30})},
			brief{Phase: PhaseUpdating, Leaving: 1, Hurry: true, Again: 5 * time.Second},
		},
		{
			"clock set back: a removal in the future counts from now",
			Input{Wanted: wants(rev2, runs), Kubelet: Kubelet{AssumeReady: true}, Memories: leaving(Leaving{RemovedAt: start.Add(time.Hour), GraceSeconds: 1})},
			brief{Phase: PhaseUpdating, Leaving: 1, Again: 11 * time.Second},
		},
		{
			"unlink failed: the manifest is not leaving, tried again",
			Input{Wanted: wants(rev2, runs), Present: []Present{stands(rev1)}, Kubelet: answering(rev1), Memories: leaving(Leaving{RemovedAt: ago})},
			brief{Acts: []string{"remove bbbbbbbbbb Replacing"}, Phase: PhaseUpdating, Leaving: 1, Hurry: true, Again: lookAgain},
		},
		{
			"both revisions stand: the old one goes",
			Input{Wanted: wants(rev2, runs), Present: []Present{stands(rev1), stands(rev2)}, Kubelet: answering(rev1, rev2)},
			brief{Acts: []string{"remove bbbbbbbbbb Superseded"}, Phase: PhaseAvailable, Leaving: 1},
		},
		{
			"node does not qualify: removed",
			Input{Wanted: wants(rev1, leaves), Present: []Present{stands(rev1)}, Kubelet: answering(rev1)},
			brief{Acts: []string{"remove bbbbbbbbbb NotQualified"}, Phase: PhaseRemoving, Leaving: 1, Hurry: true, Again: lookAgain},
		},
		{
			"node does not qualify, kubelet down: removed all the same",
			Input{Wanted: wants(rev1, leaves), Present: []Present{stands(rev1)}},
			brief{Acts: []string{"remove bbbbbbbbbb NotQualified"}, Phase: PhaseRemoving, Leaving: 1},
		},
		{
			"node does not qualify, nothing here",
			Input{Wanted: wants(rev1, leaves), Kubelet: answering()},
			brief{Phase: PhaseNotPlaced},
		},
		{
			"NoSchedule: the running one stays",
			Input{Wanted: wants(rev1, stays), Present: []Present{stands(rev1)}, Kubelet: answering(rev1)},
			brief{Phase: PhaseMisscheduled},
		},
		{
			"NoSchedule: an old revision stays",
			Input{Wanted: wants(rev2, stays), Present: []Present{stands(rev1)}, Kubelet: answering(rev1)},
			brief{Phase: PhaseMisscheduled},
		},
		{
			"NoSchedule: none is started",
			Input{Wanted: wants(rev1, stays), Kubelet: answering()},
			brief{Phase: PhaseNotPlaced},
		},
		{
			"NoSchedule: a failed one goes",
			Input{Wanted: wants(rev1, stays), Present: []Present{stands(rev1)}, Kubelet: failed(rev1)},
			brief{Acts: []string{"remove bbbbbbbbbb FailedDaemonPod"}, Phase: PhaseRefused, Leaving: 1, Hurry: true, Again: lookAgain},
		},
		{
			"tolerationSeconds over: removed",
			Input{Wanted: evicted(wants(rev1, runs)), Present: []Present{stands(rev1)}, Kubelet: answering(rev1)},
			brief{Acts: []string{"remove bbbbbbbbbb TaintEviction"}, Phase: PhaseRemoving, Leaving: 1, Hurry: true, Again: lookAgain},
		},
		{
			"tolerationSeconds over: stays away",
			Input{Wanted: evicted(wants(rev1, runs)), Kubelet: answering()},
			brief{Phase: PhaseNotPlaced},
		},
		{
			"file removed: removed",
			Input{Present: []Present{stands(rev1)}, Kubelet: answering(rev1)},
			brief{Acts: []string{"remove bbbbbbbbbb Deleted"}, Phase: PhaseRemoving, Leaving: 1, Hurry: true, Again: lookAgain},
		},
		{
			"file cannot be read: kept",
			Input{Present: []Present{stands(rev1)}, Kubelet: answering(rev1), Undecided: func(f string) bool { return f == "/etc/specs.d/logger.yaml" }},
			brief{Phase: PhaseBlocked},
		},
		{
			"file cannot be read, an older version is known: kept",
			Input{Wanted: wants(rev2, runs), Present: []Present{stands(rev1)}, Kubelet: answering(rev1), Undecided: func(string) bool { return true }},
			brief{Phase: PhaseBlocked},
		},
		{
			"another file cannot be read: removed",
			Input{Present: []Present{stands(rev1)}, Kubelet: answering(rev1), Undecided: func(f string) bool { return f == "/etc/specs.d/other.yaml" }},
			brief{Acts: []string{"remove bbbbbbbbbb Deleted"}, Phase: PhaseRemoving, Leaving: 1, Hurry: true, Again: lookAgain},
		},
		{
			"blocked: the old one stays",
			Input{Wanted: blocked(wants(rev2, runs)), Present: []Present{stands(rev1)}, Kubelet: answering(rev1)},
			brief{Phase: PhaseBlocked},
		},
		{
			"blocked: the current one stays, and it is told",
			Input{Wanted: blocked(wants(rev1, runs)), Present: []Present{edited(rev1)}, Kubelet: answering(rev1)},
			brief{Phase: PhaseBlocked},
		},
		{
			"blocked: none is written",
			Input{Wanted: blocked(wants(rev2, runs)), Kubelet: answering()},
			brief{Phase: PhaseBlocked},
		},
		{
			"edited by hand: restored",
			Input{Wanted: wants(rev1, runs), Present: []Present{edited(rev1)}, Kubelet: answering(rev1)},
			brief{Acts: []string{"restore bbbbbbbbbb ManifestRestored"}, Phase: PhaseStarting, Hurry: true},
		},
		{
			"edited by hand, the pod's name too: taken down first",
			Input{Wanted: wants(rev1, runs), Present: []Present{renamed(edited(rev1))}, Kubelet: answering(rev1)},
			brief{Acts: []string{"remove bbbbbbbbbb ManifestRestored"}, Phase: PhaseUpdating, Leaving: 1, Hurry: true, Again: lookAgain},
		},
		{
			"edited by hand, older revision, NoSchedule: left",
			Input{Wanted: wants(rev2, stays), Present: []Present{edited(rev1)}, Kubelet: answering(rev1)},
			brief{Phase: PhaseMisscheduled},
		},
		{
			"kubelet refused the pod: removed at once the first time",
			Input{Wanted: wants(rev1, runs), Present: []Present{stands(rev1)}, Kubelet: failed(rev1)},
			brief{Acts: []string{"remove bbbbbbbbbb FailedDaemonPod"}, Phase: PhaseRefused, Leaving: 1, Hurry: true, Again: lookAgain},
		},
		{
			"kubelet refused it again: backs off",
			Input{
				Wanted: wants(rev1, runs), Present: []Present{stands(rev1)}, Kubelet: failed(rev1),
				Memories: map[string]Memory{key: {Retry: Retry{Revision: rev1, Delay: 8 * time.Second, Last: start.Add(-5 * time.Second)}}},
			},
			brief{Phase: PhaseRefused, Again: 3 * time.Second},
		},
		{
			"back-off over: removed",
			Input{
				Wanted: wants(rev1, runs), Present: []Present{stands(rev1)}, Kubelet: failed(rev1),
				Memories: map[string]Memory{key: {Retry: Retry{Revision: rev1, Delay: 8 * time.Second, Last: start.Add(-8 * time.Second)}}},
			},
			brief{Acts: []string{"remove bbbbbbbbbb FailedDaemonPod"}, Phase: PhaseRefused, Leaving: 1, Hurry: true, Again: lookAgain},
		},
		{
			"refused pod's manifest stays away for a while",
			Input{Wanted: wants(rev1, runs), Kubelet: answering(), Memories: leaving(Leaving{RemovedAt: ago, Hold: start.Add(time.Second)})},
			brief{Phase: PhaseRefused, Leaving: 1, Hurry: true, Again: lookAgain},
		},
		{
			"answer older than the last write says nothing of failure",
			Input{Wanted: wants(rev1, runs), Present: []Present{stands(rev1)}, Kubelet: failed(rev1), Memories: map[string]Memory{key: {WrittenAt: start}}},
			brief{Phase: PhaseStarting, Hurry: true},
		},
		{
			"ready, not yet available: looked at again in time",
			Input{Wanted: wants(rev1, runs), Present: []Present{stands(rev1)}, Kubelet: withPod(rev1, Pod{Ready: true, AvailableAt: start.Add(7 * time.Second)})},
			brief{Phase: PhaseStarting, Again: 7 * time.Second},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.in.Now, tt.in.Node = start, node
			if diff := cmp.Diff(tt.want, briefly(Make(tt.in))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestRetryDoubles(t *testing.T) {
	in := Input{Now: start, Node: node, Wanted: wants(rev1, runs), Present: []Present{stands(rev1)}, Kubelet: failed(rev1), Memories: map[string]Memory{}}
	var delays []time.Duration
	for range 13 {
		out := Make(in)
		r := out.Memories[key].Retry
		delays = append(delays, r.Delay)
		in.Memories = map[string]Memory{key: {Retry: r}}
		in.Now = in.Now.Add(r.Delay)
		in.Kubelet.PodsAt = in.Now
	}
	want := []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900}
	for i := range want {
		want[i] *= time.Second
	}
	if diff := cmp.Diff(want, delays); diff != "" {
		t.Error(diff)
	}
	in.Now = in.Now.Add(2*retryMax + time.Second)
	if got := Make(in).Memories[key].Retry.Delay; got != time.Second {
		t.Errorf("after half an hour without failure the delay is %s, want the first one again", got)
	}
	in.Wanted, in.Present, in.Kubelet = wants(rev2, runs), []Present{stands(rev2)}, failed(rev2)
	in.Now = start
	if got := Make(in).Memories[key].Retry; got.Delay != time.Second || got.Revision != rev2 {
		t.Errorf("a new revision begins with %+v, want the first delay", got)
	}
}

func TestRemovalsComeFirst(t *testing.T) {
	in := Input{Now: start, Node: node, Kubelet: answering()}
	in.Wanted = append(wants(rev1, runs), Wanted{Key: "default/zebra", Namespace: "default", Name: "zebra", Decision: leaves, Manifest: render.Manifest{Revision: rev1}})
	in.Present = []Present{{FileName: "z", Key: "default/zebra", Revision: rev1, PodName: "zebra-" + rev1, Intact: true}}
	var kinds []Kind
	for _, a := range Make(in).Acts {
		kinds = append(kinds, a.Kind)
	}
	if diff := cmp.Diff([]Kind{Remove, Write}, kinds); diff != "" {
		t.Error(diff)
	}
}

func TestForgetsWhatIsOver(t *testing.T) {
	in := Input{Now: start, Node: node, Kubelet: answering(), Memories: map[string]Memory{key: {WrittenAt: ago, Leaving: []Leaving{{PodName: "logger-" + rev1, RemovedAt: ago}}}}}
	out := Make(in)
	if len(out.Memories) != 0 || len(out.Statuses) != 0 {
		t.Errorf("a DaemonSet that is gone leaves %+v and %+v", out.Memories, out.Statuses)
	}
}

func held(w []Wanted) []Wanted    { w[0].Hold = "it is the turn of node-2"; return w }
func evicted(w []Wanted) []Wanted { w[0].Evicted = true; return w }
func blocked(w []Wanted) []Wanted { w[0].Blocked = "a foreign pod of that name"; return w }

func edited(rev string) Present { p := stands(rev); p.Intact = false; return p }

func renamed(p Present) Present { p.Renamed, p.PodName = true, "other"; return p }

func missed(k Kubelet) Kubelet { k.Missed = true; return k }

func failed(rev string) Kubelet { return withPod(rev, Pod{Failed: true, Message: "no room"}) }

func withPod(rev string, pod Pod) Kubelet {
	k := answering()
	k.Pods[full(rev)] = pod
	return k
}
