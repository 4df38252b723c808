package outage

import (
	"fmt"
	"strings"
	"unicode"

	corev1 "k8s.io/api/core/v1"
)

// Kind is what an operator has to look at.
type Kind uint8

const (
	// KindSlow: nothing is known to be wrong, and the pod is not available.
	KindSlow Kind = iota
	// KindImage: the image of a container cannot be had.
	KindImage
	// KindCrash: a container ends again and again.
	KindCrash
	// KindStart: the kubelet or the runtime cannot start a container, as what it refers to is missing.
	KindStart
	// KindRefused: the kubelet refused the pod, or ended it for good.
	KindRefused
	// KindBlocked: this agent cannot write the pod's manifest.
	KindBlocked
)

var remedies = [...]string{
	KindSlow:    "look at its containers: dsctl describe ds %s",
	KindImage:   "correct the image in the file, or make it available to this host",
	KindCrash:   "read the container's log; correct the program, its configuration, or the file",
	KindStart:   "correct what the message names, in the file or on this host",
	KindRefused: "free what the message names; the pod is tried again by itself",
	KindBlocked: "correct the file, or add what is missing",
}

// Remedy says what to do about the DaemonSet with this key (namespace/name).
func (k Kind) Remedy(key string) string {
	if int(k) >= len(remedies) {
		k = KindSlow
	}
	if r := remedies[k]; strings.Contains(r, "%s") {
		return fmt.Sprintf(r, key)
	}
	return remedies[k]
}

// Trouble is why a pod is not available.
type Trouble struct {
	Kind Kind
	// Reason is one CamelCase word: the kubelet's (ImagePullBackOff, CrashLoopBackOff, CreateContainerConfigError, or why
	// it refused the pod), or Blocked, NotReady, NoPod.
	Reason string
	// Container is the container's name; empty where it is none of them.
	Container string
	// ExitCode is that of the container's last end, for KindCrash.
	ExitCode int32
	// Text is one sentence without a stop, of at most MaxText bytes, in which everything can be printed.
	Text string
}

// same says whether two troubles are the same one; their texts may differ, as the runtime's have ids and times in them.
func (t *Trouble) same(o *Trouble) bool {
	return t.Kind == o.Kind && t.Reason == o.Reason && t.Container == o.Container && t.ExitCode == o.ExitCode
}

// Reasons of this package.
const (
	ReasonBlocked  = "Blocked"
	ReasonNotReady = "NotReady"
	ReasonNoPod    = "NoPod"
)

// MaxText is the size in bytes of Trouble.Text.
const MaxText = 400

// waitKinds has the reasons of a waiting container in which the kubelet has tried and failed
// (pkg/kubelet/images/types.go, pkg/kubelet/container/sync_result.go). ErrImagePull is not among them: it is the first
// try, and the next word after it is ImagePullBackOff.
var waitKinds = map[string]Kind{
	"ImagePullBackOff":            KindImage,
	"ErrImageNeverPull":           KindImage,
	"InvalidImageName":            KindImage,
	"ImageInspectError":           KindImage,
	"RegistryUnavailable":         KindImage,
	"SignatureValidationFailed":   KindImage,
	"CrashLoopBackOff":            KindCrash,
	"CreateContainerConfigError":  KindStart,
	"CreateContainerError":        KindStart,
	"PreCreateHookError":          KindStart,
	"PreStartHookError":           KindStart,
	"PostStartHookError":          KindStart,
	"RunContainerError":           KindStart,
	"ContainerCannotRun":          KindStart,
	"RunInitContainerError":       KindStart,
	"CreatePodSandboxError":       KindStart,
	"ConfigPodSandboxError":       KindStart,
	"ResizeContainerError":        KindStart,
	"ErrImagePullSecretsNotFound": KindImage,
}

// Of is what the kubelet says is wrong with a pod that is not available. Certain: it has tried and failed, so that time
// alone mends nothing.
func Of(pod *corev1.Pod) (t Trouble, certain bool) {
	if pod.Status.Phase == corev1.PodFailed {
		text := "the kubelet refused or ended the pod: " + pod.Status.Reason
		if pod.Status.Message != "" {
			text += ": " + pod.Status.Message
		}
		return Trouble{Kind: KindRefused, Reason: word(pod.Status.Reason, "Failed"), Text: bounded(text)}, true
	}
	lists := [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses}
	for _, list := range lists {
		for i := range list {
			if t, ok := waits(&list[i]); ok {
				return t, true
			}
		}
	}
	for _, list := range lists {
		for i := range list {
			if t, ok := lags(&list[i]); ok {
				return t, false
			}
		}
	}
	return Trouble{Reason: ReasonNotReady, Text: "its pod is not ready, and the kubelet does not say why"}, false
}

// waits says whether the kubelet has given up on a container for now.
func waits(c *corev1.ContainerStatus) (Trouble, bool) {
	w := c.State.Waiting
	if w == nil {
		return Trouble{}, false
	}
	kind, known := waitKinds[w.Reason]
	if !known {
		return Trouble{}, false
	}
	t := Trouble{Kind: kind, Reason: w.Reason, Container: c.Name}
	text := fmt.Sprintf("container %s: %s", c.Name, w.Reason)
	switch end := c.LastTerminationState.Terminated; {
	case kind == KindCrash && end != nil:
		// Not the kubelet's own words, which say how long it waits this time.
		t.ExitCode = end.ExitCode
		text += fmt.Sprintf(": it ended with exit code %d", end.ExitCode)
		if end.Reason != "" && end.Reason != "Error" {
			text += " (" + end.Reason + ")"
		}
	case kind == KindCrash:
		text += ": it ends again and again"
	case w.Message != "":
		text += ": " + w.Message
	}
	t.Text = bounded(text)
	return t, true
}

// lags is why a container is not ready of which nothing is known to be wrong.
func lags(c *corev1.ContainerStatus) (Trouble, bool) {
	t := Trouble{Reason: ReasonNotReady, Container: c.Name}
	switch s := c.State; {
	case s.Waiting != nil && s.Waiting.Reason != "" && s.Waiting.Reason != "PodInitializing":
		t.Reason = word(s.Waiting.Reason, ReasonNotReady)
		t.Text = fmt.Sprintf("container %s waits: %s", c.Name, s.Waiting.Reason)
		if s.Waiting.Message != "" {
			t.Text += ": " + s.Waiting.Message
		}
	case s.Terminated != nil && s.Terminated.ExitCode != 0:
		t.ExitCode = s.Terminated.ExitCode
		t.Text = fmt.Sprintf("container %s ended with exit code %d", c.Name, s.Terminated.ExitCode)
	case s.Running != nil && c.Started != nil && !*c.Started:
		t.Text = fmt.Sprintf("container %s runs, and its startup probe has not succeeded yet", c.Name)
	case s.Running != nil && !c.Ready:
		t.Text = fmt.Sprintf("container %s runs, and its readiness probe does not succeed", c.Name)
	default:
		return Trouble{}, false
	}
	t.Text = bounded(t.Text)
	return t, true
}

// word is a reason that can be the value of a label; other, where it is none.
func word(reason, other string) string {
	if reason == "" || len(reason) > 64 ||
		strings.ContainsFunc(reason, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsLetter(r) }) {
		return other
	}
	return reason
}

// bounded cuts a text to MaxText, in one line and without anything that a terminal would obey.
func bounded(text string) string {
	text = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)), " ")
	if len(text) <= MaxText {
		return text
	}
	return strings.ToValidUTF8(text[:MaxText], "")
}
