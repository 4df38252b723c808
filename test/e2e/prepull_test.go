//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/test/e2e/host"
)

// imageYAML is daemonSetYAML with an image that has to be pulled.
func imageYAML(name, rev, image, annotations string) string {
	text := strings.Replace(daemonSetYAML(name, rev, ""), "image: "+host.Image+"\n        imagePullPolicy: Never", "image: "+image, 1)
	return strings.Replace(text, "  namespace: "+namespace+"\n", "  namespace: "+namespace+"\n  annotations: {"+annotations+"}\n", 1)
}

// mains are the runs of the DaemonSet's own containers, in their order.
func (a *agent) mains(t *testing.T) []host.Run {
	t.Helper()
	runs := slices.DeleteFunc(a.runs(t, a.name), func(r host.Run) bool { return r.Container != "main" })
	slices.SortFunc(runs, func(x, y host.Run) int { return x.Start.Compare(y.Start) })
	return runs
}

// TestPrePull: with a registry that takes four seconds for an image, the old pod runs until the image is here, and the time
// between the two pods has nothing of the pull in it; without the annotation's default it has all of it. An image that cannot be
// pulled stops no pod.
func TestPrePull(t *testing.T) {
	const slow = 4 * time.Second
	a, r := newAgent(t), newRegistry(t, slow)
	for _, tag := range []string{"2", "3"} {
		r.push(t, "app", tag)
	}
	a.start(t)
	a.spec(t, "spec.yaml", daemonSetYAML(a.name, "1", ""))
	a.running(t, a.name, "1")

	// outage replaces the pod, and gives how long none ran.
	outage := func(rev, image, annotations string) (took time.Duration, old host.Run) {
		t.Helper()
		before := len(a.mains(t))
		a.spec(t, "spec.yaml", imageYAML(a.name, rev, image, annotations))
		a.running(t, a.name, rev)
		runs := a.mains(t)
		if len(runs) != before+1 {
			t.Fatalf("want one container more than %d, got %+v", before, runs)
		}
		old = runs[before-1]
		return runs[before].Start.Sub(old.End), old
	}

	took, old := outage("2", r.name("app:2"), "")
	t.Logf("pulled before (in %s): old container's end -> new one's start: %s", slow, took.Round(time.Millisecond))
	if at := r.complete("app:2"); at.IsZero() || old.End.Before(at) {
		t.Errorf("the old container ended at %s, the image was here at %s", old.End, at)
	}
	out, err := a.dsctl(t.Context(), "events")
	if err != nil || !strings.Contains(string(out), "PrePulled") {
		t.Errorf("want an event of the pull, got %v\n%s", err, out)
	}
	host.Eventually(t, patience, func(ctx context.Context) error { return a.nothingLeft(ctx, t) })

	took, old = outage("3", r.name("app:3"), `daemonsetd.io/pre-pull: "false"`)
	t.Logf("not pulled before (in %s): old container's end -> new one's start: %s", slow, took.Round(time.Millisecond))
	if at := r.complete("app:3"); !old.End.Before(at) {
		t.Errorf("the old container ended at %s, the image was here at %s before", old.End, at)
	}

	took, _ = outage("3b", r.name("app:3"), "")
	t.Logf("the image is here: old container's end -> new one's start: %s", took.Round(time.Millisecond))

	before := a.mains(t)
	a.spec(t, "spec.yaml", imageYAML(a.name, "4", r.name("app:4"), ""))
	host.Eventually(t, patience, func(ctx context.Context) error {
		ds, err := a.daemonSet(ctx, a.name)
		if err == nil && !strings.Contains(ds.Message, "ImagePull") {
			err = fmt.Errorf("want to be told that the image cannot be pulled, got %+v", ds)
		}
		return err
	})
	host.Throughout(t, 5*time.Second, func(context.Context) error {
		if got := a.mains(t); len(got) != len(before) || !got[len(got)-1].End.IsZero() {
			return fmt.Errorf("the old pod does not run on: %+v", got)
		}
		return nil
	})
	r.push(t, "app", "4")
	a.running(t, a.name, "4") // the kubelet tries it again after 10 to 20 s
	host.Eventually(t, patience, func(ctx context.Context) error { return a.nothingLeft(ctx, t) })
}

// nothingLeft returns an error unless one manifest, one pod and its containers are all that there is.
func (a *agent) nothingLeft(ctx context.Context, t *testing.T) error {
	t.Helper()
	names, err := a.manifests()
	if err != nil || len(names) != 1 {
		return fmt.Errorf("want one manifest, got %q, %w", names, err)
	}
	pods, err := a.host.Pods(ctx)
	if err != nil || len(pods) != 1 {
		return fmt.Errorf("want one pod, got %d, %w", len(pods), err)
	}
	for _, r := range a.runs(t, a.name) {
		if strings.Contains(r.Pod, ".pull-") && r.End.IsZero() {
			return fmt.Errorf("what pulled the image still runs: %+v", r)
		}
	}
	return nil
}
