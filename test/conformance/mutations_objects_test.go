//go:build parity

package conformance

import (
	"fmt"
	"strings"
)

// object is a file of another kind than DaemonSet.
type object struct{ name, text string }

// otherObjects are good and bad objects of the kinds that are read beside DaemonSets. Whether an API server takes them is asked, not
// written down.
func otherObjects() []object {
	var list []object
	add := func(base string, mutations []mutation) {
		list = append(list, object{"good " + strings.Fields(base)[3], base})
		for _, m := range mutations {
			data, err := apply([]byte(base), m)
			if err != nil {
				panic(err) // the table is wrong
			}
			list = append(list, object{strings.Fields(base)[3] + " " + m.name, string(data)})
		}
	}
	add("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: ns}\ndata: {a: b}\n", configMapMutations())
	add("apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: ns}\ndata: {a: Yg==}\n", secretMutations())
	add("apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: ns}\nspec: {selector: {app: a}, ports: [{port: 80}]}\n", serviceMutations())
	add("apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: p}\nvalue: 1000\n", priorityClassMutations())
	return list
}

// metadataMutations are for every kind.
func metadataMutations() []mutation {
	return []mutation{
		{"without metadata", "metadata", ``},
		{"without a name", "metadata.name", ``},
		{"with an empty name", "metadata.name", `""`},
		{"with an upper case name", "metadata.name", `Name`},
		{"with dots in its name", "metadata.name", `a.b`},
		{"with an underscore in its name", "metadata.name", `a_b`},
		{"with a name of a digit", "metadata.name", `"1"`},
		{"with a name of 63 characters", "metadata.name", strings.Repeat("a", 63)},
		{"with a name of 64 characters", "metadata.name", strings.Repeat("a", 64)},
		{"with a name of 253 characters", "metadata.name", strings.Repeat("a", 253)},
		{"with a name of 254 characters", "metadata.name", strings.Repeat("a", 254)},
		{"with a number for a name", "metadata.name", `1`},
		{"with a name with a slash", "metadata.name", `a/b`},
		{"with a bad namespace", "metadata.namespace", `a.b`},
		{"with an empty namespace", "metadata.namespace", `""`},
		{"with a bad label", "metadata.labels", `{a: "b c"}`},
		{"with a bad label key", "metadata.labels", `{"-": b}`},
		{"with a number for a label", "metadata.labels", `{a: 1}`},
		{"with a bad annotation key", "metadata.annotations", `{"a b": c}`},
		{"with large annotations", "metadata.annotations", `{a: ` + strings.Repeat("x", 256<<10) + `}`},
		{"with a bad finalizer", "metadata.finalizers", `["x y"]`},
		{"with a finalizer", "metadata.finalizers", `[example.com/wait]`},
		{"with an unknown field", "bogus", `1`},
		{"with an unknown field of metadata", "metadata.bogus", `1`},
		{"with a number for metadata", "metadata", `1`},
	}
}

func configMapMutations() []mutation {
	return append(metadataMutations(), []mutation{
		{"without data", "data", ``},
		{"with null data", "data", `null`},
		{"with null for a value", "data", `{a: null}`},
		{"with a number for a value", "data", `{a: 1}`},
		{"with a boolean for a value", "data", `{a: true}`},
		{"with a list for data", "data", `[a]`},
		{"with an empty key", "data", `{"": a}`},
		{"with a key with a slash", "data", `{a/b: a}`},
		{"with a key of dots", "data", `{"..": a}`},
		{"with a key of one dot", "data", `{".": a}`},
		{"with a key that begins with two dots", "data", `{"..a": a}`},
		{"with a key with a space", "data", `{"a b": a}`},
		{"with a key of 253 characters", "data", fmt.Sprintf(`{%s: a}`, strings.Repeat("k", 253))},
		{"with a key of 254 characters", "data", fmt.Sprintf(`{%s: a}`, strings.Repeat("k", 254))},
		{"with a key in both", "binaryData", `{a: Yg==}`},
		{"with binary data", "binaryData", `{b: Yg==}`},
		{"with binary data that is no base64", "binaryData", `{b: "%%"}`},
		{"with binary data of two lines", "binaryData", `{b: "Yg=\n="}`},
		{"of 1 MiB", "data", fmt.Sprintf(`{a: %s}`, strings.Repeat("x", 1<<20))},
		{"of more than 1 MiB", "data", fmt.Sprintf(`{a: %s}`, strings.Repeat("x", 1<<20+1))},
		{"that is immutable", "immutable", `true`},
		{"with text for immutable", "immutable", `"true"`},
		{"with control characters", "data", `{a: "\x01\x00é\r\n"}`},
	}...)
}

