package spec

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	apiservice "k8s.io/kubernetes/pkg/api/service"
	"k8s.io/kubernetes/pkg/apis/core"
	coredefaults "k8s.io/kubernetes/pkg/apis/core/v1"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/apis/scheduling"
	schedulingdefaults "k8s.io/kubernetes/pkg/apis/scheduling/v1"
	schedulingvalidation "k8s.io/kubernetes/pkg/apis/scheduling/validation"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/strictyaml"
)

// MaxKeys is how many keys a ConfigMap or a Secret may have. Each is a file in every volume that shows it.
const MaxKeys = 10_000

// tooManyKeys reports an object with more, of which nothing else is looked at.
func (p *parser) tooManyKeys(d *strictyaml.Document, fields ...string) bool {
	n := 0
	for _, field := range fields {
		keys, _ := value(d, field).(map[string]any)
		n += len(keys)
	}
	if n <= MaxKeys {
		return false
	}
	p.report(d.Problem(diag.Error, fields[0], fmt.Sprintf("the %s%s has %d keys; the limit is %d", d.Kind(), named(d), n,
		MaxKeys), "split it"))
	return true
}

func (p *parser) configMap(d *strictyaml.Document) {
	if p.tooManyKeys(d, "data", "binaryData") {
		return
	}
	obj := &corev1.ConfigMap{}
	decoding := p.decode(d, obj)
	obj.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: kindConfigMap}
	settle(&obj.ObjectMeta)
	coredefaults.SetObjectDefaults_ConfigMap(obj)
	internal := &core.ConfigMap{}
	errs := converted(coredefaults.Convert_v1_ConfigMap_To_core_ConfigMap(obj.DeepCopy(), internal, nil),
		func() field.ErrorList {
			return corevalidation.ValidateConfigMap(internal)
		})
	if src, ok := p.finish(d, &obj.ObjectMeta, kindConfigMap, errs, decoding); ok {
		p.objects.ConfigMaps = append(p.objects.ConfigMaps, &ConfigMap{Object: obj, Source: src})
	}
}

// secret keeps stringData within data, as an API server does.
func (p *parser) secret(d *strictyaml.Document) {
	d.HideSnippets()
	if p.tooManyKeys(d, "data", "stringData") {
		return
	}
	obj := &corev1.Secret{}
	decoding := p.decode(d, obj)
	obj.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: kindSecret}
	settle(&obj.ObjectMeta)
	coredefaults.SetObjectDefaults_Secret(obj)
	internal := &core.Secret{}
	errs := converted(coredefaults.Convert_v1_Secret_To_core_Secret(obj.DeepCopy(), internal, nil),
		func() field.ErrorList {
			return corevalidation.ValidateSecret(internal)
		})
	obj.Data, obj.StringData = internal.Data, nil
	if src, ok := p.finish(d, &obj.ObjectMeta, kindSecret, errs, decoding); ok {
		p.objects.Secrets = append(p.objects.Secrets, &Secret{Object: obj, Source: src})
	}
}

// service takes a Service. What is wrong with one is a warning, and it is left out: it has no effect on any pod, and
// shall not hold up the DaemonSet beside it.
func (p *parser) service(d *strictyaml.Document) {
	p.lenient = kindService
	defer func() { p.lenient = "" }()
	obj := &corev1.Service{}
	decoding := p.decode(d, obj)
	obj.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: kindService}
	settle(&obj.ObjectMeta)
	coredefaults.SetObjectDefaults_Service(obj)
	if obj.Spec.ClusterIP != "" && len(obj.Spec.ClusterIPs) == 0 {
		// An API server does the same before it validates (pkg/registry/core/service, normalizeClusterIPs).
		obj.Spec.ClusterIPs = []string{obj.Spec.ClusterIP}
	}
	internal := &core.Service{}
	errs := converted(coredefaults.Convert_v1_Service_To_core_Service(obj.DeepCopy(), internal, nil),
		func() field.ErrorList {
			if apiservice.NeedsHealthCheck(internal) && internal.Spec.HealthCheckNodePort == 0 {
				// An API server allocates it before it validates (allocHealthCheckNodePort in
				// pkg/registry/core/service/storage); any port stands for it.
				internal.Spec.HealthCheckNodePort = 1
			}
			return corevalidation.ValidateServiceCreate(internal)
		})
	if src, ok := p.finish(d, &obj.ObjectMeta, kindService, errs, decoding); ok {
		p.objects.Services = append(p.objects.Services, &Service{Object: obj, Source: src})
	}
}

// priorityClass takes a PriorityClass, and leaves one out that is wrong, with a warning: what names it runs without a
// priority, as every DaemonSet did whose class nobody declared.
func (p *parser) priorityClass(d *strictyaml.Document) {
	p.lenient = kindPriorityClass
	defer func() { p.lenient = "" }()
	obj := &schedulingv1.PriorityClass{}
	decoding := p.decode(d, obj)
	obj.TypeMeta = metav1.TypeMeta{APIVersion: "scheduling.k8s.io/v1", Kind: kindPriorityClass}
	// An API server takes the namespace away from an object of a kind without namespaces before it validates
	// (EnsureObjectNamespaceMatchesRequestNamespace in k8s.io/apiserver/pkg/registry/rest).
	obj.Namespace = ""
	schedulingdefaults.SetObjectDefaults_PriorityClass(obj)
	internal := &scheduling.PriorityClass{}
	err := schedulingdefaults.Convert_v1_PriorityClass_To_scheduling_PriorityClass(obj.DeepCopy(), internal, nil)
	errs := converted(err, func() field.ErrorList { return schedulingvalidation.ValidatePriorityClass(internal) })
	if obj.GlobalDefault {
		p.report(d.Problem(diag.Warning, "globalDefault", "globalDefault has no effect: only DaemonSets that name the class "+
			"have its priority", ""))
	}
	if src, ok := p.finish(d, &obj.ObjectMeta, kindPriorityClass, errs, decoding); ok {
		p.objects.PriorityClasses = append(p.objects.PriorityClasses, &PriorityClass{Object: obj, Source: src})
	}
}

func (p *parser) decode(d *strictyaml.Document, into any) diag.List {
	p.ignoreServed(d)
	problems := d.Decode(into)
	p.report(problems...)
	return problems
}

// converted validates unless the conversion to the internal type failed.
func converted(err error, validate func() field.ErrorList) field.ErrorList {
	if err != nil {
		return field.ErrorList{field.InternalError(nil, err)}
	}
	return validate()
}

// finish reports what validation found and says whether the object can be taken.
func (p *parser) finish(d *strictyaml.Document, m *metav1.ObjectMeta, kind string, errs field.ErrorList,
	decoding diag.List,
) (Source, bool) {
	p.reportFields(d, errs, decoding)
	src, unique := p.declare(d, kind, m.Namespace, m.Name)
	return src, unique && len(errs) == 0 && !decoding.HasErrors()
}
