package spec

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

const exporter = `apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: node-exporter
  namespace: monitoring
  labels: {app: node-exporter}
spec:
  selector:
    matchLabels: {app: node-exporter}
  updateStrategy:
    type: RollingUpdate
    rollingUpdate: {maxUnavailable: 10%}
  template:
    metadata:
      labels: {app: node-exporter}
    spec:
      hostNetwork: true
      hostPID: true
      nodeSelector: {kubernetes.io/os: linux}
      tolerations:
      - operator: Exists
      containers:
      - name: node-exporter
        image: quay.example.com/node-exporter:v1.8.1
        args: [--path.sysfs=/host/sys, "--web.listen-address=127.0.0.1:9100"]
        ports:
        - {name: metrics, containerPort: 9100}
        resources:
          requests: {cpu: 102m, memory: 180Mi}
          limits: {cpu: 250m, memory: 180Mi}
        securityContext:
          readOnlyRootFilesystem: true
          capabilities: {add: [SYS_TIME], drop: [ALL]}
        livenessProbe:
          httpGet: {path: /, port: metrics}
        volumeMounts:
        - {name: sys, mountPath: /host/sys, mountPropagation: HostToContainer, readOnly: true}
      volumes:
      - name: sys
        hostPath: {path: /sys}
`

func TestParseDaemonSet(t *testing.T) {
	p := Parse("f.yaml", []byte(exporter))
	if len(p.Problems) > 0 || len(p.DaemonSets) != 1 {
		t.Fatalf("%d DaemonSets, problems %v", len(p.DaemonSets), p.Problems)
	}
	ds := p.DaemonSets[0]
	if ds.Key() != "monitoring/node-exporter" || ds.Object.Kind != "DaemonSet" || ds.Object.APIVersion != "apps/v1" {
		t.Errorf("object: %s %+v", ds.Key(), ds.Object.TypeMeta)
	}
	// Defaults are in the object and not in the template of which the revision is made.
	if got := ds.Object.Spec.Template.Spec.DNSPolicy; got != corev1.DNSClusterFirst {
		t.Errorf("dnsPolicy = %q: not defaulted", got)
	}
	if *ds.Object.Spec.RevisionHistoryLimit != 10 {
		t.Errorf("revisionHistoryLimit = %d: not defaulted", *ds.Object.Spec.RevisionHistoryLimit)
	}
	template := string(ds.Template)
	if strings.Contains(template, "dnsPolicy") || !strings.HasPrefix(template, `{"metadata":{"labels":{"app":"node-exporter"}},"spec":{"containers":[{"args":["--path`) {
		t.Errorf("template = %s", template)
	}
	if want := (Source{File: "f.yaml", Line: 1, Column: 1}); ds.Source != want {
		t.Errorf("source = %+v, want %+v", ds.Source, want)
	}
}

// TestTemplateAsWritten: comments, order, quotes and style are no part of a template; every value is.
func TestTemplateAsWritten(t *testing.T) {
	template := func(text string) string {
		p := Parse("f.yaml", []byte(text))
		if len(p.DaemonSets) != 1 {
			t.Fatalf("problems %v", p.Problems)
		}
		return string(p.DaemonSets[0].Template)
	}
	base := template(exporter)
	for name, text := range map[string]string{
		"comment": strings.Replace(exporter, "hostPID: true", "hostPID: true # why", 1),
		"quotes":  strings.Replace(exporter, "name: metrics", `"name": 'metrics'`, 1),
		"order":   strings.Replace(exporter, "      hostNetwork: true\n      hostPID: true\n", "      hostPID: true\n      hostNetwork: true\n", 1),
		"style":   strings.Replace(exporter, "args: [--path.sysfs=/host/sys, ", "args: [\n          --path.sysfs=/host/sys,\n          ", 1),
		"outside": strings.Replace(exporter, "maxUnavailable: 10%", "maxUnavailable: 2", 1),
	} {
		if text == exporter {
			t.Fatalf("%s: nothing changed", name)
		}
		if diff := cmp.Diff(base, template(text)); diff != "" {
			t.Errorf("%s moves the template (-before +after):\n%s", name, diff)
		}
	}
	if template(strings.Replace(exporter, "hostPID: true", "hostPID: false", 1)) == base {
		t.Error("another value does not move the template")
	}
}

