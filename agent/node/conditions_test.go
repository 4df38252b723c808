package node

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	statsv1alpha1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

func TestReady(t *testing.T) {
	for name, test := range map[string]struct {
		in   KubeletStatus
		want corev1.NodeCondition
	}{
		"healthy": {KubeletStatus{Healthy: true}, corev1.NodeCondition{Status: yes, Reason: "KubeletReady", Message: "kubelet is posting ready status"}},
		"ill":     {KubeletStatus{}, corev1.NodeCondition{Status: no, Reason: "KubeletNotReady", Message: "the kubelet does not answer"}},
		"ill with a reason": {
			KubeletStatus{Reason: "Unauthorized", Message: "the kubelet refused"},
			corev1.NodeCondition{Status: no, Reason: "Unauthorized", Message: "the kubelet refused"},
		},
		"assumed": {
			KubeletStatus{Reason: "Unauthorized", AssumeReady: true},
			corev1.NodeCondition{Status: yes, Reason: "KubeletAssumedReady", Message: "the kubelet is taken as ready without being asked (kubelet.assumeReady)"},
		},
		"healthy and assumed": {KubeletStatus{Healthy: true, AssumeReady: true}, corev1.NodeCondition{Status: yes, Reason: "KubeletReady", Message: "kubelet is posting ready status"}},
	} {
		test.want.Type = corev1.NodeReady
		if diff := cmp.Diff(test.want, test.in.ready()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// lastTransitionTime moves with the status alone, and outlives a restart; so does timeAdded.
func TestTransitionTimes(t *testing.T) {
	r := newRig(t)
	ready := func(n *corev1.Node) corev1.NodeCondition { return n.Status.Conditions[3] }
	first := r.update(Inputs{Kubelet: KubeletStatus{Message: "one"}})
	r.now = r.now.Add(time.Hour)
	second := r.update(Inputs{Kubelet: KubeletStatus{Message: "two"}})
	if !ready(first).LastTransitionTime.Time.Equal(ready(second).LastTransitionTime.Time) || ready(second).Message != "two" {
		t.Errorf("Ready went from %v to %v", ready(first), ready(second))
	}
	r.start()
	r.now = r.now.Add(time.Hour)
	third := r.update(Inputs{})
	if !ready(first).LastTransitionTime.Time.Equal(ready(third).LastTransitionTime.Time) {
		t.Errorf("after a restart Ready has %v, before %v", ready(third), ready(first))
	}
	if diff := cmp.Diff(first.Spec.Taints, third.Spec.Taints); diff != "" {
		t.Errorf("taints (-want +got):\n%s", diff)
	}
	fourth := r.update()
	if got := ready(fourth); got.Status != yes || !got.LastTransitionTime.After(ready(third).LastTransitionTime.Time) || len(fourth.Spec.Taints) != 0 {
		t.Errorf("healthy: %v, %v", got, fourth.Spec.Taints)
	}
}

// The whole way under a clock that moves: raised at the next sample, held for five minutes, also across a restart.
func TestPressureOverTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		run := func(d time.Duration) {
			for end := time.Now().Add(d); ; {
				_, next := r.Update(time.Now(), Inputs{Kubelet: KubeletStatus{Healthy: true}})
				if next = min(next, time.Until(end)); next <= 0 {
					return
				}
				<-time.After(next)
			}
		}
		want := func(status_ corev1.ConditionStatus, when string) {
			t.Helper()
			if got := status(r.Node(), corev1.NodeDiskPressure); got != status_ {
				t.Errorf("%s: DiskPressure is %s, want %s", when, got, status_)
			}
		}
		run(time.Second)
		want(no, "at first")
		r.sampler.sample.ImageFS.Space = &Amount{1, 1000}
		run(8 * time.Second)
		want(no, "before the next sample")
		run(time.Second)
		want(yes, "after it")
		if got := strs(r.Node().Spec.Taints); !cmp.Equal(got, []string{"node.kubernetes.io/disk-pressure:NoSchedule"}) {
			t.Errorf("taints: %v", got)
		}
		r.sampler.sample = plenty()
		run(5*time.Minute - time.Second)
		want(yes, "within the hold-down")
		r.start()
		run(5*time.Minute - time.Second)
		want(yes, "within the hold-down that a restart begins anew")
		run(11 * time.Second)
		want(no, "after it")
	})
}

func TestSamplesComeFromTheKubeletFirst(t *testing.T) {
	r := newRig(t)
	amount := func(v uint64) *uint64 { return &v }
	memory := &statsv1alpha1.MemoryStats{AvailableBytes: amount(1), WorkingSetBytes: amount(1 << 40)}
	fs := &statsv1alpha1.FsStats{AvailableBytes: amount(9), CapacityBytes: amount(10), InodesFree: amount(9), Inodes: amount(10)}
	pids := func(v int64) *int64 { return &v }
	full := &statsv1alpha1.Summary{Node: statsv1alpha1.NodeStats{
		Memory: memory, Fs: fs, Runtime: &statsv1alpha1.RuntimeStats{ImageFs: fs},
		Rlimit: &statsv1alpha1.RlimitStats{MaxPID: pids(9), NumOfRunningProcesses: pids(1)},
	}}
	healthy := KubeletStatus{Healthy: true}
	if !r.due(r.now) {
		t.Error("no sample is due at first")
	}
	r.Update(r.now, Inputs{Kubelet: healthy, Summary: full})
	if got := r.Describe().SampleSource; got != SourceKubelet || r.sampler.asked != 0 || status(r.Node(), corev1.NodeMemoryPressure) != yes {
		t.Errorf("source %q, own sampler asked %d times, %v", got, r.sampler.asked, r.Node().Status.Conditions)
	}
	if r.due(r.now.Add(SampleInterval-1)) || !r.due(r.now.Add(SampleInterval)) {
		t.Error("the next sample is not due after the interval")
	}
	full.Node.Fs = nil
	r.now = r.now.Add(SampleInterval)
	r.Update(r.now, Inputs{Kubelet: healthy, Summary: full})
	if got := r.Describe().SampleSource; got != SourceBoth || r.sampler.asked != 1 {
		t.Errorf("source %q with half a summary", got)
	}
	r.sampler.err = errors.New("no meminfo")
	r.now = r.now.Add(SampleInterval)
	r.Update(r.now, Inputs{Kubelet: healthy})
	if got := r.Describe(); got.SampleSource != SourceProc || got.SampleError != "no meminfo" {
		t.Errorf("source %q, error %q without a summary", got.SampleSource, got.SampleError)
	}
}
