package render_test

import (
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/daemonsetd/daemonsetd/manifests/render"
)

const rev = "bcdfghjklm"

func named(namespace, name string) *appsv1.DaemonSet {
	return &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
}

func TestCheckNames(t *testing.T) {
	long := func(n int) string { return strings.Repeat("a", n) }
	for _, tc := range []struct {
		name, namespace, ds, node, revision string
		want                                string
	}{
		{name: "plain", namespace: "default", ds: "logger", node: "node-1", revision: rev},
		{name: "no node", namespace: "default", ds: "logger", revision: rev},
		{name: "dots", namespace: "default", ds: "a.b.c", node: "n.example.com", revision: rev},
		{name: "node in capitals", namespace: "default", ds: "logger", node: "NODE", revision: rev},
		{name: "longest for the node", namespace: "default", ds: long(150), node: long(214 - 150 - 12), revision: rev},
		{name: "one too long for the node", namespace: "default", ds: long(150), node: long(214 - 150 - 11), revision: rev, want: "is 1 characters too long"},
		{name: "longest for the namespace", namespace: long(63), ds: long(147), revision: rev},
		{name: "one too long for the namespace", namespace: long(63), ds: long(148), revision: rev, want: "is 1 characters too long"},
		{name: "no namespace", ds: "logger", revision: rev, want: `namespace ""`},
		{name: "namespace climbing", namespace: "../..", ds: "logger", revision: rev, want: `namespace "../.."`},
		{name: "no name", namespace: "default", revision: rev, want: `DaemonSet name ""`},
		{name: "name with a slash", namespace: "default", ds: "a/b", revision: rev, want: `DaemonSet name "a/b"`},
		{name: "bad node", namespace: "default", ds: "logger", node: "a_b", revision: rev, want: `on node "a_b"`},
		{name: "no revision", namespace: "default", ds: "logger", want: `revision ""`},
		{name: "odd revision", namespace: "default", ds: "logger", revision: "abc", want: `revision "abc"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := render.Options{NodeName: tc.node, Revision: tc.revision}
			err := render.CheckNames(named(tc.namespace, tc.ds), o)
			if tc.want == "" && err != nil {
				t.Errorf("got %v, want no error", err)
			}
			if tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
			if _, _, rerr := render.Render(named(tc.namespace, tc.ds), o); (rerr == nil) != (err == nil) {
				t.Errorf("Render says %v, CheckNames %v", rerr, err)
			}
		})
	}
}

// TestFaultK10LogDirectory: whatever is accepted, the kubelet can make the directory for its logs, and the manifest has a name.
func TestFaultK10LogDirectory(t *testing.T) {
	for _, namespace := range []string{"a", "default", strings.Repeat("n", 63)} {
		for _, node := range []string{"", "n", "node-1.example.com", strings.Repeat("n", 63)} {
			for length := range 254 {
				ds := named(namespace, strings.Repeat("a", max(1, length)))
				pod := render.PodName(ds.Name, rev)
				if node != "" {
					pod += "-" + node
				}
				directory := namespace + "_" + pod + "_" + strings.Repeat("0", 32)
				err := render.CheckNames(ds, render.Options{NodeName: node, Revision: rev})
				if (err == nil) != (len(directory) <= 255) {
					t.Fatalf("directory of %d bytes: %v", len(directory), err)
				}
				if over := fmt.Sprintf(" is %d characters too long ", len(directory)-255); err != nil && !strings.Contains(err.Error(), over) {
					t.Fatalf("want %q in %v", over, err)
				}
				if name := render.FileName(namespace, ds.Name, rev); err == nil && len(name) > 255 {
					t.Fatalf("manifest's name of %d bytes", len(name))
				}
			}
		}
	}
}

func TestIsFileName(t *testing.T) {
	for name, want := range map[string]bool{
		render.FileName("default", "logger", rev):                        true,
		render.FileName("a", "b", rev):                                   true,
		render.FileName("a-b", "c.d", rev):                               true,
		render.ApartFileName("a-b", "c.d", rev):                          true,
		"daemonsetd-default-logger-" + rev + ".yml":                      false,
		"daemonsetd-default-logger-" + rev + ".yaml~":                    false,
		"daemonsetd-default-logger-" + rev + "-copy.yaml":                false,
		"daemonsetd-default-logger-short.yaml":                           false,
		"daemonsetd-" + rev + ".yaml":                                    false,
		".daemonsetd-default-logger-" + rev + ".yaml":                    false,
		"daemonsetd-../x-" + rev + ".yaml":                               false,
		"daemonsetd-a-" + strings.Repeat("b", 250) + "-" + rev + ".yaml": false,
		"kube-proxy.yaml":                                                false,
		"":                                                               false,
	} {
		if got := render.IsFileName(name); got != want {
			t.Errorf("IsFileName(%q) = %v, want %v", name, got, want)
		}
	}
}

// TestFaultK7FileNames: the name that keeps a DaemonSet apart is none that another one can have, in either form.
func TestFaultK7FileNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		namespace := rapid.StringMatching(`[ab]([ab-]{0,3}[ab])?`)
		name := rapid.StringMatching(`[ab]([ab-]{0,3}[ab])?(\.[ab])?`)
		ns1, n1 := namespace.Draw(t, "namespace"), name.Draw(t, "name")
		ns2, n2 := namespace.Draw(t, "other namespace"), name.Draw(t, "other name")
		if ns1 == ns2 && n1 == n2 {
			return
		}
		file := render.ApartFileName(ns1, n1, rev)
		if file == render.ApartFileName(ns2, n2, rev) || file == render.FileName(ns2, n2, rev) {
			t.Fatalf("%s/%s and %s/%s have the file name %s", ns1, n1, ns2, n2, file)
		}
		if !render.IsFileName(file) || !render.IsFileName(render.FileName(ns1, n1, rev)) {
			t.Fatalf("%s is not known again", file)
		}
	})
}
