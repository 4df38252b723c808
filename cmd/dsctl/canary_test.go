package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/daemonsetd/daemonsetd/agent/api/apitest"
)

// canary is the value of every Secret in these tests, in the forms in which it could come out. None of them may, but where
// it is asked for.
func canary() []string {
	return []string{"canary-51f0c3", "Y2FuYXJ5LTUxZjBjMw", "canary-5", "63616e617279"}
}

// canaryFiles are spec files with the canary wherever a Secret's value can go right, wrong or missing.
func canaryFiles(t *testing.T) (good, bad []string) {
	t.Helper()
	const set = `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      volumes:
      - {name: v, secret: {secretName: keys}}
      - {name: p, projected: {sources: [{secret: {name: keys, items: [{key: word, path: w}]}}]}}
      initContainers: [{name: i, image: i, envFrom: [{prefix: X_, secretRef: {name: keys}}]}]
      containers:
      - name: web
        image: web
        env: [{name: WORD, valueFrom: {secretKeyRef: {name: keys, key: word}}}, {name: URL, value: "x:$(WORD)"}]
        volumeMounts: [{name: v, mountPath: /v}, {name: p, mountPath: /p}]
`
	const secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: keys}\n"
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good = []string{write("a.yaml", set), write("b.yaml", secret+"stringData: {word: canary-51f0c3}\n")}
	bad = []string{
		write("bad-key.yaml", secret+"stringData: {other: canary-51f0c3}\n"),
		write("bad-field.yaml", secret+"stringDate: {word: canary-51f0c3}\n"),
		write("bad-type.yaml", secret+"stringData: {word: [canary-51f0c3]}\n"),
		write("bad-base64.yaml", secret+"data: {word: canary-51f0c3}\n"),
		write("bad-syntax.yaml", secret+"stringData: {word: \"canary-51f0c3\n"),
		write("bad-name.yaml", secret+"stringData: {\"1/x\": canary-51f0c3}\n"),
		write("bad-value.yaml", secret+"stringData: {word: \"canary-51f0c3\\0\"}\n"),
	}
	return good, bad
}

func TestNoVerbShowsASecret(t *testing.T) {
	good, bad := canaryFiles(t)
	node := filepath.Join(t.TempDir(), "node.yaml")
	if err := os.WriteFile(node, []byte("apiVersion: v1\nkind: Node\nmetadata: {name: n1}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	socket := apitest.Serve(t, filled(), nil)
	sets := [][]string{good, append(slices.Clone(good), bad...)}
	for _, file := range bad {
		sets = append(sets, []string{good[0], file}, []string{file})
	}
	runs := 0
	for _, files := range sets {
		for _, verb := range fileVerbs(files, node) {
			for _, output := range []string{"", "json", "yaml", "name", "wide", "jsonpath={}", "custom-columns=A:.metadata,B:.spec,C:.problems,D:.reasons"} {
				got := invoke(t, socket, append(verb, "-o", output)...)
				runs++
				for _, form := range canary() {
					if strings.Contains(got.out+got.err, form) {
						t.Errorf("%q in the output of dsctl %s -o %q:\n%s%s", form, strings.Join(verb, " "), output, got.out, got.err)
					}
				}
				if got.code == exitUsage {
					t.Errorf("dsctl %s -o %q: %s", strings.Join(verb, " "), output, got.err)
				}
			}
		}
	}
	if runs == 0 {
		t.Error("nothing was run")
	}
}

// fileVerbs is every verb that reads spec files, with them.
func fileVerbs(files []string, node string) [][]string {
	var flags []string
	for _, f := range files {
		flags = append(flags, "-f", f)
	}
	flags = append(flags, "--node-file", node)
	return [][]string{
		append([]string{"validate"}, files...),
		append([]string{"explain"}, flags...),
		append([]string{"render"}, flags...),
		append([]string{"render", "--trees", "--all"}, flags...),
		append([]string{"plan"}, flags[:len(flags)-2]...),
	}
}

func TestSecretsAreShownWhereTheyAreAskedFor(t *testing.T) {
	good, _ := canaryFiles(t)
	node := filepath.Join(t.TempDir(), "node.yaml")
	if err := os.WriteFile(node, []byte("apiVersion: v1\nkind: Node\nmetadata: {name: n1}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"render", "-f", good[0], "-f", good[1], "--node-file", node, "--trees", "--show-secrets"}
	got := invokeWith(t, streams{in: strings.NewReader("")}, args...)
	// The values of the two variables alone: there is none among the files.
	if n := strings.Count(got.out, canary()[0]); n != 2 || got.code != exitOK || got.err != "" {
		t.Errorf("%d times, exit %d, %s", n, got.code, got.err)
	}
}
