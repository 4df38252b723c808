package kubeletsim

import (
	"context"
	"fmt"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/kubelet"
)

// Subject is a kubelet that scenarios are played on, simulated or real. It runs nothing else.
type Subject struct {
	// Dir is its directory of static pods, empty at the beginning of each scenario.
	Dir string
	// NodeName is the node's name.
	NodeName string
	// Client asks it.
	Client *kubelet.Client
	// FileCheckFrequency is its period of listing; 0: 20 s.
	FileCheckFrequency time.Duration
	// Image is present on the node and has a shell at /bin/sh.
	Image string
	// Port is a TCP port of the host that nothing listens on.
	Port int32
}

// Trace is what a scenario saw, one observation a line, with nothing in it that depends on the machine. Two kubelets
// behave alike when their traces are equal.
type Trace []string

// Scenario is one thing that may happen to the directory.
type Scenario struct {
	// Name is one word with hyphens.
	Name string
	play func(*stage)
}

// Play plays the scenario and leaves the directory empty and the pods stopped. It takes up to a minute and a half. The
// error is one of the test, not of the kubelet: a file that could not be written, a kubelet that does not answer.
func (s Scenario) Play(ctx context.Context, subject Subject) (Trace, error) {
	if subject.FileCheckFrequency <= 0 {
		subject.FileCheckFrequency = defaultListPeriod
	}
	st := &stage{Subject: subject, id: strconv.FormatInt(time.Now().UnixNano(), 36), ctx: ctx, files: map[string]bool{}}
	s.play(st)
	st.clear()
	if st.err != nil {
		return st.trace, fmt.Errorf("scenario %s: %w", s.Name, st.err)
	}
	return st.trace, nil
}

// ignoresTerm marks the pods of scenarios that do not stop before their grace period is over.
const ignoresTerm = "kubeletsim.daemonsetd.io/ignores-term"

// ScenarioBehaviour is how the pods of the scenarios behave: what their command does under a real kubelet.
func ScenarioBehaviour(pod *corev1.Pod) Behaviour {
	b := DefaultBehaviour()
	if pod.Annotations[ignoresTerm] != "" {
		b.Stop = -1
	}
	return b
}

// backOff tells a pod that had to wait for the kubelet's 10 s of back-off from one that had not.
const backOff = 8 * time.Second

// Scenarios returns all of them.
func Scenarios() []Scenario {
	return []Scenario{
		{"appears", appears},
		{"names", names},
		{"removed", removed},
		{"reformatted", reformatted},
		{"changed-in-place", changedInPlace},
		{"changed-three-times", changedThreeTimes},
		{"changed-under-a-new-name", changedUnderNewName},
		{"renamed-in-its-file", renamedInItsFile},
		{"bad-over-good", badOverGood},
		{"refused", refused},
		{"rejected", rejected},
		{"port-taken", portTaken},
		{"two-files", twoFiles},
		{"returns", returns},
		{"returns-at-once", returnsAtOnce},
		{"replaced-once-stopped", replacedOnceStopped},
	}
}

func appears(s *stage) {
	s.write("a.yaml", s.pod("a", "1"))
	s.within("listed", 5*time.Second, func(v view) bool { return v.pod("a") != nil })
	s.within("ready", backOff, func(v view) bool { return v.ready("a") })
	s.within("running", 5*time.Second, func(v view) bool { return v.runs("a") })
	p := s.look().pod("a")
	if p == nil {
		return
	}
	s.say("namespace %s", p.Namespace)
	s.say("node name set: %t", p.Spec.NodeName == s.NodeName)
	s.say("uid of %d digits, told in an annotation: %t", len(p.UID), p.Annotations[annotationHash] == string(p.UID))
	s.say("static: %t", p.Annotations[annotationSource] == "file")
	s.say("phase %s", p.Status.Phase)
	s.say("creation time: %t", !p.CreationTimestamp.IsZero())
	s.say("host address: %t", p.Status.HostIP != "")
	s.say("since when it is ready: %t", kubelet.PodAvailable(p, 0, time.Now()) && !kubelet.PodAvailable(p, 3600,
		time.Now()))
	for _, t := range p.Spec.Tolerations {
		s.say("tolerates %q %s %s", t.Key, t.Operator, t.Effect)
	}
}

func names(s *stage) {
	s.write(".hidden.yaml", s.pod("hidden", "1"))
	s.write("without-extension", s.pod("plain", "1"))
	s.write("backup.yaml~", s.pod("backup", "1"))
	s.writeInto("directory", "inner.yaml", s.pod("inner", "1"))
	s.link("link.yaml", s.pod("linked", "1"))
	s.writeText("documents.yaml", string(s.encode(s.pod("first", "1")))+"---\n"+string(s.encode(s.pod("second", "1"))))
	for _, name := range []string{"plain", "backup", "linked", "first"} {
		s.within(name+" listed", 5*time.Second, func(v view) bool { return v.pod(name) != nil })
	}
	s.pause(s.FileCheckFrequency + 2*time.Second)
	for _, name := range []string{"hidden", "inner", "second"} {
		s.say("%s listed: %t", name, s.look().pod(name) != nil)
	}
}

func removed(s *stage) {
	p := s.pod("a", "1")
	p.Annotations[ignoresTerm] = "true"
	p.Spec.TerminationGracePeriodSeconds = new(int64(5))
	s.write("a.yaml", p)
	s.await("running", func(v view) bool { return v.ready("a") && v.runs("a") })
	s.remove("a.yaml")
	s.within("no longer listed", 2*time.Second, func(v view) bool { return v.pod("a") == nil })
	s.say("still running then: %t", s.look().runs("a"))
	took := s.await("stopped", func(v view) bool { return !v.runs("a") })
	s.say("after its grace period: %t", took > 3*time.Second)
}

func reformatted(s *stage) {
	p := s.pod("a", "1")
	s.write("a.yaml", p)
	s.await("ready", func(v view) bool { return v.ready("a") })
	before := s.look().pod("a")
	s.writeText("a.yaml", "# a comment\n\n"+string(s.encode(p))+"\n# another\n")
	s.pause(3 * time.Second)
	after := s.look().pod("a")
	if before == nil || after == nil {
		s.say("lost")
		return
	}
	s.say("same uid: %t", before.UID == after.UID)
	s.say("still ready: %t", kubelet.PodReady(after))
	s.say("same start: %t", before.Status.StartTime.Equal(after.Status.StartTime))
	s.write("a.yaml", p)
	s.pause(3 * time.Second)
	s.say("same uid after the same bytes: %t", s.uid("a") == before.UID)
}
