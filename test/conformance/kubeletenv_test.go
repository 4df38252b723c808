package conformance

import (
	"context"
	"reflect"
	_ "unsafe" // for linkname

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/kubernetes/pkg/kubelet"
	"k8s.io/kubernetes/pkg/kubelet/configmap"
	kubecontainer "k8s.io/kubernetes/pkg/kubelet/container"
	"k8s.io/kubernetes/pkg/kubelet/secret"
)

// makeEnvironmentVariables is the kubelet's own method, which it does not export.
//
//go:linkname makeEnvironmentVariables k8s.io/kubernetes/pkg/kubelet.(*Kubelet).makeEnvironmentVariables
func makeEnvironmentVariables(kl *kubelet.Kubelet, ctx context.Context, pod *corev1.Pod, container *corev1.Container, podIP string, podIPs []string, volumes kubecontainer.VolumeMap) ([]kubecontainer.EnvVar, error)

// objects is the ConfigMaps and Secrets of one namespace.
type objects struct {
	configMaps map[string]*corev1.ConfigMap
	secrets    map[string]*corev1.Secret
}

func (o objects) configMap(name string) (*corev1.ConfigMap, bool) {
	c, ok := o.configMaps[name]
	return c, ok
}

func (o objects) secret(name string) (*corev1.Secret, bool) { s, ok := o.secrets[name]; return s, ok }

type configMapManager struct {
	configmap.Manager
	objects
}

func (m configMapManager) GetConfigMap(_, name string) (*corev1.ConfigMap, error) {
	if found, ok := m.configMaps[name]; ok {
		return found, nil
	}
	return nil, apierrors.NewNotFound(corev1.Resource("configmaps"), name)
}

type secretManager struct {
	secret.Manager
	objects
}

func (m secretManager) GetSecret(_, name string) (*corev1.Secret, error) {
	if found, ok := m.secrets[name]; ok {
		return found, nil
	}
	return nil, apierrors.NewNotFound(corev1.Resource("secrets"), name)
}

// kubeletWith is a kubelet that knows the objects from an API server and has just what its method looks at.
func kubeletWith(o objects) *kubelet.Kubelet {
	kl := standaloneKubelet()
	set(kl, "kubeClient", fake.NewClientset())
	set(kl, "configMapManager", configMapManager{objects: o})
	set(kl, "secretManager", secretManager{objects: o})
	return kl
}

// standaloneKubelet has no API server and therefore no object and no Service.
func standaloneKubelet() *kubelet.Kubelet {
	kl := &kubelet.Kubelet{}
	set(kl, "serviceHasSynced", func() bool { return true })
	return kl
}

// set writes a field that is not exported; a field that is gone makes it panic, and the test with it.
func set(kl *kubelet.Kubelet, name string, value any) {
	field := reflect.ValueOf(kl).Elem().FieldByName(name)
	v := reflect.ValueOf(value).Convert(field.Type())
	reflect.NewAt(field.Type(), field.Addr().UnsafePointer()).Elem().Set(v)
}