func secretMutations() []mutation {
	ofType := func(kind, data string) string {
		return fmt.Sprintf(`{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: ns}, type: %s, data: %s}`, kind, data)
	}
	return append(metadataMutations(), []mutation{
		{"without data", "data", ``},
		{"with data that is no base64", "data", `{a: "b c"}`},
		{"with data without padding", "data", `{a: Yg}`},
		{"with URL base64", "data", `{a: "_-8="}`},
		{"with empty data", "data", `{a: ""}`},
		{"with null for a value", "data", `{a: null}`},
		{"with a bad key", "data", `{a/b: Yg==}`},
		{"with stringData", "stringData", `{b: text}`},
		{"with stringData over data", "stringData", `{a: text}`},
		{"with a bad key of stringData", "stringData", `{a/b: text}`},
		{"with a number in stringData", "stringData", `{a: 5}`},
		{"of 1 MiB", "stringData", fmt.Sprintf(`{a: %s}`, strings.Repeat("x", 1<<20))},
		{"of more than 1 MiB", "stringData", fmt.Sprintf(`{a: %s}`, strings.Repeat("x", 1<<20+1))},
		{"of type TLS", "", ofType("kubernetes.io/tls", `{tls.crt: Yg==, tls.key: Yg==}`)},
		{"of type TLS without a key", "", ofType("kubernetes.io/tls", `{tls.crt: Yg==}`)},
		{"of type TLS with an empty key", "", ofType("kubernetes.io/tls", `{tls.crt: Yg==, tls.key: ""}`)},
		{"of type SSH", "", ofType("kubernetes.io/ssh-auth", `{ssh-privatekey: Yg==}`)},
		{"of type SSH without a key", "", ofType("kubernetes.io/ssh-auth", `{a: Yg==}`)},
		{"of type SSH with an empty key", "", ofType("kubernetes.io/ssh-auth", `{ssh-privatekey: ""}`)},
		{"of type basic-auth", "", ofType("kubernetes.io/basic-auth", `{username: Yg==}`)},
		{"of type basic-auth without both", "", ofType("kubernetes.io/basic-auth", `{a: Yg==}`)},
		{"of type dockerconfigjson", "", ofType("kubernetes.io/dockerconfigjson", `{.dockerconfigjson: e30=}`)},
		{"of type dockerconfigjson that is no JSON", "", ofType("kubernetes.io/dockerconfigjson", `{.dockerconfigjson: Yg==}`)},
		{"of type dockercfg", "", ofType("kubernetes.io/dockercfg", `{.dockercfg: e30=}`)},
		{"of type dockercfg without it", "", ofType("kubernetes.io/dockercfg", `{}`)},
		{"of type token without an account", "", ofType("kubernetes.io/service-account-token", `{}`)},
		{"of type token", "", `{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: ns, annotations: {kubernetes.io/service-account.name: a}}, type: kubernetes.io/service-account-token}`},
		{"of type bootstrap token", "", ofType("bootstrap.kubernetes.io/token", `{}`)},
		{"of a type of its own", "", ofType("example.com/own", `{}`)},
		{"of an odd type", "", ofType(`"a b"`, `{}`)},
		{"of an empty type", "", ofType(`""`, `{}`)},
	}...)
}

