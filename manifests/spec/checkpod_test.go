package spec

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func testPod(change func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "logger-abc", Namespace: "default"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "busybox:1"}}},
	}
	change(p)
	return p
}

func TestCheckPod(t *testing.T) {
	volume := func(v corev1.VolumeSource) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: v}} }
	}
	for _, tc := range []struct {
		name   string
		change func(*corev1.Pod)
		want   string // part of the first error, "" for none
	}{
		{"good", func(*corev1.Pod) {}, ""},
		{"namespace is defaulted", func(p *corev1.Pod) { p.Namespace = "" }, ""},
		{"emptyDir", volume(corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}), ""},
		{"name", func(p *corev1.Pod) { p.Name = "" }, "metadata.name: Required value"},
		{"long name", func(p *corev1.Pod) { p.Name = strings.Repeat("a", 250) }, "metadata.name: Invalid value"},
		{"service account", func(p *corev1.Pod) { p.Spec.ServiceAccountName = "x" }, "static pods may not reference serviceaccounts"},
		{"old service account", func(p *corev1.Pod) { p.Spec.DeprecatedServiceAccount = "x" }, "static pods may not reference serviceaccounts"},
		{"pull secret", func(p *corev1.Pod) { p.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "x"}} }, "static pods may not reference secrets"},
		{
			"configMap", volume(corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "x"}}}),
			"static pods may not reference configmaps",
		},
		{
			"claim", volume(corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "x"}}),
			"static pods may not reference persistentvolumeclaims",
		},
		{"gates", func(p *corev1.Pod) { p.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "x"}} }, "until all schedulingGates have been cleared"},
		{"image with a space", func(p *corev1.Pod) { p.Spec.Containers[0].Image = "busybox " }, "spec.containers[0].image: Invalid value"},
		{"relaxed environment names", func(p *corev1.Pod) { p.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "a b"}} }, ""},
		{"environment name with =", func(p *corev1.Pod) { p.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "a=b"}} }, "spec.containers[0].env[0].name: Invalid value"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pod := testPod(tc.change)
			before := pod.DeepCopy()
			errs := CheckPod(pod)
			switch {
			case tc.want == "" && len(errs) > 0, tc.want != "" && (len(errs) == 0 || !strings.Contains(errs.ToAggregate().Error(), tc.want)):
				t.Errorf("CheckPod = %v, want %q", errs, tc.want)
			}
			if before.String() != pod.String() {
				t.Error("CheckPod changed the pod")
			}
		})
	}
}

// TestFaultF5OlderKubelets: what a kubelet takes is not held against the pod, and the version from which on it does so is known.
func TestFaultF5OlderKubelets(t *testing.T) {
	always, never := corev1.ContainerRestartPolicyAlways, corev1.ContainerRestartPolicyNever
	rule := func(action corev1.ContainerRestartRuleAction) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Spec.Containers[0].RestartPolicy = &never
			p.Spec.Containers[0].RestartPolicyRules = []corev1.ContainerRestartRule{{Action: action, ExitCodes: &corev1.ContainerRestartRuleOnExitCodes{
				Operator: corev1.ContainerRestartRuleOnExitCodesOpIn, Values: []int32{42},
			}}}
		}
	}
	for _, tc := range []struct {
		name   string
		change func(*corev1.Pod)
		want   string // the first version that takes it, "" for all
	}{
		{"plain", func(*corev1.Pod) {}, ""},
		{"restartPolicy of a container", func(p *corev1.Pod) { p.Spec.Containers[0].RestartPolicy = &always }, "1.35"},
		{"restart rule", rule(corev1.ContainerRestartRuleActionRestart), "1.35"},
		{"restart of all containers", rule(corev1.ContainerRestartRuleActionRestartAllContainers), "1.36"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pod := testPod(tc.change)
			if errs := CheckPod(pod); len(errs) > 0 {
				t.Errorf("refused: %v", errs)
			}
			if got := checkOldKubelets(pod); got.before != tc.want || (len(got.errs) > 0) != (tc.want != "") {
				t.Errorf("refused before %q by %v, want %q", got.before, got.errs, tc.want)
			}
		})
	}
}
