package strategy

import (
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func annotated(pairs ...string) *appsv1.DaemonSet {
	ds := &appsv1.DaemonSet{}
	ds.Annotations = map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		ds.Annotations[pairs[i]] = pairs[i+1]
	}
	return ds
}

func TestParseReads(t *testing.T) {
	s, problems := Parse(annotated(
		AnnotationPaused, "true", AnnotationStrict, "true", AnnotationAutoRollback, "true", AnnotationPartition, "50%",
		AnnotationMaxFailed, "3", AnnotationCanary, "tier in (canary,edge)", AnnotationDeadline, "90s"))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if !s.Paused || !s.Strict || !s.AutoRollback || s.Stay(9) != 5 || s.Halt(100) != 3 || s.Deadline != 90*time.Second {
		t.Errorf("got %+v", s)
	}
	if !s.IsCanary(map[string]string{"tier": "edge"}) || s.IsCanary(map[string]string{"tier": "core"}) || s.IsCanary(nil) {
		t.Error("the canary selector does not select by the node's labels")
	}
}

func TestParseDefaults(t *testing.T) {
	s, problems := Parse(annotated())
	if len(problems) > 0 || s.Limit(100) != 1 || s.Halt(100) != 1 || s.Stay(100) != 0 || s.Deadline != DefaultDeadline || s.IsCanary(nil) {
		t.Errorf("got %+v, %v", s, problems)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ key, value, want string }{
		{AnnotationPaused, "yes", `"yes" is neither "true" nor "false"`},
		{AnnotationStrict, "", `"" is neither`},
		{AnnotationAutoRollback, "TRUE", "neither"},
		{AnnotationPartition, "-1", "neither a number"},
		{AnnotationPartition, "", "neither a number"},
		{AnnotationPartition, "101%", "more than 100%"},
		{AnnotationPartition, "99999999999999999999", "neither a number"},
		{AnnotationMaxFailed, "0", "less than 1"},
		{AnnotationMaxFailed, "0%", "less than 1"},
		{AnnotationCanary, "a in (", "no label selector"},
		{AnnotationCanary, "", "every node"},
		{AnnotationDeadline, "10", "no duration"},
		{AnnotationDeadline, "1s", "not between"},
		{AnnotationDeadline, "800h", "not between"},
	} {
		problems := Check(annotated(c.key, c.value))
		if len(problems) != 1 || !strings.Contains(problems[0].Message, c.want) || !strings.Contains(problems[0].Path, c.key) {
			t.Errorf("%s=%q: got %v, wanted %q", c.key, c.value, problems, c.want)
		}
	}
}

// TestLimit has the figures of Kubernetes' updatedDesiredNodeCounts.
func TestLimit(t *testing.T) {
	for _, c := range []struct {
		value         string
		members, want int
	}{
		{"1", 0, 1}, {"3", 2, 3}, {"1%", 10, 1}, {"10%", 10, 1}, {"10%", 11, 2}, {"33%", 10, 4}, {"100%", 7, 7}, {"0%", 10, 1}, {"0", 10, 1},
	} {
		s := Strategy{Budget: intstr.Parse(c.value)}
		if got := s.Limit(c.members); got != c.want {
			t.Errorf("%s of %d: got %d, wanted %d", c.value, c.members, got, c.want)
		}
	}
}

func TestBudget(t *testing.T) {
	none, two, ten := intstr.FromInt32(0), intstr.FromInt32(2), intstr.FromString("10%")
	for _, c := range []struct {
		update *appsv1.RollingUpdateDaemonSet
		want   string
		surge  bool
	}{
		{nil, "1", false},
		{&appsv1.RollingUpdateDaemonSet{}, "1", false},
		{&appsv1.RollingUpdateDaemonSet{MaxUnavailable: &two, MaxSurge: &none}, "2", false},
		{&appsv1.RollingUpdateDaemonSet{MaxUnavailable: &none, MaxSurge: &ten}, "10%", true},
	} {
		ds := annotated()
		ds.Spec.UpdateStrategy.RollingUpdate = c.update
		s, _ := Parse(ds)
		if s.Budget.String() != c.want || s.Surge != c.surge {
			t.Errorf("%+v: got %s, surge %v", c.update, s.Budget.String(), s.Surge)
		}
	}
}

func TestMinReadyWithinDeadline(t *testing.T) {
	for _, c := range []struct {
		ready    int32
		deadline string
		want     bool
	}{{599, "10m", false}, {600, "10m", true}, {600, "", false}, {1<<31 - 1, "", false}, {600, "11m", false}, {0, "10s", false}} {
		ds := annotated()
		ds.Spec.MinReadySeconds = c.ready
		if c.deadline != "" {
			ds.Annotations = map[string]string{AnnotationDeadline: c.deadline}
		}
		problems := Check(ds)
		if got := len(problems) == 1 && problems[0].Path == "metadata.annotations["+AnnotationDeadline+"]"; got != c.want {
			t.Errorf("%+v: %v", c, problems)
		}
	}
}

func TestOnDeleteDoesNotSurge(t *testing.T) {
	five := intstr.FromInt32(5)
	ds := annotated()
	ds.Spec.UpdateStrategy = appsv1.DaemonSetUpdateStrategy{
		Type: appsv1.OnDeleteDaemonSetStrategyType, RollingUpdate: &appsv1.RollingUpdateDaemonSet{MaxSurge: &five, MaxUnavailable: &five},
	}
	if s, problems := Parse(ds); !s.OnDelete || s.Surge || len(problems) > 0 {
		t.Errorf("%+v, %v", s, problems)
	}
}

func TestSurgeWithHostPorts(t *testing.T) {
	always := corev1.ContainerRestartPolicyAlways
	port := func(p corev1.ContainerPort) corev1.Container {
		return corev1.Container{Ports: []corev1.ContainerPort{p}}
	}
	sidecar := port(corev1.ContainerPort{ContainerPort: 80, HostPort: 80})
	sidecar.RestartPolicy = &always
	for name, c := range map[string]struct {
		pod  corev1.PodSpec
		want bool
	}{
		"host port":        {corev1.PodSpec{Containers: []corev1.Container{port(corev1.ContainerPort{ContainerPort: 80, HostPort: 8080})}}, true},
		"host network":     {corev1.PodSpec{HostNetwork: true, Containers: []corev1.Container{port(corev1.ContainerPort{ContainerPort: 80})}}, true},
		"sidecar":          {corev1.PodSpec{InitContainers: []corev1.Container{sidecar}}, true},
		"init container":   {corev1.PodSpec{InitContainers: []corev1.Container{port(corev1.ContainerPort{HostPort: 80})}}, false},
		"ports of its own": {corev1.PodSpec{Containers: []corev1.Container{port(corev1.ContainerPort{ContainerPort: 80})}}, false},
		"no port declared": {corev1.PodSpec{HostNetwork: true, Containers: []corev1.Container{{}}}, false},
	} {
		ds := annotated()
		one := intstr.FromInt32(1)
		ds.Spec.Template.Spec = c.pod
		ds.Spec.UpdateStrategy.RollingUpdate = &appsv1.RollingUpdateDaemonSet{MaxSurge: &one}
		if got := len(Check(ds)) == 1; got != c.want {
			t.Errorf("%s: refused %v, wanted %v", name, got, c.want)
		}
		ds.Spec.UpdateStrategy.RollingUpdate = nil
		if problems := Check(ds); len(problems) > 0 {
			t.Errorf("%s without surge: %v", name, problems)
		}
	}
}
