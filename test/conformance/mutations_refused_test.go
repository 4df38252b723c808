package conformance

import (
	"strings"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

// refused is a refusal that the documentation tells: Kubernetes takes the file and we do not.
type refused struct {
	mutation
	// at is the path of the problem that has to be among ours.
	at string
	// runs is set where a kubelet would take the pod all the same, because the field belongs to an API server alone.
	runs bool
	// says is a part of the problem's message.
	says string
	// told is how docs/config.md tells it.
	told string
}

// documented is the whole list. Any other file that both an API server and a kubelet take must be taken by us.
func documented() []refused {
	const volume = "spec.template.spec.volumes[0]"
	return []refused{
		{mutation{"resource claims", "$.resourceClaims", `[{name: gpu, resourceClaimName: gpu}]`}, "spec.template.spec.resourceClaims", false, "a static pod cannot have", "| `resourceClaims` |"},
		{mutation{"scheduling gates", "$.schedulingGates", `[{name: example.com/wait}]`}, "spec.template.spec.schedulingGates", false, "a static pod cannot have", "| `schedulingGates` |"},
		{mutation{"persistent volume claim", "$.volumes", `[{name: v, persistentVolumeClaim: {claimName: c}}]`}, volume + ".persistentVolumeClaim", false, "a static pod cannot have", "| `persistentVolumeClaim`, `csi`, `glusterfs`, `azureFile` volumes |"},
		{mutation{"CSI volume", "$.volumes", `[{name: v, csi: {driver: csi.example.com}}]`}, volume + ".csi", false, "a static pod cannot have", "| `persistentVolumeClaim`, `csi`, `glusterfs`, `azureFile` volumes |"},
		{mutation{"ephemeral volume", "$.volumes", `[{name: v, ephemeral: {volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}}}]`}, volume + ".ephemeral", false, "a static pod cannot have", "| `ephemeral` volumes |"},
		{mutation{"glusterfs", "$.volumes", `[{name: v, glusterfs: {endpoints: e, path: p}}]`}, volume + ".glusterfs", false, "a static pod cannot have", "| `persistentVolumeClaim`, `csi`, `glusterfs`, `azureFile` volumes |"},
		{mutation{"azureFile", "$.volumes", `[{name: v, azureFile: {secretName: s, shareName: share}}]`}, volume + ".azureFile", false, "a static pod cannot have", "| `persistentVolumeClaim`, `csi`, `glusterfs`, `azureFile` volumes |"},
		{mutation{"cephfs with a Secret", "$.volumes", `[{name: v, cephfs: {monitors: [a], secretRef: {name: s}}}]`}, volume + ".cephfs.secretRef", false, "a static pod cannot have", "| volumes with a `secretRef`"},
		{mutation{"cinder with a Secret", "$.volumes", `[{name: v, cinder: {volumeID: a, secretRef: {name: s}}}]`}, volume + ".cinder.secretRef", false, "a static pod cannot have", "| volumes with a `secretRef`"},
		{mutation{"flexVolume with a Secret", "$.volumes", `[{name: v, flexVolume: {driver: example.com/d, secretRef: {name: s}}}]`}, volume + ".flexVolume.secretRef", false, "a static pod cannot have", "| volumes with a `secretRef`"},
		{mutation{"rbd with a Secret", "$.volumes", `[{name: v, rbd: {monitors: [a], image: i, secretRef: {name: s}}}]`}, volume + ".rbd.secretRef", false, "a static pod cannot have", "| volumes with a `secretRef`"},
		{mutation{"scaleIO with a Secret", "$.volumes", `[{name: v, scaleIO: {gateway: g, system: s, volumeName: vol, secretRef: {name: s}}}]`}, volume + ".scaleIO.secretRef", false, "a static pod cannot have", "| volumes with a `secretRef`"},
		{mutation{"iscsi with a Secret", "$.volumes", `[{name: v, iscsi: {targetPortal: "192.0.2.8:3260", iqn: "iqn.2001-04.com.example:a", lun: 0, chapAuthDiscovery: true, secretRef: {name: s}}}]`}, volume + ".iscsi.secretRef", false, "a static pod cannot have", "| volumes with a `secretRef`"},
		{mutation{"storageos with a Secret", "$.volumes", `[{name: v, storageos: {volumeName: vol, secretRef: {name: s}}}]`}, volume + ".storageos.secretRef", false, "a static pod cannot have", "| volumes with a `secretRef`"},
		{mutation{"service account token", "$.volumes", `[{name: v, projected: {sources: [{serviceAccountToken: {path: token}}]}}]`}, volume + ".projected.sources[0].serviceAccountToken", false, "a static pod cannot have", "| projected `serviceAccountToken` |"},
		{mutation{"cluster trust bundle", "$.volumes", `[{name: v, projected: {sources: [{clusterTrustBundle: {name: b, path: ca.pem}}]}}]`}, volume + ".projected.sources[0].clusterTrustBundle", false, "a static pod cannot have", "| projected `clusterTrustBundle`, `podCertificate` |"},
		{mutation{"pod certificate", "$.volumes", `[{name: v, projected: {sources: [{podCertificate: {signerName: example.com/a, keyType: ED25519, credentialBundlePath: a.pem}}]}}]`}, volume + ".projected.sources[0].podCertificate", false, "a static pod cannot have", "| projected `clusterTrustBundle`, `podCertificate` |"},
		{mutation{"uid beside a ConfigMap", "$", `{containers: [{name: main, image: a, volumeMounts: [{name: v, mountPath: /v}]}], volumes: [{name: v, projected: {sources: [{configMap: {name: c}}, {downwardAPI: {items: [{path: uid, fieldRef: {fieldPath: metadata.uid}}]}}]}}]}`}, volume + ".projected.sources[1].downwardAPI.items[0].fieldRef", true, "is not known before the kubelet has read the pod", "What only the kubelet knows, such as `metadata.uid`, belongs in a volume without objects"},
		{mutation{"the node's memory beside a Secret", "$", `{containers: [{name: main, image: a, volumeMounts: [{name: v, mountPath: /v}]}], volumes: [{name: v, projected: {sources: [{secret: {name: c}}, {downwardAPI: {items: [{path: memory, resourceFieldRef: {containerName: main, resource: limits.memory}}]}}]}}]}`}, volume + ".projected.sources[1].downwardAPI.items[0].resourceFieldRef", true, "which only the kubelet knows", "limits and requests that are set"},
		{mutation{"a path that is a file and a directory", "$", `{containers: [{name: main, image: a, volumeMounts: [{name: v, mountPath: /v}]}], volumes: [{name: v, configMap: {name: c, items: [{key: a, path: a}, {key: b, path: a/b}]}}]}`}, volume, true, "cannot both be files", "| two keys of a volume, one below the path of the other |"},
		{mutation{"a service account that must be there", "", `{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: minimal, annotations: {daemonsetd.io/allow-missing-service-account: "false"}}, spec: {selector: {matchLabels: {app: minimal}}, template: {metadata: {labels: {app: minimal}}, spec: {serviceAccountName: a, containers: [{name: main, image: a}]}}}}`}, "spec.template.spec.serviceAccountName", true, "a static pod cannot have", "`\"false\"` refuses the DaemonSet if it names a service account"},
		{mutation{"restart that is neither true nor false", "metadata.annotations", `{daemonsetd.io/restart-on-config-change: "yes"}`}, "metadata.annotations[daemonsetd.io/restart-on-config-change]", true, "invalid", "Any other value is an error"},
		{mutation{"labels of the node that cannot be read", "metadata.annotations", `{daemonsetd.io/env-from-node-labels: "ZONE"}`}, "metadata.annotations[daemonsetd.io/env-from-node-labels]", true, "invalid", "Any other value is an error"},
		{mutation{"surge beside a port of the host", "spec", `{selector: {matchLabels: {app: minimal}}, updateStrategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}, template: {metadata: {labels: {app: minimal}}, spec: {containers: [{name: main, image: a, ports: [{containerPort: 80, hostPort: 80}]}]}}}`}, "spec.updateStrategy.rollingUpdate.maxSurge", true, "of the host", "| `maxSurge` beside a port of the host |"},
		{mutation{"paused that is neither true nor false", "metadata.annotations", `{daemonsetd.io/paused: "yes"}`}, "metadata.annotations[daemonsetd.io/paused]", true, "invalid", "Any other value is an error"},
		{mutation{"a partition that is no number", "metadata.annotations", `{daemonsetd.io/partition: some}`}, "metadata.annotations[daemonsetd.io/partition]", true, "invalid", "Any other value is an error"},
		{mutation{"an empty canary", "metadata.annotations", `{daemonsetd.io/canary-selector: ""}`}, "metadata.annotations[daemonsetd.io/canary-selector]", true, "invalid", "Any other value is an error"},
		{mutation{"a progress deadline that no pod keeps", "metadata.annotations", `{daemonsetd.io/progress-deadline: 1s}`}, "metadata.annotations[daemonsetd.io/progress-deadline]", true, "invalid", "Any other value is an error"},
		{mutation{"generateName", "metadata", `{generateName: agent-}`}, "metadata.name", false, "name is required", "| `generateName` without a name |"},
		{mutation{"a name that is too long with revision and node", "metadata.name", strings.Repeat("a", 253)}, "metadata.name", false, "pod name", "| a name that is too long once the revision and the node are added |"},
		{mutation{"stop signal", "@.lifecycle", `{stopSignal: SIGUSR1}`}, "spec.template.spec.containers[0].lifecycle.stopSignal", false, "may not be set for containers with empty", "| a field behind a feature gate that is off, with a value that is wrong |"},
		{mutation{"bad options of a bind mount", "$", `{containers: [{name: main, image: a, volumeMounts: [{name: v, mountPath: /v, bindMountOptions: [fast]}]}], volumes: [{name: v, emptyDir: {}}]}`}, "spec.template.spec.containers[0].volumeMounts[0].bindMountOptions[0]", false, "unsupported", "| a field behind a feature gate that is off, with a value that is wrong |"},
		{mutation{"options of a bind mount of an image", "$", `{containers: [{name: main, image: a, volumeMounts: [{name: v, mountPath: /v, bindMountOptions: [noexec]}]}], volumes: [{name: v, image: {reference: "registry.example.com/a:1"}}]}`}, "spec.template.spec.containers[0].volumeMounts[0].bindMountOptions", false, "may not be used with image volumes", "| a field behind a feature gate that is off, with a value that is wrong |"},
		{mutation{"a bad mode of an empty directory", "$.volumes", `[{name: v, emptyDir: {mode: -1}}]`}, "spec.template.spec.volumes[0].emptyDir.mode", false, "invalid mode", "| a field behind a feature gate that is off, with a value that is wrong |"},
		{mutation{"a probe with an unknown protocol", "@.readinessProbe", `{httpGet: {port: 80, protocol: HTTP9}}`}, "spec.template.spec.containers[0].readinessProbe.httpGet.protocol", false, "unsupported", "| a field behind a feature gate that is off, with a value that is wrong |"},
		{mutation{"a grpc probe with an unknown mode", "@.readinessProbe", `{grpc: {port: 80, mode: Some}}`}, "spec.template.spec.containers[0].readinessProbe.grpc.mode", false, "unsupported", "| a field behind a feature gate that is off, with a value that is wrong |"},
		{mutation{"a bad group of scheduling", "$.schedulingGroup", `{podGroupName: A_b}`}, "spec.template.spec.schedulingGroup.podGroupName", false, "invalid podGroupName", "| a field behind a feature gate that is off, with a value that is wrong |"},
		{mutation{"a bad owner of a volume's files", "$.volumes", `[{name: v, configMap: {name: c, defaultUser: -5}}]`}, "spec.template.spec.volumes[0].configMap.defaultUser", true, "invalid defaultUser", "| a field behind a feature gate that is off, with a value that is wrong |"},
		{mutation{"a group of scheduling beside an eviction responder", "$", `{schedulingGroup: {podGroupName: a}, evictionResponders: [{name: example.com/a}], containers: [{name: main, image: a}]}`}, "spec.template.spec.schedulingGroup", false, "may not be set when", "| a field behind a feature gate that is off, with a value that is wrong |"},
		{mutation{"white space around an image", "@.image", `" registry.example.com/a:1"`}, "spec.template.spec.containers[0].image", false, "leading or trailing whitespace", "| white space around the name of an image |"},
		{mutation{"a port twice on the host's network", "$", `{hostNetwork: true, containers: [{name: main, image: a, ports: [{containerPort: 80}, {containerPort: 80}]}]}`}, "spec.template.spec.containers[0].ports[1].hostPort", false, "duplicate hostPort", "| one port twice with `hostNetwork` |"},
	}
}

// explains compares without indices. Some places have other errors, too, and so the words count.
func (r refused) explains(problem diag.Problem) bool {
	place := func(path string) string {
		path = strings.ReplaceAll(path, "initContainers", "containers")
		return indices.ReplaceAllString(path, "")
	}
	return place(r.at) == place(problem.Path) && strings.Contains(problem.Message, r.says)
}
