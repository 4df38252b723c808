//go:build parity

package conformance

// gated are edits that use fields behind a feature gate, or that were so not long ago. An API server leaves out what is behind a gate
// that is off, before it validates.
func gated() []mutation {
	return []mutation{
		{"a host name instead", "$.hostnameOverride", `edge.example.com`},
		{"a bad host name instead", "$.hostnameOverride", `a_b`},
		{"a stop signal with its system", "$", `{os: {name: linux}, containers: [{name: main, image: a, lifecycle: {stopSignal: SIGUSR1}}]}`},
		{"a variable from a file", "$", `{containers: [{name: main, image: a, env: [{name: A, valueFrom: {fileKeyRef: {volumeName: v, path: a.env, key: A}}}]}], volumes: [{name: v, emptyDir: {}}]}`},
		{"a variable from a file of no volume", "@.env", `[{name: A, valueFrom: {fileKeyRef: {volumeName: v, path: a.env, key: A}}}]`},
		{"options of a bind mount", "$", `{containers: [{name: main, image: a, volumeMounts: [{name: v, mountPath: /v, bindMountOptions: [noexec]}]}], volumes: [{name: v, emptyDir: {}}]}`},
		{"a mode of an empty directory", "$.volumes", `[{name: v, emptyDir: {mode: 0700}}]`},
		{"an image as a volume", "$.volumes", `[{name: v, image: {reference: "registry.example.com/a:1"}}]`},
		{"an image as a volume without a reference", "$.volumes", `[{name: v, image: {}}]`},
		{"recursively read-only", "$", `{containers: [{name: main, image: a, volumeMounts: [{name: v, mountPath: /v, readOnly: true, recursiveReadOnly: Enabled}]}], volumes: [{name: v, emptyDir: {}}]}`},
		{"recursively read-only and writable", "$", `{containers: [{name: main, image: a, volumeMounts: [{name: v, mountPath: /v, recursiveReadOnly: Enabled}]}], volumes: [{name: v, emptyDir: {}}]}`},
		{"a probe with HTTP/2", "@.readinessProbe", `{httpGet: {port: 80, protocol: HTTP2}}`},
		{"a grpc probe with TLS", "@.readinessProbe", `{grpc: {port: 80, mode: TLS}}`},
		{"a group of scheduling", "$.schedulingGroup", `{podGroupName: a}`},
		{"an eviction responder", "$.evictionResponders", `[{name: example.com/a}]`},
		{"a bad eviction responder", "$.evictionResponders", `[{name: a}]`},
		{"SELinux by the mount", "$.securityContext", `{seLinuxChangePolicy: MountOption}`},
		{"SELinux in an unknown way", "$.securityContext", `{seLinuxChangePolicy: Often}`},
		{"users of its own", "$.hostUsers", `false`},
		{"an owner of a ConfigMap's files", "$.volumes", `[{name: v, configMap: {name: c, defaultUser: 5}}]`},
		{"an owner of a file of facts", "$.volumes", `[{name: v, downwardAPI: {items: [{path: a, user: 5, fieldRef: {fieldPath: metadata.name}}]}}]`},
		{"keys of labels in an affinity", "$.affinity", `{podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: zone, labelSelector: {}, matchLabelKeys: [app]}]}}`},
		{"policies of nodes in a spread", "$.topologySpreadConstraints", `[{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, labelSelector: {}, nodeAffinityPolicy: Ignore, nodeTaintsPolicy: Honor, matchLabelKeys: [a]}]`},
		{"masked proc without the host's users", "$", `{hostUsers: false, containers: [{name: main, image: a, securityContext: {procMount: Unmasked}}]}`},
		{"annotations of init containers", "spec.template.metadata.annotations", `{pod.beta.kubernetes.io/init-containers: "[]"}`},
		{"huge pages of the pod", "$.resources", `{limits: {hugepages-2Mi: 4Mi, cpu: 1}}`},
		{"resources of the pod below those of a container", "$", `{resources: {limits: {cpu: 1}}, containers: [{name: main, image: a, resources: {limits: {cpu: 2}}}]}`},
	}
}
