package resolve

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
)

// everything refers in every way that there is.
const everything = `
hostNetwork: true
containers:
- name: c
  envFrom: [{configMapRef: {name: conf}}]
  env:
  - {name: P, valueFrom: {secretKeyRef: {name: keys, key: password}}}
  - {name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
  volumeMounts: [{name: conf, mountPath: /conf}, {name: keys, mountPath: /keys}, {name: both, mountPath: /both}]
volumes:
- {name: conf, configMap: {name: conf}}
- {name: keys, secret: {secretName: keys, items: [{key: same, path: s}]}}
- {name: both, projected: {sources: [{secret: {name: keys, items: [{key: password, path: p}]}}, {downwardAPI: {items: [{path: name, fieldRef: {fieldPath: metadata.name}}]}}]}}
`

// TestDigests says which changes are a new revision.
func TestDigests(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*world)
		// env, node and tree say whether the digests of values, of facts of the node, and of trees change.
		env, node, tree bool
	}{
		{"nothing", func(*world) {}, false, false, false},
		{"a value of the environment", func(w *world) { w.secrets["keys"].Data["password"] = []byte("x") }, true, false, true},
		{"a key of envFrom more", func(w *world) { w.configMaps["conf"].Data["c"] = "x" }, true, false, true},
		{"binaryData", func(w *world) { w.configMaps["conf"].BinaryData["raw"] = []byte("x") }, false, false, true},
		{"a file", func(w *world) { w.secrets["keys"].Data["same"] = []byte("x") }, false, false, true},
		{"a key that nothing uses", func(w *world) { w.secrets["keys"].Data["nul"] = []byte("x") }, false, false, false},
		{"the address", func(w *world) { w.addresses = []string{"203.0.113.9"} }, false, true, false},
		{"a label that is wanted", func(w *world) { w.labels["zone"] = "z2" }, false, true, false},
		{"a label that is wanted goes", func(w *world) { delete(w.labels, "zone") }, false, true, false},
		{"another label", func(w *world) { w.labels["other"] = "x" }, false, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			labels := AnnotationNodeLabels + ": ZONE=zone"
			for _, restart := range []string{"true", "false"} {
				ds := parse(t, everything, labels, AnnotationRestart+": "+restart)
				before, w := Resolve(newWorld().input(ds)), newWorld()
				tc.change(w)
				after := Resolve(w.input(ds))
				if got := !slices.Equal(before.NodeDigests, after.NodeDigests); got != tc.node {
					t.Errorf("the node's digests change: %t, want %t", got, tc.node)
				}
				want := tc.env || tc.node || tc.tree && restart == "true"
				if got := !slices.Equal(before.Digests, after.Digests); got != want {
					t.Errorf("restart %s: digests change: %t, want %t", restart, got, want)
				}
				if got := !slices.Equal(treeDigests(before), treeDigests(after)); got != tc.tree {
					t.Errorf("the trees' digests change: %t, want %t", got, tc.tree)
				}
			}
		})
	}
}

func treeDigests(r Result) []string {
	var out []string
	for _, t := range r.Trees("rev") {
		out = append(out, t.Digest)
	}
	return out
}

// TestDigestsStay: revisions are made of them, so a change of the code that moves one restarts pods everywhere.
func TestDigestsStay(t *testing.T) {
	r := Resolve(newWorld().input(parse(t, everything, AnnotationNodeLabels+": ZONE=zone", AnnotationRestart+": true")))
	want := []string{
		"dd358183bdef41db5f80ea552d660b90f66fe558958f4419b2a24ce9dc373c5e",
		"cdd96af8933f7f474715483c20f2c1649ceddd36743e533e13bc20b7fcffca0c",
		"2c68e04b4c04f58f2841a601b55eb5a17dcdb0f82431027245abff09fc771b0b",
		"41518541fcd56a29a5180f1c5201b2fa9096f9ee6ef9376014e2a94f08b68719",
		"c769b67beccf9976a539408ce209beb7813ee474bfe629917f4816332593f571",
	}
	if diff := cmp.Diff(want, r.Digests); diff != "" {
		t.Errorf("digests (-want +got):\n%s", diff)
	}
}

// TestDigestsOfEveryNode: only those that say so differ from node to node.
func TestDigestsOfEveryNode(t *testing.T) {
	ds := parse(t, everything, AnnotationNodeLabels+": ZONE=zone", AnnotationRestart+": true")
	here, there := newWorld().input(ds), newWorld().input(ds)
	there.NodeName, there.NodeLabels, there.NodeAddress = "node-2", map[string]string{"zone": "z2"}, "203.0.113.9"
	a, b := Resolve(here), Resolve(there)
	shared := func(r Result) []string { return r.Digests[:len(r.Digests)-len(r.NodeDigests)] }
	if diff := cmp.Diff(shared(a), shared(b)); diff != "" || slices.Equal(a.NodeDigests, b.NodeDigests) {
		t.Errorf("node's digests %v and %v; the others (-here +there):\n%s", a.NodeDigests, b.NodeDigests, diff)
	}
	if slices.Equal(treeDigests(a), treeDigests(b)) {
		t.Error("the trees tell the same pod name on both nodes")
	}
}

// TestNoDigests: what refers to nothing has the revision that it always had.
func TestNoDigests(t *testing.T) {
	r := Resolve(newWorld().input(parse(t, "containers: [{name: c, env: [{name: A, value: x}]}]", AnnotationRestart+": true")))
	if len(r.Digests) > 0 || len(r.NodeDigests) > 0 {
		t.Errorf("digests %v %v, want none", r.Digests, r.NodeDigests)
	}
}

// TestNoContentIsTold prints everything in every way and looks for what was in the Secret.
func TestNoContentIsTold(t *testing.T) {
	w := newWorld()
	w.secrets["keys"].Data["bad"] = []byte("CANARY\x00")
	r := Resolve(w.input(parse(t, everything+"initContainers: [{name: i, envFrom: [{secretRef: {name: keys}}]}]\n")))
	if len(r.Missing) == 0 || !strings.Contains(manifestOf(t, r.DaemonSet(dir)), "CANARY") {
		t.Fatal("the canary is not where it should be")
	}
	trees := r.Trees("rev")
	for _, v := range []any{r, trees, trees[0], &trees[0], trees[0].Files, r.Missing, r.Changes, r.Digests} {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		told := string(data) + fmt.Sprintf("%s %v %+v %#v", v, v, v, v)
		for _, secret := range []string{"CANARY", "Q0FOQVJZ", fmt.Sprint([]byte("CANARY")), "0x43, 0x41"} {
			if strings.Contains(told, strings.Trim(secret, "[]")) {
				t.Errorf("%T tells %s: %s", v, secret, told)
			}
		}
	}
}

func manifestOf(t *testing.T, ds *appsv1.DaemonSet) string {
	t.Helper()
	data, err := json.Marshal(ds)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
