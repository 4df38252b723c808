package conformance

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kjson "k8s.io/apimachinery/pkg/runtime/serializer/json"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/apps"
	_ "k8s.io/kubernetes/pkg/apis/apps/install" // the kinds that the scheme decodes
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	"k8s.io/kubernetes/pkg/registry/apps/daemonset"
)

// refusal is why an API server refuses a file: the places, as far as it names them, and all of what it says.
type refusal struct {
	// paths are the fields of validation errors and of strict decoding errors.
	paths []string
	// loose are the fields of type errors, without the indices of lists.
	loose []string
	// lines are those of keys that are written twice.
	lines []int
	text  string
}

// create does what an API server does with a file that is created with strict field validation, up to the point where
// it would be stored: strict decoding, defaults, conversion, the create strategy of DaemonSets.
func create(data []byte) (*refusal, error) {
	strict := kjson.NewSerializerWithOptions(kjson.DefaultMetaFactory, legacyscheme.Scheme, legacyscheme.Scheme,
		kjson.SerializerOptions{Yaml: true, Strict: true})
	object, err := runtime.Decode(legacyscheme.Codecs.DecoderToVersion(strict, apps.SchemeGroupVersion), data)
	if err != nil {
		return undecodable(err), nil
	}
	ds, ok := object.(*apps.DaemonSet)
	if !ok {
		return nil, fmt.Errorf("decode: want a DaemonSet, have %T", object)
	}
	if ds.Namespace == "" {
		ds.Namespace = metav1.NamespaceDefault
	}
	if ds.Name == "" && ds.GenerateName != "" {
		ds.Name = daemonset.Strategy.GenerateName(ds.GenerateName)
	}
	rest.FillObjectMetaSystemFields(ds)
	ctx := genericapirequest.WithNamespace(context.Background(), ds.Namespace)
	ctx = genericapirequest.WithRequestInfo(ctx, &genericapirequest.RequestInfo{
		IsResourceRequest: true, Verb: "create", APIGroup: "apps", APIVersion: "v1", Resource: "daemonsets", Namespace: ds.Namespace,
	})
	return invalid(rest.BeforeCreate(daemonset.Strategy, ctx, ds))
}

// invalid takes the fields out of the error that validation gives.
func invalid(err error) (*refusal, error) {
	if err == nil {
		return nil, nil
	}
	status, ok := errors.AsType[*apierrors.StatusError](err)
	if !ok || !apierrors.IsInvalid(err) {
		return nil, fmt.Errorf("want an error of validation: %w", err)
	}
	found := &refusal{text: err.Error()}
	for _, cause := range status.ErrStatus.Details.Causes {
		found.paths = append(found.paths, cause.Field)
	}
	return found, nil
}

var (
	unknownField = regexp.MustCompile(`(?:unknown|duplicate) field "([^"]+)"`)
	wrongType    = regexp.MustCompile(`Go struct field [A-Za-z]+\.(\S+) of type`)
	// inlined are the Go types whose fields stand in the file without a level of their own.
	inlined     = regexp.MustCompile(`\.(VolumeSource|ProbeHandler|LocalObjectReference)\b`)
	twiceInYAML = regexp.MustCompile(`line (\d+): key "[^"]*" already set in map`)
)

// undecodable takes the places out of the errors of decoding, of which there are several only if they are strict ones.
func undecodable(err error) *refusal {
	found := &refusal{text: err.Error()}
	for _, match := range unknownField.FindAllStringSubmatch(found.text, -1) {
		found.paths = append(found.paths, match[1])
	}
	for _, match := range wrongType.FindAllStringSubmatch(found.text, -1) {
		found.loose = append(found.loose, inlined.ReplaceAllString(match[1], ""))
	}
	for _, match := range twiceInYAML.FindAllStringSubmatch(found.text, -1) {
		line, err := strconv.Atoi(match[1])
		if err == nil {
			found.lines = append(found.lines, line)
		}
	}
	return found
}

// defaulted decodes as an API server does and gives the object of version v1 with its defaults.
func defaulted(data []byte) (*appsv1.DaemonSet, error) {
	object, err := runtime.Decode(legacyscheme.Codecs.UniversalDecoder(appsv1.SchemeGroupVersion), data)
	if err != nil {
		return nil, err
	}
	ds, ok := object.(*appsv1.DaemonSet)
	if !ok {
		return nil, fmt.Errorf("decode: want a DaemonSet, have %T", object)
	}
	if ds.Namespace == "" {
		ds.Namespace = metav1.NamespaceDefault
	}
	return ds, nil
}