func TestParseSecret(t *testing.T) {
	p := Parse("f.yaml", []byte("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: YQ==, b: Yg==}\nstringData: {b: over, c: '5'}\n"))
	if len(p.Secrets) != 1 {
		t.Fatalf("problems %v", p.Problems)
	}
	s := p.Secrets[0].Object
	want := map[string][]byte{"a": []byte("a"), "b": []byte("over"), "c": []byte("5")}
	if diff := cmp.Diff(want, s.Data); diff != "" || len(s.StringData) > 0 || s.Type != corev1.SecretTypeOpaque || s.Namespace != "default" {
		t.Errorf("stringData %v, type %q, namespace %q, data (-want +got):\n%s", s.StringData, s.Type, s.Namespace, diff)
	}
}

func TestParseService(t *testing.T) {
	for _, text := range []string{
		"spec: {clusterIP: None, selector: {a: b}, ports: [{port: 80}]}",
		"spec: {selector: {a: b}, ports: [{port: 80, targetPort: http}]}",
		"spec: {type: NodePort, ports: [{port: 80, nodePort: 30080}]}",
		"spec: {type: LoadBalancer, ports: [{port: 80}]}",
		"spec: {type: ExternalName, externalName: example.com}",
		"spec: {clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1], ipFamilies: [IPv4], ipFamilyPolicy: SingleStack, ports: [{port: 80}]}\nstatus: {loadBalancer: {}}",
	} {
		p := Parse("f.yaml", []byte("apiVersion: v1\nkind: Service\nmetadata: {name: s}\n"+text+"\n"))
		if len(p.Services) != 1 || p.Problems.HasErrors() {
			t.Errorf("%s: %v", text, p.Problems)
		}
	}
}

// TestServedFieldsAreForgotten: what an API server added is in no object.
func TestServedFieldsAreForgotten(t *testing.T) {
	ar, err := txtar.ParseFile("testdata/parse/from-a-server.txtar")
	if err != nil {
		t.Fatal(err)
	}
	p := Parse("f.yaml", ar.Files[0].Data)
	if len(p.DaemonSets) != 1 {
		t.Fatalf("problems %v", p.Problems)
	}
	m, status := p.DaemonSets[0].Object.ObjectMeta, p.DaemonSets[0].Object.Status
	if m.UID != "" || m.ResourceVersion != "" || m.Generation != 0 || !m.CreationTimestamp.IsZero() || m.OwnerReferences != nil || status.CurrentNumberScheduled != 0 {
		t.Errorf("metadata %+v, status %+v", m, status)
	}
}

func TestBadFileDeclaresNothing(t *testing.T) {
	p := Parse("f.yaml", []byte(exporter+"---\nkind: Daemonset\napiVersion: apps/v1\n"))
	if len(p.DaemonSets) > 0 || !p.Problems.HasErrors() {
		t.Errorf("a file with an error declares %v; problems %v", p.DaemonSets, p.Problems)
	}
}

func TestParseLimits(t *testing.T) {
	object := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c%d}\n---\n"
	var many strings.Builder
	many.WriteString("apiVersion: v1\nkind: List\nitems:\n")
	for i := range MaxObjects + 1 {
		fmt.Fprintf(&many, "- {apiVersion: v1, kind: ConfigMap, metadata: {name: c%d}}\n", i)
	}
	for name, tc := range map[string]struct{ text, want string }{
		"bytes":     {strings.Repeat("#", MaxFileBytes+1), "the file has 10485761 bytes, more than the limit of 10485760"},
		"objects":   {many.String(), "more than 10000 objects in one file"},
		"documents": {strings.Repeat(object, 10_001), "more than 10000 documents in one file"},
	} {
		if p := Parse("f.yaml", []byte(tc.text)); len(p.Problems.Errors()) == 0 || !hasMessage(p.Problems, tc.want) {
			t.Errorf("%s: want %q, got %v", name, tc.want, p.Problems[:min(3, len(p.Problems))])
		}
	}
}

func hasMessage(l diag.List, text string) bool {
	for _, p := range l {
		if p.Severity == diag.Error && p.Message == text {
			return true
		}
	}
	return false
}

// TestSecretsStaySecret: whatever is wrong with a Secret, nothing of its content is in any problem, in any form.
func TestSecretsStaySecret(t *testing.T) {
	const canary = "CANARY"
	files, err := filepath.Glob("testdata/parse/secret*.txtar")
	if err != nil || len(files) < 3 {
		t.Fatalf("cases: %v, %v", files, err)
	}
	var texts []string
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(txtar.Parse(data).Files[0].Data))
	}
	for _, text := range append(texts, leaks()...) {
		if !strings.Contains(text, canary) {
			t.Fatalf("no canary in\n%s", text)
		}
		for _, cut := range []int{len(text), len(text) - 2, len(text) / 2} {
			p := Parse("f.yaml", []byte(text[:cut]))
			if leak := leaked(p.Problems, canary); leak != "" {
				t.Errorf("%s\nin the problems of\n%s", leak, text[:cut])
			}
		}
	}
}

