package spec

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// messages are the log's messages since the last call.
func (r *rig) messages() []string {
	out := []string{}
	for line := range strings.SplitSeq(strings.TrimSpace(r.log.String()), "\n") {
		if _, rest, ok := strings.Cut(line, `"message":"`); ok {
			out = append(out, strings.TrimSuffix(rest, `"}`))
		}
	}
	r.log.Reset()
	return out
}

// TestLogsTransitions: every change is told once, and nothing in between.
func TestLogsTransitions(t *testing.T) {
	const bad, good = "spec file cannot be used; what was in effect from it stays", "spec file can be used again"
	r := newRig(t)
	steps := []struct {
		name string
		do   func()
		want []string
	}{
		{"good file", func() { r.arrive("a.yaml", "X=1") }, []string{}},
		{"goes bad", func() { r.arrive("a.yaml", "garbage") }, []string{bad}},
		{"bad for another reason", func() { r.arrive("a.yaml", "X=1\ngarbage") }, []string{bad}},
		{"touched", func() { r.write("a.yaml", "X=1\ngarbage") }, []string{}},
		{"good again", func() { r.arrive("a.yaml", "X=2") }, []string{good}},
		{"better", func() { r.arrive("a.yaml", "X=3") }, []string{}},
		{"directory gone", r.away, []string{"specs directory cannot be used"}},
		{"another reason", func() { r.must(os.Mkdir(r.dir, 0o755)) }, []string{"specs directory cannot be used"}},
		{"directory back", func() { r.must(os.Remove(r.dir)); r.back() }, []string{"specs directory can be used again"}},
		{"removed", func() { r.remove("a.yaml") }, []string{"spec file was removed"}},
	}
	for _, s := range steps {
		s.do()
		for range 3 {
			r.settle()
			r.now = r.now.Add(15 * stillFor)
		}
		if diff := cmp.Diff(s.want, r.messages()); diff != "" {
			t.Errorf("%s: messages (-want +got):\n%s", s.name, diff)
		}
	}
}

// TestSecretsStayOutOfTheLog: the real parser on a Secret with errors in and beside its values.
func TestSecretsStayOutOfTheLog(t *testing.T) {
	const canary = "canary-3f9c"
	head := "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\n  namespace: default\n"
	for _, content := range []string{
		head + "data:\n  password: " + canary + "\n",
		head + "stringData:\n  password: " + canary + "\n  password: " + canary + "\n",
		head + "stringData:\n  password: [" + canary + "]\n",
		head + "stringData:\n  \"bad key " + canary + "\": x\n",
		head + "type: kubernetes.io/tls\nstringData:\n  tls.key: " + canary + "\n",
		head + "stringData:\n  password: \"" + canary + "\n",
		head + "stringData:\n\tpassword: " + canary + "\n",
		head + "stringDate:\n  password: " + canary + "\n",
	} {
		r := newRig(t)
		r.l.parse = Parse
		r.arrive("s.yaml", content)
		snap := r.settle()
		if !r.status(snap, "s.yaml").Bad {
			t.Errorf("want this bad:\n%s", content)
		}
		if strings.Contains(r.log.String(), canary) {
			t.Errorf("the log shows the secret of\n%s\n%s", content, r.log.String())
		}
	}
}

// TestRealParser: the loader with the parser it has outside of these tests.
func TestRealParser(t *testing.T) {
	r := newRig(t)
	r.l.parse = Parse
	r.arrive("a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n  namespace: default\n")
	snap := r.settle()
	if len(snap.ConfigMaps) != 1 {
		t.Fatalf("files %+v", snap.Files)
	}
	for _, content := range []string{"", "\xff\xfe", "# nothing\n", "kind: [", strings.Repeat("[", 100_000)} {
		r.arrive("a.yaml", content)
		snap := r.settle()
		if st := r.status(snap, "a.yaml"); !st.Bad || !st.LastGood || len(snap.ConfigMaps) != 1 {
			t.Errorf("%.20q: status %+v", content, st)
		}
	}
}
