// Package resolve turns a DaemonSet that refers to ConfigMaps, Secrets and facts of the node into one that a static pod
// can be made of, and says which files have to be laid for it.
//
// The kubelet refuses a static pod that names a ConfigMap or a Secret, optional or not (HasAPIObjectReference in
// pkg/api/pod/util.go of Kubernetes). So values that go into the environment are written into the pod, and volumes
// become directories of the host, mounted read-only. What a container then sees is what the kubelet would have given
// it; the rules are those of makeEnvironmentVariables (pkg/kubelet/kubelet_pods.go), of MakePayload
// (pkg/volume/configmap and pkg/volume/secret), of CollectData (pkg/volume/downwardapi) and of
// pkg/volume/volume_linux.go, and test/conformance holds this package against that code.
//
// The package is pure: objects and facts come in as arguments, and it reads no disk, clock or network. No error,
// message, String or JSON of it has the content of a Secret or a ConfigMap; only Tree.Files and Result.DaemonSet hold
// it.
package resolve
