package resolve

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

func replace(s, old, by string) string { return strings.ReplaceAll(s, old, by) }

// mounting is a pod with one volume v, mounted at /etc/app.
func mounting(volume, more string) string {
	return fmt.Sprintf(`
containers:
- name: c
  volumeMounts: [{name: v, mountPath: /etc/app}]
  resources: {limits: {cpu: 1500m, memory: 64Mi}, requests: {cpu: 250m}}
volumes: [{name: v, %s}]
%s`, volume, more)
}

func TestFiles(t *testing.T) {
	for _, tc := range []struct {
		name, volume, more string
		// want is "path mode content".
		want, missing []string
		secret        bool
	}{
		{
			name: "whole ConfigMap", volume: `configMap: {name: conf, defaultMode: 0640}`,
			want: []string{`a 0640 "x"`, `b 0640 "$(a) $$ $"`, `raw 0640 "\x00\xff"`, `same 0640 "conf"`},
		},
		{
			name: "items", volume: `configMap: {name: conf, items: [{key: raw, path: d/raw, mode: 0400}, {key: a, path: ./d//a}, {key: a, path: z}]}`,
			want: []string{`d/a 0644 "x"`, `d/raw 0400 "\x00\xff"`, `z 0644 "x"`},
		},
		{
			name: "Secret with fsGroup", volume: `secret: {secretName: keys, defaultMode: 0400, items: [{key: same, path: s}, {key: password, path: p, mode: 0}]}`,
			more: "securityContext: {fsGroup: 1234}",
			want: []string{`p 0440 "CANARY"`, `s 0440 "keys"`}, secret: true,
		},
		{
			name: "optional", volume: `configMap: {name: conf, optional: true, items: [{key: none, path: file}, {key: a, path: a}]}`,
			want: []string{`a 0644 "x"`},
		},
		{name: "optional object", volume: `secret: {secretName: none, optional: true, items: [{key: none, path: file}]}`, secret: true},
		{
			name: "missing key", volume: `secret: {secretName: keys, items: [{key: password, path: p}, {key: none, path: file}]}`,
			want: []string{`p 0644 "CANARY"`}, secret: true,
			missing: []string{`Secret ns/keys has no key "none", which spec.template.spec.volumes[0].secret.items[1] needs`},
		},
		{
			name: "missing object", volume: `configMap: {name: none}`,
			missing: []string{"ConfigMap ns/none is not declared, and spec.template.spec.volumes[0].configMap needs it"},
		},
		{
			name: "projected", volume: `projected: {defaultMode: 0444, sources: [
				{configMap: {name: conf, items: [{key: same, path: one}]}},
				{secret: {name: keys, items: [{key: same, path: two, mode: 0400}]}},
				{secret: {name: none, optional: true}}]}`,
			want: []string{`one 0444 "conf"`, `two 0400 "keys"`}, secret: true,
		},
		{
			name: "projected ConfigMaps alone", volume: `projected: {sources: [{configMap: {name: conf, items: [{key: a, path: p}]}}, {configMap: {name: none}}]}`,
			want:    []string{`p 0644 "x"`},
			missing: []string{"ConfigMap ns/none is not declared, and spec.template.spec.volumes[0].projected.sources[1].configMap needs it"},
		},
		{
			name: "facts of the pod", volume: `projected: {sources: [{configMap: {name: conf, items: [{key: a, path: a}]}}, {downwardAPI: {items: [
				{path: p/name, fieldRef: {fieldPath: metadata.name}, mode: 0400},
				{path: p/namespace, fieldRef: {fieldPath: metadata.namespace}},
				{path: p/labels, fieldRef: {fieldPath: metadata.labels}},
				{path: p/label, fieldRef: {fieldPath: "metadata.labels['app']"}},
				{path: p/no-label, fieldRef: {fieldPath: "metadata.labels['none']"}},
				{path: p/annotations, fieldRef: {fieldPath: metadata.annotations}},
				{path: p/annotation, fieldRef: {fieldPath: "metadata.annotations['note']"}},
				{path: r/cpu, resourceFieldRef: {containerName: c, resource: limits.cpu}},
				{path: r/millis, resourceFieldRef: {containerName: c, resource: limits.cpu, divisor: 1m}},
				{path: r/requested, resourceFieldRef: {containerName: c, resource: requests.cpu, divisor: 1m}},
				{path: r/memory, resourceFieldRef: {containerName: c, resource: limits.memory, divisor: 1Mi}},
				{path: r/requested-memory, resourceFieldRef: {containerName: c, resource: requests.memory}},
				{path: r/nothing, resourceFieldRef: {containerName: c, resource: requests.ephemeral-storage}},
				{path: r/pages, resourceFieldRef: {containerName: c, resource: limits.hugepages-2Mi}}]}}]}`,
			want: []string{
				`a 0644 "x"`, `p/annotation 0644 "say \"hi\""`, `p/annotations 0644 "note=\"say \\\"hi\\\"\""`, `p/label 0644 "ds"`,
				`p/labels 0644 "app=\"ds\"\ncontroller-revision-hash=\"rev\""`, `p/name 0400 "ds-rev-node-1"`, `p/namespace 0644 "ns"`,
				`p/no-label 0644 ""`, `r/cpu 0644 "2"`, `r/memory 0644 "64"`, `r/millis 0644 "1500"`, `r/nothing 0644 "0"`, `r/pages 0644 "0"`,
				`r/requested 0644 "250"`, `r/requested-memory 0644 "67108864"`,
			},
		},
		{
			name: "facts that only the kubelet knows", volume: `projected: {sources: [{configMap: {name: conf, items: [{key: a, path: a}]}}, {downwardAPI: {items: [
				{path: uid, fieldRef: {fieldPath: metadata.uid}},
				{path: hash, fieldRef: {fieldPath: "metadata.annotations['kubernetes.io/config.hash']"}},
				{path: sum, fieldRef: {fieldPath: "metadata.annotations['daemonsetd.io/checksum']"}},
				{path: disk, resourceFieldRef: {containerName: c, resource: limits.ephemeral-storage}},
				{path: none, resourceFieldRef: {containerName: none, resource: limits.cpu}}]}}]}`,
			want: []string{`a 0644 "x"`},
			missing: []string{
				unknown(0, "fieldRef", "metadata.uid"), unknown(1, "fieldRef", "metadata.annotations['kubernetes.io/config.hash']"),
				unknown(2, "fieldRef", "metadata.annotations['daemonsetd.io/checksum']"),
				`spec.template.spec.volumes[0].projected.sources[1].downwardAPI.items[3].resourceFieldRef cannot be used: container "c" has no limit for ` +
					`ephemeral-storage, so the value is the node's, which only the kubelet knows: set the limit, or ` + separate,
				`spec.template.spec.volumes[0].projected.sources[1].downwardAPI.items[4].resourceFieldRef cannot be used: there is no container "none"`,
			},
		},
		{
			name: "a Secret and a ConfigMap of one name", volume: `projected: {sources: [{secret: {name: twin}}, {configMap: {name: twin}}]}`,
			want: []string{`c 0644 "of the ConfigMap"`, `s 0644 "of the Secret"`}, secret: true,
		},
		{
			name: "facts of an init container, and of one without limits", volume: `projected: {sources: [{configMap: {name: none, optional: true}}, {downwardAPI: {items: [
				{path: cpu, resourceFieldRef: {containerName: i, resource: limits.cpu}},
				{path: zero, resourceFieldRef: {containerName: i, resource: limits.memory}}]}}]}`,
			more: `initContainers: [{name: i, resources: {limits: {cpu: 3, memory: 0}}}]`,
			want: []string{`cpu 0644 "3"`},
			missing: []string{`spec.template.spec.volumes[0].projected.sources[1].downwardAPI.items[1].resourceFieldRef cannot be used: container "i" has no limit for ` +
				`memory, so the value is the node's, which only the kubelet knows: set the limit, or ` + separate},
		},
		{
			name: "a file that is a directory", volume: `configMap: {name: conf, items: [{key: a, path: d/e/f}, {key: a, path: d}, {key: a, path: d-e}]}`,
			want:    []string{`d 0644 "x"`, `d-e 0644 "x"`, `d/e/f 0644 "x"`},
			missing: []string{`spec.template.spec.volumes[0] cannot be used: the paths "d" and "d/e/f" cannot both be files`},
		},
		{
			name:   "names that are too long",
			volume: `configMap: {name: conf, items: [{key: a, path: ` + strings.Repeat("n", 256) + `}, {key: a, path: ` + strings.Repeat("n/", 2100) + `}, {key: a, path: ..}]}`,
			missing: []string{
				`spec.template.spec.volumes[0].configMap.items[0] cannot be used: the name "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"... in a path has 256 bytes, more than 255`,
				`spec.template.spec.volumes[0].configMap.items[1] cannot be used: the path "n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/n/"... has 4199 bytes, more than 4096`,
				`spec.template.spec.volumes[0].configMap.items[2] cannot be used: the path "..": wanted one below the volume that does not begin with ".."`,
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld()
			w.configMaps["twin"] = &corev1.ConfigMap{Data: map[string]string{"c": "of the ConfigMap"}}
			w.secrets["twin"] = &corev1.Secret{Data: map[string][]byte{"s": []byte("of the Secret")}}
			r := Resolve(w.input(parse(t, mounting(tc.volume, tc.more))))
			trees := r.Trees("rev")
			if len(trees) != 1 || trees[0].Volume != "v" || trees[0].Secret != tc.secret {
				t.Fatalf("trees %v", trees)
			}
			if want := !strings.HasPrefix(tc.volume, "configMap"); trees[0].Memory != want {
				t.Errorf("memory %t, want %t", trees[0].Memory, want)
			}
			if diff := cmp.Diff(tc.want, contents(trees[0])); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.missing, texts(r.Missing)); diff != "" {
				t.Errorf("missing (-want +got):\n%s", diff)
			}
		})
	}
}

