package spec

import (
	"strings"
	"testing"

	"github.com/daemonsetd/daemonsetd/manifests/resolve"
)

// TestFaultF20: a ConfigMap that is too large is named, and the message that one is missing says that another namespace
// has it.
func TestFaultF20(t *testing.T) {
	large := Parse("large.yaml", []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: big}\ndata: {a: "+strings.Repeat("x", 1<<20)+", b: word}\n"))
	if errs := large.Problems.Errors(); len(errs) != 1 || !strings.HasPrefix(errs[0].Message, `the ConfigMap "big" is too large`) {
		t.Errorf("too large: %v", errs)
	}
	parsed := Parse("web.yaml", []byte(`apiVersion: v1
kind: ConfigMap
metadata: {name: conf, namespace: kube-system}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      hostNetwork: true
      containers:
      - name: web
        image: web:1
        envFrom: [{configMapRef: {name: conf}}]
        env:
        - name: IP
          valueFrom: {fieldRef: {fieldPath: status.podIP}}
`))
	if parsed.Problems.HasErrors() {
		t.Fatal(parsed.Problems)
	}
	list := Unresolved(parsed.Objects)
	if len(list) != 1 || !strings.HasSuffix(list[0].Message, `needs it: the namespace "kube-system" has one of that name`) {
		t.Errorf("missing: %v", list)
	}
	p := parsed.DaemonSets[0].Place(resolve.Missing{
		Reason: resolve.AddressMissing, Kind: resolve.KindNode, Name: "n", Path: podPrefix + "containers[0].env[0].valueFrom.fieldRef",
	})
	if p.Line != 20 || p.Column == 1 {
		t.Errorf("the node's address is missing at %d:%d, want line 20", p.Line, p.Column)
	}
}