func leaks() []string {
	secret := "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"
	return []string{
		secret + "stringData: {a: CANARY, a: CANARY}\n",
		secret + "stringData: CANARY\n",
		secret + "stringData: [CANARY]\ntype: 5\n",
		secret + "data: {a: {CANARY: 5}}\n",
		secret + "data: {a: !CANARY x}\n",
		secret + "data: {a: *CANARY}\n",
		secret + "data: {a: \"CANARY}\n",
		secret + "data:\n\ta: CANARY\n",
		secret + "type: kubernetes.io/dockercfg\ndata: {.dockercfg: Q0FOQVJZ}\nstringData: {.dockercfg: CANARY}\n",
		secret + "type: kubernetes.io/tls\nstringData: {tls.crt: CANARY}\n",
		secret + "stringData: {\"CANARY is my password\": x}\n",
		secret + "immutable: CANARY\n",
		"apiVersion: v1\nkind: Secrets\nmetadata: {name: s}\nstringData: {a: CANARY}\n",
		"apiVersion: v1\nkind: Secert\nmetadata: {name: s, nme: 5}\ndata: {a: CANARY, a: CANARY}\n",
		"apiVersion: v2\nkind: Secret\nstringData: {a: CANARY, a: CANARY}\n",
		"kind: Secret\nstringData: {a: CANARY, a: CANARY}\n",
		"apiVersion: v1\nkind: SecretList\nitems:\n- {metadata: {name: s}, data: {a: CANARY, a: 5}}\n",
		"apiVersion: v1\nkind: List\nitems:\n- kind: ConfigMap\n  apiVersion: v1\n  metadata: {name: *p}\n  data: 5\n- kind: Secret\n  apiVersion: v1\n  stringData: {a: &p CANARY}\n",
		"apiVersion: v1\nkind: List\nitems:\n- kind: Secret\n  apiVersion: v1\n  metadata: {name: s}\n  stringData: {a: &p CANARY}\n- kind: ConfigMap\n  apiVersion: v1\n  metadata: {name: x, labels: *p, namespace: *p}\n",
		"apiVersion: v1\nkind: List\nitems: [{kind: Secret, apiVersion: v1, metadata: {name: s}, stringData: {a: CANARY}}, {kind: ConfigMap, apiVersion: v1, foo: 1}]\n",
		`{"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "s"}, "stringData": {"a": "CANARY"}} {"kind": "ConfigMap", "apiVersion": "v1", "foo": 1}` + "\n",
		`{"kind": "Secret", "apiVersion": "v1", "stringData": {"a": "CANARY"` + "\n",
		"\xff" + secret + "stringData: {a: CANARY}\n",
		"base: &b\n  kind: Secret\n  stringData: {a: CANARY}\n  x: 1\nuse:\n  <<: *b\nuse: {<<: *b}\n",
	}
}

// leaked finds the text in everything that a problem may be told by.
func leaked(l diag.List, text string) string {
	var b strings.Builder
	_ = diag.Render(&b, l, diag.RenderOptions{})
	for _, p := range l {
		fmt.Fprintf(&b, "%+v\n%s\n", p, p)
	}
	if !strings.Contains(b.String(), text) {
		return ""
	}
	return b.String()
}

// TestFaultF22ManyKeys: an object with very many keys is refused by their number.
func TestFaultF22ManyKeys(t *testing.T) {
	for _, tc := range []struct {
		kind, field string
		keys        int
		want        string
	}{
		{"ConfigMap", "data", 10_000, ""},
		{"ConfigMap", "data", 10_001, `the ConfigMap "many" has 10001 keys; the limit is 10000`},
		{"Secret", "stringData", 10_001, `the Secret has 10001 keys; the limit is 10000`},
	} {
		var b strings.Builder
		fmt.Fprintf(&b, "apiVersion: v1\nkind: %s\nmetadata: {name: many}\n%s:\n", tc.kind, tc.field)
		for i := range tc.keys {
			fmt.Fprintf(&b, "  k%d: v\n", i)
		}
		p := Parse("f.yaml", []byte(b.String()))
		if tc.want == "" {
			if p.Problems.HasErrors() || len(p.ConfigMaps) != 1 {
				t.Errorf("%+v: %v", tc, p.Problems)
			}
			continue
		}
		if len(p.Problems) != 1 || p.Problems[0].Message != tc.want || p.Problems[0].Severity != diag.Error {
			t.Errorf("%+v: %v", tc, p.Problems)
		}
	}
}
