package spec

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func setText(name, image string) string {
	return "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: " + name + "}\nspec:\n  selector: {matchLabels: {app: x}}\n" +
		"  template:\n    metadata: {labels: {app: x}}\n    spec: {containers: [{name: c, image: \"" + image + "\"}]}\n"
}

// TestFaultO8OverlayGoesByObjects: whatever a planned file is called, what it declares is updated where it is declared.
func TestFaultO8OverlayGoesByObjects(t *testing.T) {
	snap := &Snapshot{Objects: Objects{DaemonSets: append(
		Parse("/specs.d/web.yaml", []byte(setText("log", "log:1")+"---\n"+setText("web", "web:1"))).DaemonSets,
		Parse("/specs.d/net.yaml", []byte(setText("net", "net:1"))).DaemonSets...,
	)}}
	list := snap.Objects.DaemonSets
	list[1], list[2] = list[2], list[1] // log, net, web
	for name, c := range map[string]struct {
		files          []File
		want, problems []string
	}{
		"another name": {
			[]File{{"/home/me/new.yaml", []byte(setText("web", "web:2"))}},
			[]string{"default/log log:1 /specs.d/web.yaml", "default/net net:1 /specs.d/net.yaml", "default/web web:2 /specs.d/web.yaml"},
			nil,
		},
		"the same name": {
			[]File{{"new/web.yaml", []byte(setText("web", "web:2"))}},
			[]string{"default/net net:1 /specs.d/net.yaml", "default/web web:2 /specs.d/web.yaml"},
			nil,
		},
		"the standard input, with a new one": {
			[]File{{"<stdin>", []byte(setText("web", "web:2") + "---\n" + setText("dns", "dns:1"))}},
			[]string{
				"default/dns dns:1 /specs.d/<stdin>", "default/log log:1 /specs.d/web.yaml", "default/net net:1 /specs.d/net.yaml",
				"default/web web:2 /specs.d/web.yaml",
			},
			nil,
		},
		"twice": {
			[]File{{"a.yaml", []byte(setText("net", "net:2"))}, {"b.yaml", []byte(setText("net", "net:3"))}},
			[]string{"default/log log:1 /specs.d/web.yaml", "default/net net:2 /specs.d/net.yaml", "default/web web:1 /specs.d/web.yaml"},
			[]string{`b.yaml: DaemonSet "default/net" is declared in a.yaml already`},
		},
		"moved from a file that is planned too": {
			[]File{{"new.yaml", []byte(setText("log", "log:2"))}, {"web.yaml", []byte(setText("web", "web:2"))}},
			[]string{"default/log log:2 /specs.d/web.yaml", "default/net net:1 /specs.d/net.yaml", "default/web web:2 /specs.d/web.yaml"},
			nil,
		},
		"bad": {
			[]File{{"dir/bad.yaml", []byte("kind: [")}},
			[]string{"default/log log:1 /specs.d/web.yaml", "default/net net:1 /specs.d/net.yaml", "default/web web:1 /specs.d/web.yaml"},
			[]string{"dir/bad.yaml: "},
		},
	} {
		objects, problems := Overlay(snap, "/specs.d", c.files)
		var got []string
		for _, ds := range objects.DaemonSets {
			got = append(got, ds.Key()+" "+ds.Object.Spec.Template.Spec.Containers[0].Image+" "+ds.Source.File)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
		for i, p := range problems.Errors() {
			if text := p.File + ": " + p.Message; i >= len(c.problems) || !strings.HasPrefix(text, c.problems[i]) {
				t.Errorf("%s: %s", name, text)
			}
		}
		if n := len(problems.Errors()); n != len(c.problems) {
			t.Errorf("%s: %d errors", name, n)
		}
	}
}
