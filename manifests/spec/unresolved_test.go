package spec

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// objectsFor is what references.txtar needs, and more.
const objectsFor = `
apiVersion: v1
kind: ConfigMap
metadata: {name: conf}
data: {a: x}
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {a: CANARY}
---
apiVersion: v1
kind: Secret
metadata: {name: keys, namespace: other}
`

func referring(t *testing.T) Parsed {
	t.Helper()
	data, err := os.ReadFile("testdata/parse/references.txtar")
	if err != nil {
		t.Fatal(err)
	}
	p := Parse("ds.yaml", txtar.Parse(data).Files[0].Data)
	if len(p.DaemonSets) != 1 {
		t.Fatalf("refused: %v", p.Problems)
	}
	return p
}

// TestUnresolved takes away, one by one, what the DaemonSet refers to.
func TestUnresolved(t *testing.T) {
	p := referring(t)
	for _, tc := range []struct {
		name, objects string
		want          []string
	}{
		{"everything there", objectsFor, nil},
		{"no key", strings.Replace(objectsFor, "{a: x}", "{b: x}", 1), []string{
			`27:48 spec.template.spec.containers[0].env[0].valueFrom.configMapKeyRef.key`,
		}},
		{"a bad name", strings.Replace(objectsFor, "{a: x}", "{a: x, 9: x}", 1), []string{
			`21:32 spec.template.spec.containers[0].envFrom[0].configMapRef.name`,
		}},
		{"the Secret in another namespace", strings.Replace(objectsFor, "{name: keys}", "{name: keys, namespace: third}", 1), []string{
			`23:29 spec.template.spec.containers[0].envFrom[1].secretRef.name`,
			`34:40 spec.template.spec.volumes[1].secret.secretName`,
			`39:28 spec.template.spec.volumes[2].projected.sources[1].secret.name`,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			given := Parse("objects.yaml", []byte(tc.objects))
			if given.Problems.HasErrors() {
				t.Fatal(given.Problems)
			}
			all := Objects{DaemonSets: p.DaemonSets, ConfigMaps: given.ConfigMaps, Secrets: given.Secrets}
			list := Unresolved(all)
			var got []string
			for _, w := range list {
				got = append(got, fmt.Sprintf("%d:%d %s", w.Line, w.Column, w.Path))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("places (-want +got):\n%s\n%v", diff, list)
			}
			if list.HasErrors() || leaked(list, "CANARY") != "" {
				t.Errorf("want warnings without any content: %v", list)
			}
		})
	}
}
