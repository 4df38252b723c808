package kubelet

import (
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// nodeNameOf is the name of the kubelet's node by the pods that it lists: spec.nodeName, which it gives every static
// pod (pkg/kubelet/config/common.go:applyDefaults), and without which no other pod is on it. One that is not want
// counts more than any that is. Empty: no pod tells.
func nodeNameOf(pods []corev1.Pod, want string) (name string) {
	for i := range pods {
		switch n := pods[i].Spec.NodeName; {
		case n == "":
		case !strings.EqualFold(n, want):
			return n
		default:
			name = n
		}
	}
	return name
}

// stranger is the error of a kubelet of another node than want; nil: it is the one, or no name is known.
func stranger(op, address, name, want string) *Error {
	if name == "" || want == "" || strings.EqualFold(name, want) {
		return nil
	}
	return &Error{
		Op: op, URL: address, State: OtherNode, Status: 200,
		Err: fmt.Errorf("%w: its node is %q, and this agent's is %q", errOtherNode, name, want),
		Remedy: fmt.Sprintf("set nodeName: %s in the agent's configuration and restart it, or start the kubelet with "+
			"--hostname-override=%s; if another machine answers at that address, correct kubelet.url", name, want),
	}
}

// errOtherNode marks what comes of a kubelet that does not run the node of this agent.
var errOtherNode = errors.New("the kubelet that answers has another name for its node")

// OtherNodeIn is the error of a list of pods of another node than want; nil: it is of that one, or does not tell.
func OtherNodeIn(pods []corev1.Pod, want string) error {
	if err := stranger(opPods, "/pods", nodeNameOf(pods, want), want); err != nil {
		return err
	}
	return nil
}
