package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/apitest"
)

// webFile is a DaemonSet as a user writes it; webUndone the document that the agent makes of it.
const (
	webFile = `apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: web
  annotations:
    kubernetes.io/change-cause: faster
spec:
  # a comment that is lost
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "web:3"} # and one more
`
	webUndone = `apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: web
  namespace: default
spec:
  revisionHistoryLimit: 10
  selector:
    matchLabels:
      app: web
  template:
    metadata:
      labels:
        app: web
    spec:
      containers:
      - image: web:2
        name: web
  updateStrategy:
    rollingUpdate:
      maxSurge: 0
      maxUnavailable: 1
    type: RollingUpdate
`
	otherObjects = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: conf}\ndata: {a: b} # stays\n"
)

func undone(source string) *api.UndoResult {
	return &api.UndoResult{DaemonSet: "default/web", Source: source, To: api.Revision{Number: 4, Template: template("web:2")}, Document: webUndone}
}

func TestReplaceDocument(t *testing.T) {
	other := strings.ReplaceAll(webFile, "web", "other")
	for name, c := range map[string]struct{ file, want, err string }{
		"alone":                {webFile, webUndone, ""},
		"no end of line":       {strings.TrimSuffix(webFile, "\n"), webUndone, ""},
		"head comment":         {"# Kept.\n\n---\n# This, too.\n" + webFile, "# Kept.\n\n---\n# This, too.\n" + webUndone, ""},
		"first of two":         {webFile + "---\n" + otherObjects, webUndone + "---\n" + otherObjects, ""},
		"last of three":        {otherObjects + "---\n" + other + "--- # next\n" + webFile, otherObjects + "---\n" + other + "--- # next\n" + webUndone, ""},
		"between":              {otherObjects + "---\n" + webFile + "---\n" + other, otherObjects + "---\n" + webUndone + "---\n" + other, ""},
		"end marker":           {webFile + "...\n---\n" + other, webUndone + "...\n---\n" + other, ""},
		"ignored kinds":        {webFile + "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n", webUndone + "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n", ""},
		"JSON":                 {`{"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"name":"web"},"spec":{"selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"web","image":"web:3"}]}}}}`, webUndone, ""},
		"list of one":          {"apiVersion: v1\nkind: List\nitems:\n- " + indented(webFile), "", "it would have an error"},
		"list of more":         {"apiVersion: v1\nkind: List\nitems:\n- " + indented(webFile) + "- " + indented(other), "", "it would have an error"},
		"on the marker's line": {otherObjects + `--- {"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"name":"web"},"spec":{"selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"web","image":"web:3"}]}}}}` + "\n", "", "it would have an error"},
		"list on a line": {
			`{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"}},{"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"name":"web"},"spec":{"selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"web","image":"web:3"}]}}}}]}`,
			"", "has more than the DaemonSet in it",
		},
		"not there":      {other, "", "it does not declare DaemonSet default/web"},
		"bad":            {webFile + "---\nkind: x\n", "", "line 16: apiVersion missing"},
		"changed since":  {strings.Replace(webFile, "spec:\n", "spec:\n  minReadySeconds: 5\n", 1), "", "changed since the agent read it"},
		"new annotation": {strings.Replace(webFile, "  annotations:\n", "  annotations:\n    daemonsetd.io/paused: \"true\"\n", 1), "", "changed since the agent read it"},
	} {
		got, err := replaceDocument(undone("web.yaml"), []byte(c.file))
		switch {
		case c.err == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.err == "":
			if diff := cmp.Diff(c.want, string(got)); diff != "" {
				t.Errorf("%s (-want +got)\n%s", name, diff)
			}
		case err == nil || !strings.Contains(err.Error(), c.err):
			t.Errorf("%s: %v, want an error with %q\n%s", name, err, c.err, got)
		}
	}
}

// The agent's answer has characters such as & escaped, which the file has not.
func TestReplaceDocumentEscaped(t *testing.T) {
	answer := undone("web.yaml")
	answer.Document = strings.Replace(webUndone, "image: web:2\n", "image: web:2\n        args: [\"a && b <c\"]\n", 1)
	answer.To.Template = []byte(strings.Replace(string(template("web:2")), `[{"image"`, `[{"args":["a \u0026\u0026 b \u003cc"],"image"`, 1))
	got, err := replaceDocument(answer, []byte(webFile))
	if err != nil || string(got) != answer.Document {
		t.Errorf("%v, %s", err, got)
	}
}

func indented(text string) string {
	return strings.TrimPrefix(strings.ReplaceAll("\n"+text, "\n", "\n  "), "\n  ") + "\n"
}

// What is written is the file with its mode; what cannot be written exactly stays to the byte.
func TestUndoWrites(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "web.yaml"), filepath.Join(dir, "link.yaml")
	if err := os.WriteFile(path, []byte("# Head.\n"+webFile), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	var asked []any
	run := func(source string, undo func(*api.UndoResult)) result {
		b := filled()
		b.UndoAnswer = *undone(source)
		if undo != nil {
			undo(&b.UndoAnswer)
		}
		got := invoke(t, apitest.Serve(t, b, nil), "rollout", "undo", "web", "--write")
		got.err = withoutVersionWarning(got.err)
		asked = b.Asked()
		return got
	}
	refused := func(got result, want string) {
		t.Helper()
		data, err := os.ReadFile(path)
		if err != nil || string(data) != "# Head.\n"+webFile || got.code != exitFailed || got.out != "" || !strings.Contains(got.err, want) {
			t.Errorf("exit %d, %q%q, want %q; file %v %s", got.code, got.out, got.err, want, err, data)
		}
		if slices.Contains(asked, any("reload")) {
			t.Errorf("nothing was written, and the agent was to read it: %v", asked)
		}
	}
	refused(run(link, nil), "link.yaml is no regular file")
	refused(run(path, func(r *api.UndoResult) { r.DaemonSet = "other/web" }), "does not declare DaemonSet other/web")
	refused(run(path, func(r *api.UndoResult) { r.Document = "kind: x\n" }), "it would have an error")
	refused(run(path, func(r *api.UndoResult) { r.To.Template = template("web:1") }), "hint: without --write the file is printed: bring it into "+path)
	got := run(path, nil)
	if got.code != exitOK || got.out != "daemonset.apps/web rolled back\n" || got.err != "dsctl: "+path+" has the template of revision 4 now, on this host alone\n" {
		t.Errorf("exit %d, %q, %q", got.code, got.out, got.err)
	}
	if !slices.Contains(asked, any("reload")) {
		t.Errorf("the agent was not told to read what was written: %v", asked)
	}
	data, err := os.ReadFile(path)
	if err != nil || string(data) != "# Head.\n"+webUndone {
		t.Errorf("%v: %s", err, data)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 2 {
		t.Errorf("files are left: %v", entries)
	}
}
