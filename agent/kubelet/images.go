package kubelet

import (
	"cmp"
	"fmt"

	corev1 "k8s.io/api/core/v1"
)

// ImagesHere are the images, by the names that pods have for them, that are on this host for certain: containers of
// pods that the kubelet lists, and that count, were made of them. Others may be here, too.
func ImagesHere(pods []corev1.Pod, counts func(*corev1.Pod) bool) map[string]bool {
	here := map[string]bool{}
	for i := range pods {
		if !counts(&pods[i]) {
			continue
		}
		eachImage(&pods[i], func(image string, status *corev1.ContainerStatus) {
			if status != nil && pulled(status) {
				here[image] = true
			}
		})
	}
	return here
}

// Pulls is how far the images of a pod are pulled.
type Pulls struct {
	// Done: all of them are here.
	Done bool
	// Failing: one of them could not be pulled. The kubelet tries it again, first after 10 s, at last every 5 minutes.
	Failing bool
	// Message is one sentence on an image that is not here; empty where all are, or the kubelet does not say.
	Message string
}

// PullsOf is how far the images of a pod are pulled, by what its kubelet says of its containers.
func PullsOf(pod *corev1.Pod) Pulls {
	p := Pulls{Done: true}
	eachImage(pod, func(image string, status *corev1.ContainerStatus) {
		if status != nil && pulled(status) {
			return
		}
		p.Done = false
		if status == nil || status.State.Waiting == nil || !pullFails(status.State.Waiting.Reason) {
			return
		}
		w := status.State.Waiting
		p.Failing = true
		p.Message = fmt.Sprintf("image %s: %s: %s", image, w.Reason, cmp.Or(w.Message, "the kubelet does not say more"))
	})
	return p
}

// eachImage gives the image of each container with what the kubelet says of the container; nil: nothing.
func eachImage(pod *corev1.Pod, do func(image string, status *corev1.ContainerStatus)) {
	for _, part := range []struct {
		containers []corev1.Container
		statuses   []corev1.ContainerStatus
	}{
		{pod.Spec.InitContainers, pod.Status.InitContainerStatuses},
		{pod.Spec.Containers, pod.Status.ContainerStatuses},
	} {
		for i := range part.containers {
			var status *corev1.ContainerStatus
			for j := range part.statuses {
				if part.statuses[j].Name == part.containers[i].Name {
					status = &part.statuses[j]
				}
			}
			do(part.containers[i].Image, status)
		}
	}
}

// pulled says whether the image of a container is here: the container was made of it, or failed in a later step than
// the pull (startContainer in pkg/kubelet/kuberuntime/kuberuntime_container.go).
func pulled(c *corev1.ContainerStatus) bool {
	if c.ImageID != "" {
		return true
	}
	if w := c.State.Waiting; w != nil {
		switch w.Reason {
		case "CreateContainerConfigError", "PreCreateHookError", "CreateContainerError", "PreStartHookError",
			"RunContainerError", "CrashLoopBackOff":
			return true
		}
	}
	return false
}

// pullFails says whether a container waits for the reason that its image could not be pulled
// (pkg/kubelet/images/types.go).
func pullFails(reason string) bool {
	switch reason {
	case "ErrImagePull", "ImagePullBackOff", "ImageInspectError", "ErrImageNeverPull", "InvalidImageName",
		"RegistryUnavailable", "SignatureValidationFailed":
		return true
	}
	return false
}
