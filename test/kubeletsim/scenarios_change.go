package kubeletsim

import (
	"time"

	corev1 "k8s.io/api/core/v1"
)

func changedInPlace(s *stage) {
	s.write("a.yaml", s.pod("a", "1"))
	s.await("ready", func(v view) bool { return v.ready("a") })
	before := s.uid("a")
	s.write("a.yaml", s.pod("a", "2"))
	s.within("new uid", 3*time.Second, func(v view) bool { return v.pod("a") != nil && v.pod("a").UID != before })
	s.say("ready then: %t", s.look().ready("a"))
	took := s.await("ready", func(v view) bool { return v.ready("a") })
	s.say("after the back-off: %t", took > backOff)
	s.say("version %s", s.version("a"))
}

func changedThreeTimes(s *stage) {
	s.write("a.yaml", s.pod("a", "1"))
	s.await("ready", func(v view) bool { return v.ready("a") })
	for _, version := range []string{"2", "3", "4"} {
		s.write("a.yaml", s.pod("a", version))
		s.pause(300 * time.Millisecond)
	}
	took := s.await("ready", func(v view) bool { return v.ready("a") })
	s.say("after the back-off: %t", took > backOff)
	s.say("version %s", s.version("a"))
}

func changedUnderNewName(s *stage) {
	s.write("a-1.yaml", s.pod("a-1", "1"))
	s.await("ready", func(v view) bool { return v.ready("a-1") })
	s.remove("a-1.yaml")
	s.write("a-2.yaml", s.pod("a-2", "2"))
	s.within("old one no longer listed", 3*time.Second, func(v view) bool { return v.pod("a-1") == nil })
	took := s.await("new one ready", func(v view) bool { return v.ready("a-2") })
	s.say("after the back-off: %t", took > backOff)
}

func renamedInItsFile(s *stage) {
	s.write("a.yaml", s.pod("a", "1"))
	s.await("a ready", func(v view) bool { return v.ready("a") })
	s.write("a.yaml", s.pod("b", "1"))
	s.within("both listed", 5*time.Second, func(v view) bool { return v.pod("a") != nil && v.pod("b") != nil })
	s.within("only b listed after a listing", s.FileCheckFrequency+5*time.Second, func(v view) bool {
		return v.pod("a") == nil && v.pod("b") != nil
	})
}

func badOverGood(s *stage) {
	s.write("a.yaml", s.pod("a", "1"))
	s.await("ready", func(v view) bool { return v.ready("a") })
	before := s.uid("a")
	s.writeText("a.yaml", "kind: Pod\nthis is not: [a pod\n")
	// A second pod, so that the listing is not empty: an empty one would not empty the kubelet's store.
	s.write("b.yaml", s.pod("b", "1"))
	s.within("no longer listed after a listing", s.FileCheckFrequency+5*time.Second,
		func(v view) bool { return v.pod("a") == nil })
	s.await("stopped", func(v view) bool { return !v.runs("a") })
	s.write("a.yaml", s.pod("a", "1"))
	s.await("ready again", func(v view) bool { return v.ready("a") })
	s.say("same uid: %t", s.uid("a") == before)
}

func refused(s *stage) {
	withConfigMap := s.pod("configmap", "1")
	withConfigMap.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{
		ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "c"}},
	}}}
	withAccount := s.pod("account", "1")
	withAccount.Spec.ServiceAccountName = "default"
	invalid := s.pod("invalid", "1")
	invalid.Spec.Containers[0].Image = ""
	unnamed := s.pod("", "1")
	s.write("configmap.yaml", withConfigMap)
	s.write("account.yaml", withAccount)
	s.write("invalid.yaml", invalid)
	s.write("unnamed.yaml", unnamed)
	s.writeText("unknown-field.yaml", string(s.encode(s.pod("unknown", "1")))+"sepc: {}\n")
	s.within("unknown field listed", 5*time.Second, func(v view) bool { return v.pod("unknown") != nil })
	s.pause(s.FileCheckFrequency + 2*time.Second)
	s.say("pods listed: %d", len(s.look().pods))
}

