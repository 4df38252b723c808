package spec

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
	podutil "k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/core"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/strictyaml"
)

// upstreamWarnings is what an API server warns of when the DaemonSet is created (WarningsOnCreate in
// pkg/registry/apps/daemonset/strategy.go), but for fields that have no effect here, of which there is a word already.
func upstreamWarnings(d *strictyaml.Document, template *core.PodTemplateSpec) diag.List {
	without := []string{
		podPrefix + "imagePullSecrets", podPrefix + "topologySpreadConstraints", podPrefix + "affinity.podAffinity",
		podPrefix + "affinity.podAntiAffinity",
	}
	var list diag.List
	at := field.NewPath("spec", "template")
	for _, text := range podutil.GetWarningsForPodTemplate(context.Background(), at, template, nil) {
		path, message, ok := strings.Cut(text, ": ")
		if !ok || !within(path, "spec") {
			path, message = podPrefix+"volumes", text // overlapping paths of volumes, the one kind without a field
		} else if slices.ContainsFunc(without, func(outer string) bool { return within(path, outer) }) {
			continue
		} else {
			message = strictyaml.Leaf(path) + ": " + message
		}
		message = strings.TrimSuffix(message, ", which may be dropped when using apply")
		list = append(list, d.Problem(diag.Warning, d.Shown(path), message, fractionHint(d, path, text)))
	}
	return list
}

// fractionHint is about the slip of 512m, which is half a byte.
func fractionHint(d *strictyaml.Document, path, text string) string {
	written, _ := value(d, path).(string)
	number, isThousandths := strings.CutSuffix(written, "m")
	if !isThousandths || !strings.Contains(text, "fractional byte value") {
		return ""
	}
	return fmt.Sprintf("m stands for thousandths: did you mean %sM or %sMi?", number, number)
}