func unknown(item int, ref, field string) string {
	return fmt.Sprintf("spec.template.spec.volumes[0].projected.sources[1].downwardAPI.items[%d].%s cannot be used: "+
		"%s is not known before the kubelet has read the pod: %s", item, ref, field, separate)
}

func contents(t Tree) []string {
	var out []string
	for _, f := range t.Files {
		out = append(out, fmt.Sprintf("%s %#o %q", f.Path, f.Mode, f.Data))
	}
	return out
}

func TestVolumesOfTheHost(t *testing.T) {
	ds := parse(t, `
initContainers:
- name: i
  volumeMounts: [{name: b, mountPath: /b, subPath: x}, {name: data, mountPath: /data}]
containers:
- name: c
  volumeMounts:
  - {name: a, mountPath: /a/}
  - {name: data, mountPath: /a/b/c/d}
  - {name: b, mountPath: /a/b/c}
  - {name: data, mountPath: /a/b.c}
  - {name: data, mountPath: /ab}
  - {name: facts, mountPath: /facts}
volumes:
- {name: data, emptyDir: {}}
- {name: b, secret: {secretName: keys}}
- {name: unused, configMap: {name: none}}
- {name: a, configMap: {name: conf}}
- name: facts
  projected: {defaultMode: 0400, sources: [
    {downwardAPI: {items: [{path: a, fieldRef: {fieldPath: metadata.uid}}]}}, {downwardAPI: {items: [{path: b, fieldRef: {fieldPath: metadata.name}}]}}]}
- {name: token, projected: {sources: [{serviceAccountToken: {path: t}}, {configMap: {name: none}}]}}
- {name: bundle, projected: {sources: [{clusterTrustBundle: {name: x, path: t}}]}}
- {name: certificate, projected: {sources: [{podCertificate: {signerName: x, keyType: RSA3072}}]}}
securityContext: {fsGroup: 0}
`)
	r := Resolve(newWorld().input(ds))
	if len(r.Missing) > 0 {
		t.Errorf("missing %v", r.Missing)
	}
	trees := r.Trees("rev")
	if len(trees) != 2 || trees[0].Volume != "a" || trees[1].Volume != "b" || trees[0].FSGroup == nil || *trees[0].FSGroup != 0 {
		t.Fatalf("trees %v", trees)
	}
	if diff := cmp.Diff([]string{"b.c", "b/c"}, trees[0].MountPoints); diff != "" {
		t.Errorf("mount points (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"d"}, trees[1].MountPoints); diff != "" {
		t.Errorf("mount points (-want +got):\n%s", diff)
	}
	want := parse(t, `
initContainers:
- name: i
  volumeMounts: [{name: b, mountPath: /b, subPath: x, readOnly: true}, {name: data, mountPath: /data}]
containers:
- name: c
  volumeMounts:
  - {name: a, mountPath: /a/, readOnly: true}
  - {name: data, mountPath: /a/b/c/d}
  - {name: b, mountPath: /a/b/c, readOnly: true}
  - {name: data, mountPath: /a/b.c}
  - {name: data, mountPath: /ab}
  - {name: facts, mountPath: /facts}
volumes:
- {name: data, emptyDir: {}}
- {name: b, hostPath: {path: /config/b, type: Directory}}
- {name: unused, emptyDir: {}}
- {name: a, hostPath: {path: /config/a, type: Directory}}
- name: facts
  downwardAPI: {defaultMode: 0400, items: [{path: a, fieldRef: {fieldPath: metadata.uid}}, {path: b, fieldRef: {fieldPath: metadata.name}}]}
- {name: token, projected: {sources: [{serviceAccountToken: {path: t}}, {configMap: {name: none}}]}}
- {name: bundle, projected: {sources: [{clusterTrustBundle: {name: x, path: t}}]}}
- {name: certificate, projected: {sources: [{podCertificate: {signerName: x, keyType: RSA3072}}]}}
securityContext: {fsGroup: 0}
`)
	for range 2 { // what is given away is the caller's own
		got := r.DaemonSet(dir)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("pod (-want +got):\n%s", diff)
		}
		got.Spec.Template.Spec.Volumes[0].Name = "changed"
	}
}