func rejected(s *stage) {
	p := s.pod("a", "1")
	p.Spec.NodeSelector = map[string]string{"kubeletsim.daemonsetd.io/no-such-label": "x"}
	s.write("a.yaml", p)
	s.await("failed", func(v view) bool { return v.failed("a") })
	before := s.uid("a")
	if p := s.look().pod("a"); p != nil {
		s.say("reason %s", p.Status.Reason)
	}
	s.write("a.yaml", p)
	s.pause(5 * time.Second)
	s.say("still failed after the same bytes: %t", s.look().failed("a"))
	p.Annotations["attempt"] = "2"
	s.write("a.yaml", p)
	s.await("failed under a new uid", func(v view) bool { return v.failed("a") && v.pod("a").UID != before })
}

func portTaken(s *stage) {
	holder, second := s.pod("holder", "1"), s.pod("second", "1")
	for _, p := range []*corev1.Pod{holder, second} {
		p.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: s.Port, HostPort: s.Port}}
	}
	s.write("holder.yaml", holder)
	s.await("holder ready", func(v view) bool { return v.ready("holder") })
	s.write("second.yaml", second)
	s.await("second failed", func(v view) bool { return v.failed("second") })
	if p := s.look().pod("second"); p != nil {
		s.say("reason %s", p.Status.Reason)
	}
	s.remove("holder.yaml")
	s.await("holder stopped", func(v view) bool { return v.pod("holder") == nil && !v.runs("holder") })
	s.pause(5 * time.Second)
	s.say("second still failed: %t", s.look().failed("second"))
	s.remove("second.yaml")
	s.pause(5 * time.Second)
	s.write("second.yaml", second)
	took := s.await("second ready once its file was away for a while", func(v view) bool { return v.ready("second") })
	s.say("after the back-off: %t", took > backOff)
}

func twoFiles(s *stage) {
	s.write("a.yaml", s.pod("a", "1"))
	s.await("ready", func(v view) bool { return v.ready("a") })
	s.write("b.yaml", s.pod("a", "2"))
	s.await("version 2 listed", func(v view) bool { return v.pod("a") != nil && versionOf(v.pod("a")) == "2" })
	s.pause(s.FileCheckFrequency + 2*time.Second)
	s.say("version after a listing: %s", s.version("a"))
	s.say("pods listed: %d", len(s.look().pods))
	s.remove("b.yaml")
	s.within("nothing listed", 3*time.Second, func(v view) bool { return v.pod("a") == nil })
	s.await("version 1 listed again", func(v view) bool { return v.pod("a") != nil && versionOf(v.pod("a")) == "1" })
}

// returns: the same pod is wanted again after its end. How many restarts the kubelet counts then is left out: one when
// the container that ended is still there, which its next collection of garbage, once a minute, may have removed; else
// none.
func returns(s *stage) {
	s.write("a.yaml", s.pod("a", "1"))
	s.await("ready", func(v view) bool { return v.ready("a") })
	before := s.uid("a")
	s.remove("a.yaml")
	s.await("stopped", func(v view) bool { return v.pod("a") == nil && !v.runs("a") })
	s.pause(5 * time.Second)
	s.write("a.yaml", s.pod("a", "1"))
	took := s.await("ready again", func(v view) bool { return v.ready("a") && v.runs("a") })
	s.say("same uid: %t", s.uid("a") == before)
	s.say("after the back-off: %t", took > backOff)
}

// returnsAtOnce: the same pod is wanted again while it stops. It stops all the same, and is started anew.
func returnsAtOnce(s *stage) {
	s.write("a.yaml", s.pod("a", "1"))
	s.await("ready", func(v view) bool { return v.ready("a") })
	before := s.uid("a")
	s.remove("a.yaml")
	s.within("no longer listed", 3*time.Second, func(v view) bool { return v.pod("a") == nil })
	s.write("a.yaml", s.pod("a", "1"))
	took := s.await("ready again", func(v view) bool { return v.ready("a") })
	s.say("same uid: %t", s.uid("a") == before)
	s.say("after the back-off: %t", took > backOff)
}

// replacedOnceStopped: another pod of the same name is written when the old one is known to have stopped.
func replacedOnceStopped(s *stage) {
	s.write("a.yaml", s.pod("a", "1"))
	s.await("ready", func(v view) bool { return v.ready("a") && v.runs("a") })
	s.remove("a.yaml")
	s.await("stopped", func(v view) bool { return v.pod("a") == nil && !v.runs("a") })
	s.write("a.yaml", s.pod("a", "2"))
	// Whether this takes the back-off depends on whether the kubelet has tidied up by then.
	s.await("new one ready", func(v view) bool { return v.ready("a") })
}

func versionOf(p *corev1.Pod) string { return p.Annotations["version"] }
