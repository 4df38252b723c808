package resolve

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

func TestEnvironment(t *testing.T) {
	for _, tc := range []struct {
		name, env   string
		annotations []string
		// want is NAME=value as it stands in the manifest; NAME<field for one that the kubelet fills.
		want, missing []string
	}{
		{name: "nothing", env: `{name: c}`},
		{
			name: "keys in their places", env: `{name: c, env: [
				{name: A, value: "1"},
				{name: B, valueFrom: {configMapKeyRef: {name: conf, key: b}}},
				{name: C, value: "$(B)"},
				{name: D, valueFrom: {secretKeyRef: {name: keys, key: password}}},
				{name: E, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]}`,
			want: []string{"A=1", "B=$$(a) $$$$ $$", "C=$(B)", "D=CANARY", "E<metadata.name"},
		},
		{
			name: "optional and missing", env: `{name: c, env: [
				{name: A, valueFrom: {configMapKeyRef: {name: conf, key: none, optional: true}}},
				{name: B, valueFrom: {secretKeyRef: {name: none, key: none, optional: true}}},
				{name: C, value: x}],
				envFrom: [{configMapRef: {name: none, optional: true}}, {secretRef: {name: none, optional: true}}]}`,
			want: []string{"C=x"},
		},
		{
			name: "missing", env: `{name: c, env: [
				{name: A, valueFrom: {configMapKeyRef: {name: conf, key: none}}},
				{name: B, valueFrom: {secretKeyRef: {name: none, key: none}}},
				{name: C, value: x}],
				envFrom: [{configMapRef: {name: none}}, {prefix: P_, secretRef: {name: none, optional: false}}]}`,
			want: []string{"C=x"},
			missing: []string{
				"ConfigMap ns/none is not declared, and spec.template.spec.containers[0].envFrom[0].configMapRef needs it",
				"Secret ns/none is not declared, and spec.template.spec.containers[0].envFrom[1].secretRef needs it",
				`ConfigMap ns/conf has no key "none", which spec.template.spec.containers[0].env[0].valueFrom.configMapKeyRef needs`,
				`Secret ns/none is not declared, and spec.template.spec.containers[0].env[1].valueFrom.secretKeyRef (key "none") needs it`,
			},
		},
		{
			name: "binaryData is no environment", env: `{name: c, envFrom: [{configMapRef: {name: conf}}], env: [
				{name: A, valueFrom: {configMapKeyRef: {name: conf, key: raw, optional: true}}}]}`,
			want: []string{"a=x", "b=$$(a) $$$$ $$", "same=conf"},
		},
		{
			name: "later objects and env win", env: `{name: c, envFrom: [
				{configMapRef: {name: conf}}, {secretRef: {name: plain}}, {prefix: P_, secretRef: {name: plain}}],
				env: [{name: a, value: "$(a)$(same)"}]}`,
			want: []string{"P_same=plain", "a=x", "b=$$(a) $$$$ $$", "same=plain", "a=$(a)$(same)"},
		},
		{
			name: "names that the kubelet refuses", env: `{name: c, envFrom: [
				{configMapRef: {name: odd}}, {prefix: P, configMapRef: {name: odd}}]}`,
			want: []string{"P1st=v"},
			missing: []string{
				`the key "1st" of ConfigMap ns/odd cannot be used by spec.template.spec.containers[0].envFrom[0].configMapRef: ` +
					`the kubelet takes no static pod with a variable of the name "1st": wanted letters, digits, "_", "-" and ".", no digit and no ".." at the beginning`,
			},
		},
		{
			name: "values that a manifest cannot hold", env: `{name: c, env: [
				{name: A, valueFrom: {secretKeyRef: {name: keys, key: nul}}},
				{name: B, valueFrom: {secretKeyRef: {name: keys, key: latin1, optional: true}}}]}`,
			missing: []string{
				`the key "nul" of Secret ns/keys cannot be used by spec.template.spec.containers[0].env[0].valueFrom.secretKeyRef: ` +
					`the value has a NUL character, which no environment variable can hold`,
				`the key "latin1" of Secret ns/keys cannot be used by spec.template.spec.containers[0].env[1].valueFrom.secretKeyRef: ` +
					`the value is not UTF-8 text, which is all that a manifest can hold: mount it as a file`,
			},
		},
		{
			name: "labels of the node between envFrom and env", annotations: []string{AnnotationNodeLabels + ": same=zone, RACK=example.com/rack,NONE=none"},
			env:  `{name: c, envFrom: [{secretRef: {name: plain}}], env: [{name: RACK, value: "$(same)"}]}`,
			want: []string{"same=plain", "same=z1", "RACK=r7", "RACK=$(same)"},
		},
		{
			name: "a value wins over a reference", env: `{name: c, env: [{name: A, value: x, valueFrom: {secretKeyRef: {name: none, key: none}}}]}`,
			want: []string{"A=x"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld()
			w.secrets["plain"] = &corev1.Secret{Data: map[string][]byte{"same": []byte("plain")}}
			w.configMaps["odd"] = &corev1.ConfigMap{Data: map[string]string{"1st": "v"}}
			r := Resolve(w.input(parse(t, "containers: ["+tc.env+"]", tc.annotations...)))
			if diff := cmp.Diff(tc.want, manifestEnv(r.DaemonSet(dir).Spec.Template.Spec.Containers[0])); diff != "" {
				t.Errorf("environment (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.missing, texts(r.Missing)); diff != "" {
				t.Errorf("missing (-want +got):\n%s", diff)
			}
		})
	}
}

func manifestEnv(c corev1.Container) []string {
	var out []string
	for _, e := range c.Env {
		if e.ValueFrom != nil && e.ValueFrom.FieldRef != nil {
			out = append(out, e.Name+"<"+e.ValueFrom.FieldRef.FieldPath)
		} else if e.ValueFrom == nil {
			out = append(out, e.Name+"="+e.Value)
		} else {
			out = append(out, e.Name+" still refers")
		}
	}
	if len(c.EnvFrom) > 0 {
		out = append(out, "envFrom is still there")
	}
	return out
}

const addressed = `
hostNetwork: %
containers:
- name: c
  env:
  - {name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
  - {name: IPS, valueFrom: {fieldRef: {fieldPath: status.podIPs}}}
  - {name: HOST, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}
`

func TestAddresses(t *testing.T) {
	for _, tc := range []struct {
		name, host             string
		addresses              []string
		want                   []string
		missing, changes, node int
	}{
		{"own network", "false", []string{"198.51.100.7"}, []string{"IP<status.podIP", "IPS<status.podIPs", "HOST<status.hostIP"}, 0, 0, 0},
		{"one address", "true", []string{"198.51.100.7"}, []string{"IP=198.51.100.7", "IPS=198.51.100.7", "HOST<status.hostIP"}, 0, 2, 1},
		{"two", "true", []string{"198.51.100.7", "2001:db8::7"}, []string{"IP=198.51.100.7", "IPS=198.51.100.7,2001:db8::7", "HOST<status.hostIP"}, 0, 2, 1},
		{"none", "true", nil, []string{"IP<status.podIP", "IPS<status.podIPs", "HOST<status.hostIP"}, 2, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld()
			w.addresses = tc.addresses
			r := Resolve(w.input(parse(t, replace(addressed, "%", tc.host))))
			if diff := cmp.Diff(tc.want, manifestEnv(r.DaemonSet(dir).Spec.Template.Spec.Containers[0])); diff != "" {
				t.Errorf("environment (-want +got):\n%s", diff)
			}
			if len(r.Missing) != tc.missing || len(r.Changes) != tc.changes || len(r.NodeDigests) != tc.node {
				t.Errorf("missing %v, changes %v, node digests %v", r.Missing, r.Changes, r.NodeDigests)
			}
		})
	}
}

