package spec

import (
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	podutil "k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/apps"
	appsdefaults "k8s.io/kubernetes/pkg/apis/apps/v1"
	appsvalidation "k8s.io/kubernetes/pkg/apis/apps/validation"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/strictyaml"
	"github.com/daemonsetd/daemonsetd/manifests/render"
	"github.com/daemonsetd/daemonsetd/manifests/resolve"
)

func (p *parser) daemonSet(d *strictyaml.Document) {
	p.ignoreServed(d)
	ds := &appsv1.DaemonSet{}
	decoding := otherWorkloads(d.Decode(ds))
	p.report(decoding...)
	ds.TypeMeta = metav1.TypeMeta{APIVersion: "apps/v1", Kind: kindDaemonSet}
	settle(&ds.ObjectMeta)
	written := ds.DeepCopy()
	appsdefaults.SetObjectDefaults_DaemonSet(ds)

	findings := diag.List{}
	findings = append(findings, refusals(d, written)...)
	findings = append(findings, annotations(d, written)...)
	if !decoding.HasErrors() {
		findings = append(findings, strategies(d, ds)...)
	}
	p.report(findings...)
	p.report(warnings(d, written)...)
	internal, invalid := validateDaemonSet(ds)
	p.reportFields(d, invalid, decoding)
	if len(invalid) == 0 && !decoding.HasErrors() && !findings.HasErrors() {
		p.report(upstreamWarnings(d, &internal.Spec.Template)...)
	}

	src, unique := p.declare(d, kindDaemonSet, ds.Namespace, ds.Name)
	template, ok := d.Canonical("spec", "template")
	if !unique || !ok || decoding.HasErrors() || findings.HasErrors() || len(invalid) > 0 {
		return
	}
	old := p.checkStaticPod(d, ds, template)
	needs := ""
	if len(old.errs) > 0 {
		needs = message(d, podPath(old.errs[0].Field), old.errs[0])
	}
	p.objects.DaemonSets = append(p.objects.DaemonSets, &DaemonSet{
		Object: ds, Source: src, Template: template, KubeletFrom: old.before, KubeletNeeds: needs,
		places: referencePlaces(d, ds),
	})
}

// otherWorkloads adds what to do about fields that a Deployment or a StatefulSet has and a DaemonSet has not.
func otherWorkloads(decoding diag.List) diag.List {
	for i := range decoding {
		switch p := &decoding[i]; p.Path {
		case "spec.strategy":
			p.Hint = `did you mean "updateStrategy"?`
		case "spec.replicas":
			p.Hint = "remove it: a DaemonSet runs one pod on each node that it selects"
		case "spec.serviceName", "spec.volumeClaimTemplates", "spec.podManagementPolicy":
			p.Hint = "remove it: it is a StatefulSet's"
		}
	}
	return decoding
}

// validateDaemonSet is what an API server does on create (pkg/registry/apps/daemonset/strategy.go). It gives the object
// that it validated, too, which is empty where it could not be converted.
func validateDaemonSet(ds *appsv1.DaemonSet) (*apps.DaemonSet, field.ErrorList) {
	internal := &apps.DaemonSet{}
	if err := appsdefaults.Convert_v1_DaemonSet_To_apps_DaemonSet(ds.DeepCopy(), internal, nil); err != nil {
		// The one thing that cannot be converted is this annotation, when it is no number.
		path := field.NewPath("metadata", "annotations").Key(appsv1.DeprecatedTemplateGeneration)
		bad := ds.Annotations[appsv1.DeprecatedTemplateGeneration]
		return internal, field.ErrorList{field.Invalid(path, bad, "wanted an integer")}
	}
	// An API server sets a generation that is below 1 before it validates.
	internal.Spec.TemplateGeneration = max(internal.Spec.TemplateGeneration, 1)
	allowPrivileged()
	options := podutil.GetValidationOptionsFromPodTemplate(&internal.Spec.Template, nil)
	return internal, appsvalidation.ValidateDaemonSet(internal, options)
}

// checkStaticPod renders the pod that would be written and asks the kubelet's own code about it. What the DaemonSet
// refers to may stand in other files, so something harmless takes its place. It gives what older kubelets have against
// the pod.
func (p *parser) checkStaticPod(d *strictyaml.Document, ds *appsv1.DaemonSet, template []byte) oldKubelet {
	o := render.Options{NodeName: checkNode, Revision: render.Revision(template), Source: p.file}
	if err := render.CheckNames(ds, render.Options{Revision: o.Revision}); err != nil {
		p.report(d.Problem(diag.Error, "metadata.name", err.Error(), ""))
		return oldKubelet{}
	}
	resolved := resolve.Placeholder(ds)
	for _, m := range resolved.Missing {
		p.report(d.Problem(diag.Error, m.Path, strictyaml.Leaf(m.Path)+" cannot be used in a static pod: "+m.Detail, ""))
	}
	pod, changes := render.Pod(resolved.DaemonSet(func(resolve.Tree) string { return "/placeholder" }), o)
	for _, c := range slices.Concat(resolved.Changes, changes) {
		if c.Silent {
			continue
		}
		problem := d.Problem(diag.Warning, c.Path, strictyaml.Leaf(c.Path)+" "+c.Message, "")
		if account := accountAt(ds, c.Path); account != "" {
			p.accounts = append(p.accounts, accountWarning{problem, ds.Namespace + "/" + account})
			continue
		}
		p.report(problem)
	}
	refused := CheckPod(pod)
	for _, err := range refused {
		p.report(fieldProblem(d, podPath(err.Field), "the kubelet would refuse the pod: ", err))
	}
	if len(refused) > 0 {
		return oldKubelet{}
	}
	old := checkOldKubelets(pod)
	for _, err := range old.errs {
		problem := fieldProblem(d, podPath(err.Field), "a kubelet before "+old.before+" refuses the pod: ", err)
		problem.Severity = diag.Warning
		p.report(problem)
	}
	return old
}

// accountAt is the service account that a field names, "" where the field is another.
func accountAt(ds *appsv1.DaemonSet, path string) string {
	switch path {
	case podPrefix + "serviceAccountName":
		return ds.Spec.Template.Spec.ServiceAccountName
	case podPrefix + "serviceAccount":
		return ds.Spec.Template.Spec.DeprecatedServiceAccount
	}
	return ""
}

// podPath is the path that a field of the pod has in the DaemonSet.
func podPath(path string) string {
	switch {
	case within(path, "metadata.name"), within(path, "metadata.namespace"):
		return path
	case within(path, "metadata"), within(path, "spec"):
		return "spec.template." + path
	default:
		return strings.TrimSuffix("spec.template.spec."+path, ".")
	}
}
