package strategy

import (
	"fmt"
	"regexp"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Problem is something in a DaemonSet that cannot be used.
type Problem struct {
	// Path is the field, as in metadata.annotations[daemonsetd.io/paused].
	Path string
	// Message says what is wrong with the value, what was wanted and what to do.
	Message string
}

// Check finds what is wrong with the DaemonSet's strategy and its annotations. The DaemonSet is defaulted and valid
// otherwise.
func Check(ds *appsv1.DaemonSet) []Problem {
	_, problems := Parse(ds)
	return problems
}

// Parse reads the strategy of a DaemonSet that is defaulted and valid otherwise. A value with a problem is taken for
// absent.
func Parse(ds *appsv1.DaemonSet) (Strategy, []Problem) {
	p := parser{annotations: ds.Annotations}
	s := Strategy{OnDelete: ds.Spec.UpdateStrategy.Type == appsv1.OnDeleteDaemonSetStrategyType}
	s.Deadline = DefaultDeadline + minReady(ds)
	s.Budget, s.Surge = budget(&ds.Spec.UpdateStrategy)
	s.Paused = p.flag(AnnotationPaused)
	s.Strict = p.flag(AnnotationStrict)
	s.AutoRollback = p.flag(AnnotationAutoRollback)
	s.PrePull = p.unless(AnnotationPrePull) && !s.OnDelete && !s.Surge
	if v := p.number(AnnotationPartition, 0); v != nil {
		s.Partition = *v
	}
	s.MaxFailed = p.number(AnnotationMaxFailed, 1)
	p.canary(&s)
	p.deadline(&s)
	p.soak(ds, &s)
	p.inTime(ds, s)
	p.surge(ds, s)
	return s, p.problems
}

type parser struct {
	annotations map[string]string
	problems    []Problem
}

func (p *parser) problem(key, format string, args ...any) {
	p.problems = append(p.problems, Problem{"metadata.annotations[" + key + "]", fmt.Sprintf(format, args...)})
}

func (p *parser) flag(key string) bool {
	v, ok := p.annotations[key]
	if ok && v != "true" && v != "false" {
		p.problem(key, "%q is neither \"true\" nor \"false\"", v)
	}
	return v == "true"
}

// unless reads a flag that is set where nobody says "false".
func (p *parser) unless(key string) bool {
	p.flag(key) // what is neither is told
	return p.annotations[key] != "false"
}

// wholeOrPercent is what a number or a percentage looks like; the digits are limited so that no arithmetic overflows.
var wholeOrPercent = regexp.MustCompile(`^[0-9]{1,9}%?$`)

// number reads a number of members or a percentage of them; nil: absent or bad.
func (p *parser) number(key string, least int) *intstr.IntOrString {
	text, ok := p.annotations[key]
	if !ok {
		return nil
	}
	if !wholeOrPercent.MatchString(text) {
		p.problem(key, "%q is neither a number of members, such as \"3\", nor a percentage of them, such as \"10%%\"", text)
		return nil
	}
	v := intstr.Parse(text)
	n, err := strconv.Atoi(trimPercent(text))
	switch {
	case err != nil || n < least:
		p.problem(key, "%q is less than %d, the least that is possible", text, least)
		return nil
	case v.Type == intstr.String && n > 100:
		p.problem(key, "%q is more than 100%%", text)
		return nil
	}
	return &v
}

func trimPercent(text string) string {
	if text[len(text)-1] == '%' {
		return text[:len(text)-1]
	}
	return text
}

func (p *parser) canary(s *Strategy) {
	text, ok := p.annotations[AnnotationCanary]
	if !ok {
		return
	}
	selector, err := labels.Parse(text)
	switch {
	case err != nil:
		p.problem(AnnotationCanary, "%q is no label selector, such as \"example.com/canary=true\": %v", text, err)
	case selector.Empty():
		p.problem(AnnotationCanary, "it is empty and would select every node: give a label, or remove the annotation")
	default:
		s.Canary = selector
	}
}

const (
	leastDeadline = 10 * time.Second
	mostDeadline  = 7 * 24 * time.Hour
)

func (p *parser) deadline(s *Strategy) {
	text, ok := p.annotations[AnnotationDeadline]
	if !ok {
		return
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		p.problem(AnnotationDeadline, "%q is no duration, such as \"10m\" or \"90s\"", text)
	case d < leastDeadline || d > mostDeadline:
		p.problem(AnnotationDeadline, "%q is not between %s and %s", text, leastDeadline, mostDeadline)
	default:
		s.Deadline = d
	}
}

// soak reads the annotation, or takes the default where a program that exits at once would count as available before
// it does.
func (p *parser) soak(ds *appsv1.DaemonSet, s *Strategy) {
	text, ok := p.annotations[AnnotationSoak]
	if !ok {
		if minReady(ds) == 0 && unprobed(&ds.Spec.Template.Spec) {
			s.Soak = min(DefaultSoak, s.Deadline/2)
		}
		return
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		p.problem(AnnotationSoak, "%q is no duration, such as \"30s\"; \"0s\" is none", text)
	case d < 0 || d > mostDeadline:
		p.problem(AnnotationSoak, "%q is not between 0s and %s", text, mostDeadline)
	case d >= s.Deadline:
		p.problem(AnnotationSoak, "%s is not less than the progress deadline, %s, so that every new pod would count as "+
			"failed: "+
			"lower it, or raise %s", d, s.Deadline, AnnotationDeadline)
	default:
		s.Soak = d
	}
}

// unprobed says whether a container has neither a readiness nor a startup probe. Those of init containers that restart
// always count, too.
func unprobed(pod *corev1.PodSpec) bool {
	for _, c := range pod.InitContainers {
		always := c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
		if always && c.ReadinessProbe == nil && c.StartupProbe == nil {
			return true
		}
	}
	for _, c := range pod.Containers {
		if c.ReadinessProbe == nil && c.StartupProbe == nil {
			return true
		}
	}
	return false
}

// minReady is how long a pod has to be ready until it is available.
func minReady(ds *appsv1.DaemonSet) time.Duration {
	return time.Duration(ds.Spec.MinReadySeconds) * time.Second
}

// inTime refuses a deadline that no pod can keep, as Kubernetes does for a Deployment (ValidateDeploymentSpec in
// pkg/apis/apps/validation).
func (p *parser) inTime(ds *appsv1.DaemonSet, s Strategy) {
	if minReady(ds) >= s.Deadline {
		p.problem(AnnotationDeadline, "%s is not more than minReadySeconds, %d, so that every new pod would count as "+
			"failed: raise it", s.Deadline, ds.Spec.MinReadySeconds)
	}
}

// surge refuses two pods beside each other that want the same port of the host: the second could never start.
func (p *parser) surge(ds *appsv1.DaemonSet, s Strategy) {
	if !s.Surge {
		return
	}
	port := hostPort(&ds.Spec.Template.Spec)
	if port == 0 {
		return
	}
	p.problems = append(p.problems, Problem{"spec.updateStrategy.rollingUpdate.maxSurge", fmt.Sprintf(
		"with maxSurge the new pod starts beside the old one, and both want port %d of the host, so that it never would: "+
			"use maxUnavailable", port)})
}

// hostPort is a port of the host that the pod binds while it runs, or 0. With hostNetwork every declared port is one,
// as defaulting sets hostPort. Init containers are over before, unless they restart always.
func hostPort(pod *corev1.PodSpec) int32 {
	for _, c := range pod.InitContainers {
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			if port := boundPort(c, pod.HostNetwork); port != 0 {
				return port
			}
		}
	}
	for _, c := range pod.Containers {
		if port := boundPort(c, pod.HostNetwork); port != 0 {
			return port
		}
	}
	return 0
}

func boundPort(c corev1.Container, hostNetwork bool) int32 {
	for _, port := range c.Ports {
		switch {
		case port.HostPort != 0:
			return port.HostPort
		case hostNetwork:
			return port.ContainerPort
		}
	}
	return 0
}