func serviceMutations() []mutation {
	return append(metadataMutations(), []mutation{
		{"with a name that begins with a digit", "metadata.name", `1a`},
		{"with a name of 63 characters", "metadata.name", strings.Repeat("a", 63)},
		{"without a spec", "spec", ``},
		{"without ports", "spec.ports", ``},
		{"headless without ports", "spec", `{clusterIP: None}`},
		{"with two ports without names", "spec.ports", `[{port: 80}, {port: 81}]`},
		{"with two ports", "spec.ports", `[{name: a, port: 80}, {name: b, port: 81}]`},
		{"with one port twice", "spec.ports", `[{name: a, port: 80}, {name: b, port: 80}]`},
		{"with one port for two protocols", "spec.ports", `[{name: a, port: 53}, {name: b, port: 53, protocol: UDP}]`},
		{"with a port name twice", "spec.ports", `[{name: a, port: 80}, {name: a, port: 81}]`},
		{"with an upper case port name", "spec.ports", `[{name: A, port: 80}]`},
		{"with a bad protocol", "spec.ports", `[{port: 80, protocol: tcp}]`},
		{"with port zero", "spec.ports", `[{port: 0}]`},
		{"with a port too large", "spec.ports", `[{port: 70000}]`},
		{"with a target by name", "spec.ports", `[{port: 80, targetPort: web}]`},
		{"with a bad target name", "spec.ports", `[{port: 80, targetPort: "a b"}]`},
		{"with a target too large", "spec.ports", `[{port: 80, targetPort: 70000}]`},
		{"with a target of zero", "spec.ports", `[{port: 80, targetPort: 0}]`},
		{"with a node port", "spec.ports", `[{port: 80, nodePort: 30080}]`},
		{"of type NodePort", "spec.type", `NodePort`},
		{"of type NodePort with one", "spec", `{type: NodePort, ports: [{port: 80, nodePort: 30080}]}`},
		{"with a node port twice", "spec", `{type: NodePort, ports: [{name: a, port: 80, nodePort: 30080}, {name: b, port: 81, nodePort: 30080}]}`},
		{"of type NodePort without an address", "spec", `{type: NodePort, clusterIP: None, ports: [{port: 80}]}`},
		{"of type LoadBalancer", "spec.type", `LoadBalancer`},
		{"of type LoadBalancer, local", "spec", `{type: LoadBalancer, externalTrafficPolicy: Local, ports: [{port: 80}]}`},
		{"of type LoadBalancer with a health port", "spec", `{type: LoadBalancer, externalTrafficPolicy: Local, healthCheckNodePort: 31000, ports: [{port: 80}]}`},
		{"with a health port", "spec.healthCheckNodePort", `31000`},
		{"with a class of load balancer", "spec", `{type: LoadBalancer, loadBalancerClass: example.com/a, ports: [{port: 80}]}`},
		{"of type ClusterIP with a class", "spec.loadBalancerClass", `example.com/a`},
		{"with an external policy", "spec.externalTrafficPolicy", `Local`},
		{"with a bad internal policy", "spec.internalTrafficPolicy", `Near`},
		{"with an internal policy", "spec.internalTrafficPolicy", `Local`},
		{"of an unknown type", "spec.type", `Balancer`},
		{"of type ExternalName", "spec", `{type: ExternalName, externalName: a.example.com}`},
		{"of type ExternalName without one", "spec", `{type: ExternalName}`},
		{"of type ExternalName with a bad one", "spec", `{type: ExternalName, externalName: "a_b c"}`},
		{"of type ExternalName with an address", "spec", `{type: ExternalName, externalName: a.example.com, clusterIP: 10.96.0.9}`},
		{"with an address", "spec.clusterIP", `10.96.0.99`},
		{"with the addresses alone", "spec.clusterIPs", `[10.96.0.99]`},
		{"with two addresses that differ", "spec", `{clusterIP: 10.96.0.98, clusterIPs: [10.96.0.99], ports: [{port: 80}]}`},
		{"with an address that is none", "spec.clusterIP", `a`},
		{"with an address with zeros", "spec.clusterIP", `10.096.0.99`},
		{"with an empty address", "spec.clusterIP", `""`},
		{"with None and an address", "spec", `{clusterIP: None, clusterIPs: [None, 10.96.0.9], ports: [{port: 80}]}`},
		{"with families", "spec", `{ipFamilyPolicy: PreferDualStack, ports: [{port: 80}]}`},
		{"that has to have both families", "spec", `{ipFamilyPolicy: RequireDualStack, ports: [{port: 80}]}`},
		{"with a family that is none", "spec.ipFamilies", `[IPv5]`},
		{"of the other family", "spec.ipFamilies", `[IPv6]`},
		{"headless of the other family", "spec", `{clusterIP: None, ipFamilies: [IPv6], ports: [{port: 80}]}`},
		{"headless of both families", "spec", `{clusterIP: None, ipFamilyPolicy: RequireDualStack, selector: {app: a}, ports: [{port: 80}]}`},
		{"without a selector", "spec.selector", ``},
		{"with a bad selector", "spec.selector", `{a: "b c"}`},
		{"with an external address", "spec.externalIPs", `[192.0.2.9]`},
		{"with an external address of this host", "spec.externalIPs", `[127.0.0.1]`},
		{"with an external address that is none", "spec.externalIPs", `[a]`},
		{"with affinity", "spec", `{sessionAffinity: ClientIP, ports: [{port: 80}]}`},
		{"with affinity and its time", "spec", `{sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: 9}}, ports: [{port: 80}]}`},
		{"with affinity of no time", "spec", `{sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: 0}}, ports: [{port: 80}]}`},
		{"with a bad affinity", "spec.sessionAffinity", `Host`},
		{"with the affinity's settings alone", "spec.sessionAffinityConfig", `{clientIP: {timeoutSeconds: 9}}`},
		{"that publishes what is not ready", "spec.publishNotReadyAddresses", `true`},
		{"with a distribution", "spec.trafficDistribution", `PreferClose`},
		{"with a distribution by node", "spec.trafficDistribution", `PreferSameNode`},
		{"with a bad distribution", "spec.trafficDistribution", `Far`},
		{"with an application protocol", "spec.ports", `[{port: 80, appProtocol: kubernetes.io/h2c}]`},
		{"with a bad application protocol", "spec.ports", `[{port: 80, appProtocol: "a b"}]`},
		{"with source ranges", "spec", `{type: LoadBalancer, loadBalancerSourceRanges: [192.0.2.0/24], ports: [{port: 80}]}`},
		{"with bad source ranges", "spec", `{type: LoadBalancer, loadBalancerSourceRanges: [192.0.2.0], ports: [{port: 80}]}`},
		{"of type ClusterIP with source ranges", "spec.loadBalancerSourceRanges", `[192.0.2.0/24]`},
		{"without node ports", "spec", `{type: LoadBalancer, allocateLoadBalancerNodePorts: false, ports: [{port: 80}]}`},
		{"of type ClusterIP without node ports", "spec.allocateLoadBalancerNodePorts", `false`},
		{"with the address of a balancer", "spec.loadBalancerIP", `192.0.2.1`},
		{"with ports of two protocols of a balancer", "spec", `{type: LoadBalancer, ports: [{name: a, port: 53}, {name: b, port: 53, protocol: UDP}]}`},
		{"with an unknown field of the spec", "spec.selektor", `{a: b}`},
		{"with text for a port", "spec.ports", `[{port: "80"}]`},
	}...)
}

func priorityClassMutations() []mutation {
	return append(metadataMutations(), []mutation{
		{"without a value", "value", ``},
		{"with a negative value", "value", `-5`},
		{"with the largest value", "value", `1000000000`},
		{"with a value that is too large", "value", `1000000001`},
		{"with text for a value", "value", `"5"`},
		{"with a value beyond 32 bits", "value", `3000000000`},
		{"with a system's name", "metadata.name", `system-mine`},
		{"with the node's name", "metadata.name", `system-node-critical`},
		{"of the system", "", `{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: system-node-critical}, value: 2000001000}`},
		{"of the system with another value", "", `{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: system-node-critical}, value: 2000001001}`},
		{"that is the default", "globalDefault", `true`},
		{"that never preempts", "preemptionPolicy", `Never`},
		{"with a bad policy", "preemptionPolicy", `Sometimes`},
		{"with a description", "description", `text`},
		{"without a namespace", "metadata.namespace", ``},
	}...)
}
