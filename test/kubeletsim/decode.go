package kubeletsim

import (
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	podutil "k8s.io/kubernetes/pkg/api/pod"
	api "k8s.io/kubernetes/pkg/apis/core"
	"k8s.io/kubernetes/pkg/apis/core/helper"
	_ "k8s.io/kubernetes/pkg/apis/core/install" // registers the core types in legacyscheme
	apiv1 "k8s.io/kubernetes/pkg/apis/core/v1"
	"k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/util/hash"

	"github.com/daemonsetd/daemonsetd/agent/kubelet"
)

// maxManifest is the size from which the kubelet refuses a manifest (pkg/kubelet/config/common.go:maxConfigLength).
const maxManifest = 10 << 20

// readManifest reads one file as pkg/kubelet/config/file.go:extractFromFile does. Like it, it blocks on a FIFO.
func readManifest(file, nodeName string) (*corev1.Pod, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxManifest))
	if err != nil {
		return nil, err
	}
	if len(data) >= maxManifest {
		return nil, fmt.Errorf("%s has %d bytes or more", file, maxManifest)
	}
	pod, err := decodeManifest(data, file, nodeName)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return pod, nil
}

// decodeManifest follows pkg/kubelet/config/common.go:tryDecodeSinglePod.
func decodeManifest(data []byte, file, nodeName string) (*corev1.Pod, error) {
	asJSON, err := utilyaml.ToJSON(data)
	if err != nil {
		return nil, err
	}
	obj, err := runtime.Decode(legacyscheme.Codecs.UniversalDecoder(), asJSON)
	if err != nil {
		return nil, err
	}
	pod, ok := obj.(*api.Pod)
	switch {
	case !ok:
		return nil, fmt.Errorf("invalid pod: %T", obj)
	case pod.Name == "":
		return nil, errors.New("invalid pod: name is needed for the pod")
	}
	applyDefaults(pod, file, nodeName)
	opts := podutil.GetValidationOptionsFromPodSpecAndMeta(&pod.Spec, nil, &pod.ObjectMeta, nil)
	if errs := validation.ValidatePodCreate(pod, opts); len(errs) > 0 {
		return nil, fmt.Errorf("invalid pod: %w", errs.ToAggregate())
	}
	if _, resource, err := podutil.HasAPIObjectReference(pod); err != nil {
		return nil, err
	} else if resource != "" {
		return nil, fmt.Errorf("static pods may not reference %s", resource)
	}
	out := &corev1.Pod{}
	if err := apiv1.Convert_core_Pod_To_v1_Pod(pod, out, nil); err != nil {
		return nil, err
	}
	// Every pod that the kubelet has from a file is marked so (pkg/kubelet/config/config.go:merge).
	out.Annotations[annotationSource] = "file"
	return out, nil
}

// applyDefaults follows the function of that name in pkg/kubelet/config/common.go. The UID is a hash over the defaulted
// pod, the node and the path, so that it changes with any of them.
func applyDefaults(pod *api.Pod, file, nodeName string) {
	if pod.UID == "" {
		hasher := fnv.New128a()
		hash.DeepHashObject(hasher, pod)
		_, _ = fmt.Fprintf(hasher, "host:%s", nodeName)
		_, _ = fmt.Fprintf(hasher, "file:%s", file)
		pod.UID = types.UID(hex.EncodeToString(hasher.Sum(nil)))
	}
	pod.Name = kubelet.PodName(pod.Name, nodeName)
	if pod.Namespace == "" {
		pod.Namespace = metav1.NamespaceDefault
	}
	pod.Spec.NodeName = nodeName
	if pod.Annotations == nil {
		pod.Annotations = map[string]string{}
	}
	pod.Annotations[annotationHash] = string(pod.UID)
	helper.AddOrUpdateTolerationInPod(pod, &api.Toleration{Operator: "Exists", Effect: api.TaintEffectNoExecute})
	pod.Status.Phase = api.PodPending
}
