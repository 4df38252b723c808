package render_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/daemonsetd/daemonsetd/manifests/render"
)

func rendered(t testing.TB) render.Manifest {
	t.Helper()
	ds := named("monitoring", "exporter")
	ds.Spec.Template.Spec.TerminationGracePeriodSeconds = new(int64(7))
	m, _, err := render.Render(ds, render.Options{NodeName: "n", Revision: rev, Source: "/specs/a.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// What may be done to a file of ours by hand, and what it counts as afterwards.
func TestInspectAfterAnEdit(t *testing.T) {
	m := rendered(t)
	text := string(m.Data)
	replace := func(old, with string) string {
		if !strings.Contains(text, old) {
			t.Fatalf("no %q in:\n%s", old, text)
		}
		return strings.Replace(text, old, with, 1)
	}
	otherRevision := render.FileName(m.Namespace, m.DaemonSet, "mlkjhgfdcb")
	intact := render.Header{
		Namespace: "monitoring", DaemonSet: "exporter", Revision: rev, FileName: m.FileName, PodName: "exporter-" + rev,
		Source: "/specs/a.yaml", GracePeriodSeconds: 7, Intact: true,
	}
	with := func(edit func(*render.Header)) render.Header {
		h := intact
		h.Intact = false
		edit(&h)
		return h
	}
	for _, tc := range []struct {
		name, file, data string
		want             render.Header
		drift            string
	}{
		{name: "untouched", data: text, want: intact},
		{name: "comment", data: replace("# Edits", "# edits"), want: with(func(*render.Header) {}), drift: "was edited"},
		{name: "line end", data: strings.TrimSuffix(text, "\n"), want: with(func(*render.Header) {}), drift: "was edited"},
		{
			name: "grace period", data: replace("terminationGracePeriodSeconds: 7", "terminationGracePeriodSeconds: 60"),
			want: with(func(h *render.Header) { h.GracePeriodSeconds = 60 }), drift: "was edited",
		},
		{
			name: "grace period gone", data: replace("  terminationGracePeriodSeconds: 7\n", ""),
			want: with(func(h *render.Header) { h.GracePeriodSeconds = 30 }), drift: "was edited",
		},
		{
			name: "pod name", data: replace("  name: exporter-"+rev, "  name: mine"),
			want: with(func(h *render.Header) { h.PodName = "mine" }), drift: "was edited",
		},
		{name: "revision", data: replace("revision: "+rev, "revision: mlkjhgfdcb"), want: with(func(*render.Header) {}), drift: "was edited"},
		{name: "checksum gone", data: replace(render.AnnotationChecksum, "x"), want: with(func(*render.Header) {}), drift: "has lost its checksum"},
		{
			name: "renamed to another revision", file: otherRevision, data: text, drift: "was renamed",
			want: with(func(h *render.Header) { h.Revision, h.FileName = "mlkjhgfdcb", otherRevision }),
		},
		{
			name: "no YAML any more", data: replace("kind: Pod", "kind: ["), drift: "cannot be read as a pod",
			want: with(func(h *render.Header) { h.Source, h.GracePeriodSeconds = "", 30 }),
		},
		{
			name: "no pod any more", data: replace("kind: Pod", "kind: Job"), drift: `kind "Job"`,
			want: with(func(*render.Header) {}),
		},
		{
			name: "grown too large", data: text + strings.Repeat("#\n", render.MaxSize/2), drift: "more than the 2097152",
			want: with(func(h *render.Header) { h.Source, h.GracePeriodSeconds = "", 30 }),
		},
		{
			name: "pod without a name", data: replace("  name: exporter-"+rev+"\n", ""), drift: "has no name",
			want: with(func(*render.Header) {}),
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			file := tc.file
			if file == "" {
				file = m.FileName
			}
			got, err := render.Inspect(file, []byte(tc.data))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got, cmpopts.IgnoreFields(render.Header{}, "Drift")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if !strings.Contains(got.Drift, tc.drift) || (tc.drift == "") != (got.Drift == "") {
				t.Errorf("drift %q, want %q in it", got.Drift, tc.drift)
			}
		})
	}
}

func TestInspectForeign(t *testing.T) {
	m := rendered(t)
	text := string(m.Data)
	const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: b}\n"
	for _, tc := range []struct {
		name, file, data string
		namespace, pod   string
		reason, noPod    string
	}{
		{name: "YAML", file: "a.yaml", data: pod, namespace: "b", pod: "a", reason: "lacks the annotation"},
		{name: "JSON", file: "README", data: `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"}}`, namespace: "default", pod: "a", reason: "lacks"},
		{name: "unknown fields", file: "a", data: pod + "typo: 1\n", namespace: "b", pod: "a", reason: "lacks"},
		{name: "duplicate key, last one wins", file: "a", data: pod + "metadata: {name: c}\n", namespace: "default", pod: "c", reason: "lacks"},
		{name: "second document", file: "a", data: pod + "---\nkind: [\n", namespace: "b", pod: "a", reason: "lacks"},
		{name: "empty first document", file: "a", data: "# nothing\n---\n" + pod, namespace: "b", pod: "a", reason: "lacks"},
		{name: "other case", file: "a", data: "ApiVersion: v1\nKind: Pod\nMetadata: {name: a}\n", reason: "lacks", noPod: "not a v1 Pod"},
		{name: "other kind", file: "a", data: "apiVersion: v1\nkind: PodList\nitems: []\n", reason: "lacks", noPod: `kind "PodList"`},
		{name: "no name", file: "a", data: "apiVersion: v1\nkind: Pod\nmetadata: {generateName: a}\n", reason: "lacks", noPod: "no name"},
		{name: "empty", file: "a", reason: "lacks", noPod: "not a v1 Pod"},
		{name: "empty under our name", file: m.FileName, reason: "has a name of ours", noPod: "not a v1 Pod"},
		{name: "noise", file: "a", data: "\x7fELF\x02\x01", reason: "lacks", noPod: "control characters"},
		{name: "alias bomb", file: "a", data: aliasBomb(), reason: "lacks", noPod: "excessive aliasing"},
		{name: "too large", file: "a", data: pod + strings.Repeat("#\n", render.MaxSize/2), reason: "lacks", noPod: "more than the 2097152"},
		{
			name: "mark deleted", file: m.FileName, namespace: m.Namespace, pod: m.PodName, reason: "has a name of ours, but lacks",
			data: strings.Replace(text, "    "+render.AnnotationDaemonSet+": monitoring/exporter\n", "", 1),
		},
		{
			name: "mark commented out", file: m.FileName, namespace: m.Namespace, pod: m.PodName, reason: "has a name of ours, but lacks",
			data: strings.Replace(text, "    "+render.AnnotationDaemonSet, "    #"+render.AnnotationDaemonSet, 1),
		},
		{
			name: "mark only in other text", file: m.FileName, namespace: m.Namespace, pod: m.PodName, reason: "has a name of ours, but lacks",
			data: strings.Replace(text, "    "+render.AnnotationDaemonSet+": monitoring/exporter\n",
				"    note: |\n      "+render.AnnotationDaemonSet+": monitoring/exporter\n", 1),
		},
		{
			name: "mark of another", file: m.FileName, namespace: m.Namespace, pod: m.PodName, reason: `"monitoring/else", but not a name for it`,
			data: strings.Replace(text, ": monitoring/exporter\n", ": monitoring/else\n", 1),
		},
		{
			name: "mark without namespace", file: m.FileName, namespace: m.Namespace, pod: m.PodName, reason: `"exporter", but not a name for it`,
			data: strings.Replace(text, ": monitoring/exporter\n", ": exporter\n", 1),
		},
		{name: "backup", file: m.FileName + "~", data: text, namespace: m.Namespace, pod: m.PodName, reason: "but not a name for it"},
		{name: "copy", file: "copy.yaml", data: text, namespace: m.Namespace, pod: m.PodName, reason: "but not a name for it"},
		{
			name: "copy beside", file: strings.Replace(m.FileName, rev, rev+"-copy", 1), data: text,
			namespace: m.Namespace, pod: m.PodName, reason: "but not a name for it",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := render.Inspect(tc.file, []byte(tc.data))
			f, ok := errors.AsType[*render.ForeignError](err)
			if !ok || !errors.Is(err, render.ErrForeign) {
				t.Fatalf("got %v, want a ForeignError", err)
			}
			if f.FileName != tc.file || f.PodNamespace != tc.namespace || f.PodName != tc.pod {
				t.Errorf("got %q with pod %q/%q, want %q with %q/%q", f.FileName, f.PodNamespace, f.PodName, tc.file, tc.namespace, tc.pod)
			}
			if !strings.Contains(f.Reason, tc.reason) || !strings.Contains(err.Error(), tc.reason) {
				t.Errorf("reason %q in %q, want %q in it", f.Reason, err, tc.reason)
			}
			if got := message(f.NoPod); !strings.Contains(got, tc.noPod) || (got == "") != (tc.noPod == "") {
				t.Errorf("no pod because of %q, want %q in it", got, tc.noPod)
			}
		})
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func aliasBomb() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x]\n")
	for _, pair := range []string{"1 0", "2 1", "3 2", "4 3", "5 4", "6 5", "7 6"} {
		next, last, _ := strings.Cut(pair, " ")
		b.WriteString("a" + next + ": &a" + next + " [" + strings.Repeat("*a"+last+",", 10) + "]\n")
	}
	return b.String()
}