func TestParseNodeLabels(t *testing.T) {
	for text, want := range map[string][]NodeLabel{
		"":    nil,
		" ":   nil,
		"A=b": {{"A", "b"}},
		" ZONE = topology.kubernetes.io/zone ,\n NODE_=rack": {{"ZONE", "topology.kubernetes.io/zone"}, {"NODE_", "rack"}},
	} {
		got, err := ParseNodeLabels(text)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("ParseNodeLabels(%q): %v (-want +got):\n%s", text, err, diff)
		}
	}
	for _, text := range []string{",", "A=b,", "A", "=b", "A=", "1A=b", "A B=c", "A=b c", "A=b=c", "A=/b", "A=b,A=c"} {
		if got, err := ParseNodeLabels(text); err == nil {
			t.Errorf("ParseNodeLabels(%q) = %v, want an error", text, got)
		}
	}
}

func TestBadAnnotationsHoldThePodUp(t *testing.T) {
	for _, a := range []string{AnnotationRestart + ": yes", AnnotationNodeLabels + ": A", AnnotationMissingServiceAccount + ": no"} {
		r := Resolve(newWorld().input(parse(t, "containers: [{name: c}]", a)))
		if len(r.Missing) != 1 || r.Missing[0].Reason != BadAnnotation {
			t.Errorf("%s: missing %v, want one about the annotation", a, r.Missing)
		}
	}
}
