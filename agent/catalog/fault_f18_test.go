package catalog

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// stand has the manifest of what was made stand in the kubelet's directory.
func (r *rig) stand(made *Made, intact bool) {
	m := made.Manifest
	r.facts.Standing = func(key string) []Standing {
		if key != "default/logger" {
			return nil
		}
		h, err := render.Inspect(m.FileName, m.Data)
		if err != nil {
			r.t.Fatal(err)
		}
		h.Intact = intact
		return []Standing{{Header: h, Read: func() ([]byte, error) { return m.Data, nil }}}
	}
	r.Begin(r.facts)
}

const worded = `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: logger}
spec:
  selector: {matchLabels: {app: logger}}
  template:
    metadata: {labels: {app: logger}}
    spec:
      POD
      containers:
        - name: logger
          image: "logger:1"
          CONTAINER
          resources: {limits: {cpu: CPU, memory: MEMORY}}
          env: [{name: LEVEL, valueFrom: {configMapKeyRef: {name: settings, key: level}}}]
          volumeMounts: [{name: conf, mountPath: /etc/conf}]
      volumes: [{name: conf, configMap: {name: settingsMODE}}]
`

// TestFaultF18: a file that says the same in other words leaves the pod as it is, its manifest, its files and all; what
// hosts share of it is the file's own.
func TestFaultF18(t *testing.T) {
	word := func(rt *rapid.T, which string) string {
		pod := rapid.SampledFrom([]string{
			"restartPolicy: Always", "terminationGracePeriodSeconds: 30", "dnsPolicy: ClusterFirst",
			"schedulerName: default-scheduler", "securityContext: {}", "hostNetwork: false", "initContainers: []", "{}",
		}).Draw(rt, which+" pod")
		container := rapid.SampledFrom([]string{
			"imagePullPolicy: IfNotPresent", "command: []", "ports: []", "args: []",
			"terminationMessagePath: /dev/termination-log", "terminationMessagePolicy: File", "stdin: false",
		}).Draw(rt, which+" container")
		return strings.NewReplacer("POD", strings.TrimPrefix(pod, "{}"), "CONTAINER", container,
			"CPU", rapid.SampledFrom([]string{"1000m", "1", `"1"`, "1.0", "1e0"}).Draw(rt, which+" cpu"),
			"MEMORY", rapid.SampledFrom([]string{"1Gi", "1024Mi", "1073741824"}).Draw(rt, which+" memory"),
			"MODE", rapid.SampledFrom([]string{"", ", defaultMode: 0644", ", defaultMode: 420", ", optional: false", ", items: []"}).Draw(rt, which+" mode"),
		).Replace(worded)
	}
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(t)
		one, two := word(rt, "one"), word(rt, "two")
		before := r.File(r.declare(one, settings))
		r.stand(before, true)
		ds := r.declare(two, settings)
		after := r.File(ds)
		if after.Blocked != "" || after.Manifest.Revision != before.Manifest.Revision ||
			string(after.Manifest.Data) != string(before.Manifest.Data) || len(after.Trees) != 1 ||
			after.Trees[0].Revision != before.Manifest.Revision {
			rt.Fatalf("the same pod has another manifest:\n%s\n%s", before.Manifest.Data, after.Manifest.Data)
		}
		if (after.Fleet == before.Fleet) != (string(ds.Template) == string(r.template(one))) {
			rt.Fatalf("the file has revision %s, before %s", after.Fleet, before.Fleet)
		}
		// A hand edit changes nothing of that while the agent runs, nor do other labels of the node.
		r.stand(before, false)
		r.relabel(map[string]string{"a": "b"})
		if again := r.File(ds); again.Manifest.Revision != before.Manifest.Revision {
			rt.Fatalf("edited by hand it is revision %s", again.Manifest.Revision)
		}
		// What makes another pod is another revision, though the words are the same.
		r.stand(before, true)
		other := r.File(r.declare(two, strings.Replace(settings, "info", "debug", 1)))
		if other.Manifest.Revision == before.Manifest.Revision {
			rt.Fatal("another value in the environment is the same revision")
		}
		other = r.File(r.declare(image(two, "2"), settings))
		if other.Manifest.Revision == before.Manifest.Revision || other.Manifest.Revision != other.Fleet {
			rt.Fatalf("another image has revision %s, fleet %s", other.Manifest.Revision, other.Fleet)
		}
		// Nor is it the same where a pod is to be replaced for the content of its volumes.
		restart := strings.Replace(one, "{name: logger}", `{name: logger, annotations: {daemonsetd.io/restart-on-config-change: "true"}}`, 1)
		before = r.File(r.declare(restart, settings))
		r.stand(before, true)
		other = r.File(r.declare(restart, strings.Replace(settings, "a = 1", "a = 2", 1)))
		if other.Blocked != "" || other.Manifest.Revision == before.Manifest.Revision {
			rt.Fatalf("another content of a volume is the same revision, though it asks for a restart: %s", other.Blocked)
		}
	})
}

func (r *rig) template(text string) []byte { return parse(r.t, text, settings).DaemonSets[0].Template }
