package kubeletsim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// nowhere is below which no image has a program.
	nowhere = "/nonexistent/"
	// startError is the reason of a container whose program does not exist, as containerd gives it.
	startError = "StartError"
)

// HasImage says whether an image is on the host.
func (r *Runtime) HasImage(image string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.images[image]
}

// AddImage puts an image on the host, as an import does.
func (r *Runtime) AddImage(image string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.images[image] = true
}

// RemoveImage takes one away, as the kubelet's garbage collection does.
func (r *Runtime) RemoveImage(image string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.images, image)
}

// pull goes on with the images of a pod that is starting, one after the other (EnsureImageExists in
// pkg/kubelet/images/image_manager.go), and reports whether it waits for one. The caller holds k.mu.
func (k *Kubelet) pull(w *worker) bool {
	if w.image != "" {
		k.opts.Runtime.AddImage(w.image)
		w.image = ""
	}
	for _, c := range slices.Concat(w.pod.Spec.InitContainers, w.pod.Spec.Containers) {
		if c.ImagePullPolicy == corev1.PullNever || k.opts.Runtime.HasImage(c.Image) {
			continue
		}
		var takes time.Duration
		if k.opts.Pull != nil {
			takes = k.opts.Pull(c.Image)
		}
		switch {
		case takes < 0:
			w.unpulled = c.Image
			w.due = time.Now().Add(restartDelay(w.tries + 1))
			w.tries++
			return true
		case takes == 0:
			k.opts.Runtime.AddImage(c.Image)
		default:
			w.unpulled, w.image, w.due = "", c.Image, time.Now().Add(takes)
			return true
		}
	}
	w.unpulled = ""
	return false
}

// impossible says whether no container of the pod can be started, as its program exists in no image, and none is tried
// again.
func impossible(pod *corev1.Pod) bool {
	return pod.Spec.RestartPolicy == corev1.RestartPolicyNever &&
		!slices.ContainsFunc(pod.Spec.Containers, func(c corev1.Container) bool {
			return len(c.Command) == 0 || !strings.HasPrefix(c.Command[0], nowhere)
		})
}

// imageID is what the status says of a container's image.
func imageID(image string) string { return "sim://" + image }

// notStarted is the status of a pod that waits for its images, or whose containers could not be started.
func (k *Kubelet) notStarted(w *worker) corev1.PodStatus {
	status := corev1.PodStatus{Phase: corev1.PodPending, Conditions: conditions(false, metav1.Time{})}
	if w.phase == ended {
		status.Phase = corev1.PodFailed
	}
	for i := range w.pod.Spec.Containers {
		c := &w.pod.Spec.Containers[i]
		s := corev1.ContainerStatus{Name: c.Name, Image: c.Image}
		switch {
		case w.phase == ended || impossible(w.pod) && k.opts.Runtime.HasImage(c.Image):
			s.ImageID = imageID(c.Image)
			s.State.Terminated = &corev1.ContainerStateTerminated{
				ExitCode: 128, Reason: startError,
				Message: fmt.Sprintf("exec: %q: stat %s: no such file or directory", c.Command[0], c.Command[0]),
			}
		case c.Image == w.unpulled && w.tries <= 1:
			s.State.Waiting = &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: c.Image + ": not found"}
		case c.Image == w.unpulled:
			s.State.Waiting = &corev1.ContainerStateWaiting{
				Reason: "ImagePullBackOff", Message: fmt.Sprintf("Back-off pulling image %q", c.Image),
			}
		default:
			s.State.Waiting = &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}
		}
		status.ContainerStatuses = append(status.ContainerStatuses, s)
	}
	return status
}