// TestChanges: what is not as it was written is told, silently where nobody would notice.
func TestChanges(t *testing.T) {
	ds := parse(t, `
hostNetwork: true
containers:
- name: c
  env: [{name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]
  volumeMounts: [{name: a, mountPath: /a}, {name: b, mountPath: /b}, {name: f, mountPath: /f}]
volumes:
- {name: a, configMap: {name: conf, defaultUser: 5, items: [{key: a, path: a, user: 6}]}}
- {name: b, projected: {sources: [{configMap: {name: conf}}, {downwardAPI: {items: [{path: f, user: 7, fieldRef: {fieldPath: metadata.annotations}}]}}]}}
- {name: f, projected: {sources: [{downwardAPI: {items: [{path: a, fieldRef: {fieldPath: metadata.uid}}]}}]}}
- {name: unused, secret: {secretName: none}}
`)
	ds.Spec.Template.Annotations = map[string]string{"a": "b", "kubernetes.io/config.hash": "x", "daemonsetd.io/source": "y"}
	r := Resolve(newWorld().input(ds))
	var got []string
	for _, c := range r.Changes {
		got = append(got, fmt.Sprintf("%s %t", strings.TrimPrefix(c.Path, specPath), c.Silent))
	}
	want := []string{
		"containers[0].env[0].valueFrom.fieldRef.fieldPath false",
		"volumes[0].configMap.defaultUser false",
		"volumes[0].configMap.items[0].user false",
		"volumes[1].projected.sources[1].downwardAPI.items[0].user false",
		"volumes[1].projected.sources[1].downwardAPI.items[0].fieldRef false",
		"volumes[2].projected true",
		"volumes[3] true",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if got := contents(r.Trees("rev")[1]); !strings.HasPrefix(strings.Join(got, "\n"), "a 0644 \"x\"\nb") || got[2] != `f 0644 "a=\"b\""` {
		t.Errorf("files %q", got)
	}
}
