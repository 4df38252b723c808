package backend

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/kubelet"
)

// annotationContainer is kubectl's: which container is meant where none is named.
const annotationContainer = "kubectl.kubernetes.io/default-container"

// Logs implements api.Backend. Only a container that the kubelet has listed is asked for.
func (b *Backend) Logs(ctx context.Context, req api.LogRequest) (io.ReadCloser, error) {
	v, err := b.latest()
	if err != nil {
		return nil, err
	}
	pods := v.Kubelet.Pods.Last()
	i := slices.IndexFunc(pods, func(p corev1.Pod) bool { return p.Namespace == req.Namespace && p.Name == req.Pod })
	if i < 0 {
		return nil, api.Errorf(api.CodeNotFound, "this host's kubelet lists no pod %s/%s", req.Namespace, req.Pod).
			WithRemedy("dsctl get pods -A lists those that it does; logs are read on the pod's own host")
	}
	container, err := containerOf(&pods[i], req.Container)
	if err != nil {
		return nil, err
	}
	body, err := b.cfg.Logs(ctx, kubelet.LogRequest{
		Namespace: req.Namespace, Pod: req.Pod, Container: container, Follow: req.Follow, Previous: req.Previous,
		Timestamps: req.Timestamps, Tail: req.Tail, Since: req.Since,
	})
	refused, ok := errors.AsType[*kubelet.Error](err)
	switch {
	case err == nil:
		return body, nil
	case errors.Is(err, kubelet.ErrNoLog):
		return nil, api.Errorf(api.CodeNotFound, "container %s of pod %s/%s: %v", container, req.Namespace, req.Pod, err)
	case ok:
		return nil, api.Errorf(api.CodeUnavailable, "the kubelet gives no logs: %v", refused).WithRemedy(refused.Remedy)
	}
	return nil, err
}

// containerOf is the container that is meant.
func containerOf(pod *corev1.Pod, name string) (string, error) {
	var names []string
	for _, list := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		for i := range list {
			names = append(names, list[i].Name)
		}
	}
	for _, c := range pod.Spec.EphemeralContainers {
		names = append(names, c.Name)
	}
	meant := pod.Annotations[annotationContainer]
	switch {
	case name != "" && slices.Contains(names, name):
		return name, nil
	case name != "":
		return "", api.Errorf(api.CodeNotFound, "pod %s/%s has no container %s, it has %s", pod.Namespace, pod.Name, name,
			strings.Join(names, ", "))
	case meant != "" && slices.Contains(names, meant):
		return meant, nil
	case len(pod.Spec.Containers) == 1:
		return pod.Spec.Containers[0].Name, nil
	}
	return "", api.Errorf(api.CodeConflict, "pod %s/%s has several containers: %s", pod.Namespace, pod.Name,
		strings.Join(names, ", ")).WithRemedy("name one with -c")
}
