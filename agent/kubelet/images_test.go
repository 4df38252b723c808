package kubelet

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

func waitsFor(reason, message string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
}

// TestPrePullImages: an image is here when a container was made of it, or could not be for another reason than the pull.
func TestPrePullImages(t *testing.T) {
	ended := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 128, Reason: "StartError"}}
	for name, c := range map[string]struct {
		status *corev1.ContainerStatus
		want   Pulls
	}{
		"nothing is said":       {nil, Pulls{}},
		"it is being pulled":    {&corev1.ContainerStatus{State: waitsFor("ContainerCreating", "")}, Pulls{}},
		"it cannot be pulled":   {&corev1.ContainerStatus{State: waitsFor("ErrImagePull", "no")}, Pulls{Failing: true, Message: "image app:1: ErrImagePull: no"}},
		"it is tried later":     {&corev1.ContainerStatus{State: waitsFor("ImagePullBackOff", "")}, Pulls{Failing: true, Message: "image app:1: ImagePullBackOff: the kubelet does not say more"}},
		"its program is not in": {&corev1.ContainerStatus{State: ended, ImageID: "sha256:1"}, Pulls{Done: true}},
		"no container of it":    {&corev1.ContainerStatus{State: waitsFor("CreateContainerError", "no")}, Pulls{Done: true}},
		"it runs":               {&corev1.ContainerStatus{ImageID: "sha256:1"}, Pulls{Done: true}},
		"another has its name":  {&corev1.ContainerStatus{Name: "other", ImageID: "sha256:1"}, Pulls{}},
	} {
		pod := corev1.Pod{Spec: corev1.PodSpec{
			InitContainers: []corev1.Container{{Name: "init", Image: "init:1"}}, Containers: []corev1.Container{{Name: "main", Image: "app:1"}},
		}}
		pod.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "init", ImageID: "sha256:0"}}
		if c.status != nil {
			s := *c.status
			if s.Name == "" {
				s.Name = "main"
			}
			pod.Status.ContainerStatuses = []corev1.ContainerStatus{s}
		}
		if diff := cmp.Diff(c.want, PullsOf(&pod)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
		here := ImagesHere([]corev1.Pod{pod}, func(*corev1.Pod) bool { return true })
		if !here["init:1"] || here["app:1"] != c.want.Done {
			t.Errorf("%s: here are %v", name, here)
		}
		if none := ImagesHere([]corev1.Pod{pod}, func(*corev1.Pod) bool { return false }); len(none) != 0 {
			t.Errorf("%s: of pods that do not count there are %v", name, none)
		}
	}
}
