package history_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/manifests/history"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

const oldFile = `apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: logger
  annotations: {daemonsetd.io/restart-on-config-change: "true", kubernetes.io/change-cause: old}
spec:
  selector: {matchLabels: {app: logger}}
  template:
    metadata: {labels: {app: logger}}
    spec:
      terminationGracePeriodSeconds: 1e1
      containers:
      - name: main
        image: "logger:1"
        args: ["<&>", "\u007f\u0085\u2028\uFEFF\U0001F600", "---", "a\n---\nb"]
        resources: {requests: {cpu: 1.50, memory: 1e9}}
`

const newFile = `apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: logger
  labels: {tier: node}
  annotations: {daemonsetd.io/env-from-node-labels: "ZONE=zone", kubernetes.io/change-cause: new}
spec:
  minReadySeconds: 7
  revisionHistoryLimit: 3
  updateStrategy: {rollingUpdate: {maxUnavailable: 2}}
  selector: {matchLabels: {app: logger}}
  template:
    metadata: {labels: {app: logger}}
    spec:
      containers: [{name: main, image: "logger:2"}]
`

func parse(t testing.TB, file, text string) *spec.DaemonSet {
	t.Helper()
	p := spec.Parse(file, []byte(text))
	if p.Problems.HasErrors() || len(p.DaemonSets) != 1 {
		t.Fatal(p.Problems)
	}
	return p.DaemonSets[0]
}

// What is restored is the file of the day with the old template in it.
func TestRestore(t *testing.T) {
	was, is := parse(t, "/s/old.yaml", oldFile), parse(t, "/s/new.yaml", newFile)
	kept := history.Of(was, "lcv7nc65w8")
	if kept.ChangeCause != "old" || kept.Source != "/s/old.yaml" {
		t.Errorf("%+v", kept)
	}
	got, err := history.Restore(is, kept)
	if err != nil {
		t.Fatal(err)
	}
	_, template, _ := strings.Cut(oldFile, "  template:")
	rest, _, _ := strings.Cut(newFile, "  template:")
	text := strings.Replace(rest+"  template:"+template, `daemonsetd.io/env-from-node-labels: "ZONE=zone"`, `daemonsetd.io/restart-on-config-change: "true"`, 1)
	want := parse(t, "/s/new.yaml", text)
	if diff := cmp.Diff(want.Object, got.Object); diff != "" {
		t.Error(diff)
	}
	if string(got.Template) != string(was.Template) || got.Source != is.Source {
		t.Errorf("template %s\nwas      %s\nsource %+v", got.Template, was.Template, got.Source)
	}
}

// A selector that has changed along with the labels does not keep a host from going back.
func TestRestoreAcrossLabels(t *testing.T) {
	was := parse(t, "f", oldFile)
	is := parse(t, "f", strings.ReplaceAll(newFile, "app: logger", "app: log"))
	got, err := history.Restore(is, history.Of(was, "lcv7nc65w8"))
	if err != nil || string(got.Template) != string(was.Template) {
		t.Errorf("%v", err)
	}
}

func TestRestoreRefuses(t *testing.T) {
	is := parse(t, "f", newFile)
	for name, c := range map[string]struct{ template, want string }{
		"no JSON":            {`{`, "unexpected end"},
		"unknown field":      {`{"metadata":{"labels":{"app":"logger"}},"spec":{"containers":[{"name":"a","image":"b","imagee":"c"}]}}`, "imagee"},
		"invalid":            {`{"metadata":{"labels":{"app":"logger"}},"spec":{"containers":[]}}`, "spec.template.spec.containers"},
		"not as it is given": {`{"spec":{"containers":[{"name":"a","image":"b"}]},"metadata":{"labels":{"app":"logger"}}}`, "otherwise"},
		"another document":   {`{}},"x":{`, "invalid character"},
	} {
		_, err := history.Restore(is, history.Revision{Fleet: "lcv7nc65w8", Number: 4, Template: []byte(c.template)})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), `revision lcv7nc65w8 of DaemonSet "default/logger"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
