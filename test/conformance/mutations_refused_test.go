package conformance

import "strings"

// refused is a refusal that the documentation tells: Kubernetes takes the file and we do not.
type refused struct {
	mutation
	// at is the path of the problem that has to be among ours.
	at string
	// runs is set where a kubelet would take the pod all the same, because the field belongs to an API server alone.
	runs bool
}

// documented is the whole list. Any other file that both an API server and a kubelet take must be taken by us.
func documented() []refused {
	const volume = "spec.template.spec.volumes[0]"
	return []refused{
		{mutation{"resource claims", "$.resourceClaims", `[{name: gpu, resourceClaimName: gpu}]`}, "spec.template.spec.resourceClaims", false},
		{mutation{"scheduling gates", "$.schedulingGates", `[{name: example.com/wait}]`}, "spec.template.spec.schedulingGates", false},
		{mutation{"persistent volume claim", "$.volumes", `[{name: v, persistentVolumeClaim: {claimName: c}}]`}, volume + ".persistentVolumeClaim", false},
		{mutation{"CSI volume", "$.volumes", `[{name: v, csi: {driver: csi.example.com}}]`}, volume + ".csi", false},
		{mutation{"ephemeral volume", "$.volumes", `[{name: v, ephemeral: {volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}}}]`}, volume + ".ephemeral", false},
		{mutation{"glusterfs", "$.volumes", `[{name: v, glusterfs: {endpoints: e, path: p}}]`}, volume + ".glusterfs", false},
		{mutation{"azureFile", "$.volumes", `[{name: v, azureFile: {secretName: s, shareName: share}}]`}, volume + ".azureFile", false},
		{mutation{"cephfs with a Secret", "$.volumes", `[{name: v, cephfs: {monitors: [a], secretRef: {name: s}}}]`}, volume + ".cephfs.secretRef", false},
		{mutation{"cinder with a Secret", "$.volumes", `[{name: v, cinder: {volumeID: a, secretRef: {name: s}}}]`}, volume + ".cinder.secretRef", false},
		{mutation{"flexVolume with a Secret", "$.volumes", `[{name: v, flexVolume: {driver: example.com/d, secretRef: {name: s}}}]`}, volume + ".flexVolume.secretRef", false},
		{mutation{"rbd with a Secret", "$.volumes", `[{name: v, rbd: {monitors: [a], image: i, secretRef: {name: s}}}]`}, volume + ".rbd.secretRef", false},
		{mutation{"scaleIO with a Secret", "$.volumes", `[{name: v, scaleIO: {gateway: g, system: s, volumeName: vol, secretRef: {name: s}}}]`}, volume + ".scaleIO.secretRef", false},
		{mutation{"iscsi with a Secret", "$.volumes", `[{name: v, iscsi: {targetPortal: "192.0.2.8:3260", iqn: "iqn.2001-04.com.example:a", lun: 0, chapAuthDiscovery: true, secretRef: {name: s}}}]`}, volume + ".iscsi.secretRef", false},
		{mutation{"storageos with a Secret", "$.volumes", `[{name: v, storageos: {volumeName: vol, secretRef: {name: s}}}]`}, volume + ".storageos.secretRef", false},
		{mutation{"service account token", "$.volumes", `[{name: v, projected: {sources: [{serviceAccountToken: {path: token}}]}}]`}, volume + ".projected.sources[0].serviceAccountToken", false},
		{mutation{"cluster trust bundle", "$.volumes", `[{name: v, projected: {sources: [{clusterTrustBundle: {name: b, path: ca.pem}}]}}]`}, volume + ".projected.sources[0].clusterTrustBundle", false},
		{mutation{"uid beside a ConfigMap", "$", `{containers: [{name: main, image: a, volumeMounts: [{name: v, mountPath: /v}]}], volumes: [{name: v, projected: {sources: [{configMap: {name: c}}, {downwardAPI: {items: [{path: uid, fieldRef: {fieldPath: metadata.uid}}]}}]}}]}`}, volume + ".projected.sources[1].downwardAPI.items[0].fieldRef", true},
		{mutation{"the node's memory beside a Secret", "$", `{containers: [{name: main, image: a, volumeMounts: [{name: v, mountPath: /v}]}], volumes: [{name: v, projected: {sources: [{secret: {name: c}}, {downwardAPI: {items: [{path: memory, resourceFieldRef: {containerName: main, resource: limits.memory}}]}}]}}]}`}, volume + ".projected.sources[1].downwardAPI.items[0].resourceFieldRef", true},
		{mutation{"a path that is a file and a directory", "$", `{containers: [{name: main, image: a, volumeMounts: [{name: v, mountPath: /v}]}], volumes: [{name: v, configMap: {name: c, items: [{key: a, path: a}, {key: b, path: a/b}]}}]}`}, volume, true},
		{mutation{"a service account that must be there", "", `{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: minimal, annotations: {daemonsetd.io/allow-missing-service-account: "false"}}, spec: {selector: {matchLabels: {app: minimal}}, template: {metadata: {labels: {app: minimal}}, spec: {serviceAccountName: a, containers: [{name: main, image: a}]}}}}`}, "spec.template.spec.serviceAccountName", true},
		{mutation{"restart that is neither true nor false", "metadata.annotations", `{daemonsetd.io/restart-on-config-change: "yes"}`}, "metadata.annotations[daemonsetd.io/restart-on-config-change]", true},
		{mutation{"labels of the node that cannot be read", "metadata.annotations", `{daemonsetd.io/env-from-node-labels: "ZONE"}`}, "metadata.annotations[daemonsetd.io/env-from-node-labels]", true},
		{mutation{"surge beside a port of the host", "spec", `{selector: {matchLabels: {app: minimal}}, updateStrategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}, template: {metadata: {labels: {app: minimal}}, spec: {containers: [{name: main, image: a, ports: [{containerPort: 80, hostPort: 80}]}]}}}`}, "spec.updateStrategy.rollingUpdate.maxSurge", true},
		{mutation{"paused that is neither true nor false", "metadata.annotations", `{daemonsetd.io/paused: "yes"}`}, "metadata.annotations[daemonsetd.io/paused]", true},
		{mutation{"a partition that is no number", "metadata.annotations", `{daemonsetd.io/partition: some}`}, "metadata.annotations[daemonsetd.io/partition]", true},
		{mutation{"an empty canary", "metadata.annotations", `{daemonsetd.io/canary-selector: ""}`}, "metadata.annotations[daemonsetd.io/canary-selector]", true},
		{mutation{"a progress deadline that no pod keeps", "metadata.annotations", `{daemonsetd.io/progress-deadline: 1s}`}, "metadata.annotations[daemonsetd.io/progress-deadline]", true},
		{mutation{"generateName", "metadata", `{generateName: agent-}`}, "metadata.name", false},
		{mutation{"a name that is too long with revision and node", "metadata.name", strings.Repeat("a", 253)}, "metadata.name", false},
		{mutation{"negative template generation", "metadata.annotations", `{deprecated.daemonset.template.generation: "-3"}`}, "spec.templateGeneration", true},
		{mutation{"stop signal", "@.lifecycle", `{stopSignal: SIGUSR1}`}, "spec.template.spec.containers[0].lifecycle.stopSignal", false},
		{mutation{"white space around an image", "@.image", `" registry.example.com/a:1"`}, "spec.template.spec.containers[0].image", false},
	}
}
