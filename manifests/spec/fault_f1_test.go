package spec

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

// small is a DaemonSet that has nothing special.
const small = `
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: a
  annotations: {deprecated.daemonset.template.generation: "GENERATION"}
spec:
  selector: {matchLabels: {app: a}}
  template:
    metadata: {labels: {app: a}}
    spec: {containers: [{name: a, image: a}]}
`

// TestFaultF1: what an API server sets by itself before it validates refuses nothing, and a Service's fault no DaemonSet.
func TestFaultF1(t *testing.T) {
	daemonSet := func(generation string) string { return strings.Replace(small, "GENERATION", generation, 1) }
	const service = "\n---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\n"
	cases := []struct {
		name, text string
		want       map[string]int // how many objects of each kind are in effect
	}{
		{
			"LoadBalancer with local traffic", daemonSet("1") + service +
				"spec: {type: LoadBalancer, externalTrafficPolicy: Local, ports: [{port: 80}]}\n",
			map[string]int{"DaemonSet": 1, "Service": 1},
		},
		{
			"a bad Service", daemonSet("1") + service + "spec: {ports: [{port: 0}]}\n",
			map[string]int{"DaemonSet": 1},
		},
		{"a generation of the template below 0", daemonSet("-3"), map[string]int{"DaemonSet": 1}},
		{"a generation of the template of 0", daemonSet("0"), map[string]int{"DaemonSet": 1}},
		{
			"a PriorityClass with a namespace", daemonSet("1") + "\n---\napiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\n" +
				"metadata: {name: p, namespace: a.b}\nvalue: 5\n",
			map[string]int{"DaemonSet": 1, "PriorityClass": 1},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := Parse("a.yaml", []byte(c.text))
			got := map[string]int{}
			for kind, n := range map[string]int{
				"DaemonSet": len(p.DaemonSets), "Service": len(p.Services), "PriorityClass": len(p.PriorityClasses),
			} {
				if n > 0 {
					got[kind] = n
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("objects in effect (-want +got):\n%s\n%v", diff, p.Problems)
			}
			for _, class := range p.PriorityClasses {
				if class.Object.Namespace != "" {
					t.Errorf("the PriorityClass has the namespace %q", class.Object.Namespace)
				}
			}
			if p.Problems.Count(diag.Error) > 0 {
				t.Error(p.Problems)
			}
		})
	}
}
