package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/registry"
)

func labelled(namespace, name string, labels map[string]string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels},
		Spec:       corev1.PodSpec{NodeName: "edge-1"},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning},
	}
}

func TestListsAreKubernetesLists(t *testing.T) {
	r := start(t, nil)
	r.backend.Reg.Record(registry.EventInput{
		Object: corev1.ObjectReference{Kind: "Node", Name: "edge-1"}, Type: "Normal", Reason: "Started", Message: "m",
	})
	for target, want := range map[string]string{
		"/v1/nodes":      "v1 NodeList v1 Node edge-1",
		"/v1/daemonsets": "apps/v1 DaemonSetList apps/v1 DaemonSet web",
		"/v1/pods":       "v1 PodList",
		"/v1/events":     "v1 EventList v1 Event edge-1",
	} {
		a := r.send(request{target: target})
		var list struct {
			metav1.TypeMeta
			Metadata metav1.ListMeta
			Items    []metav1.PartialObjectMetadata
		}
		if err := json.Unmarshal(a.body, &list); err != nil {
			t.Fatalf("%s: %v in %s", target, err, a.body)
		}
		got := list.APIVersion + " " + list.Kind
		if len(list.Items) > 0 {
			name, _, _ := strings.Cut(list.Items[0].Name, ".")
			got += " " + list.Items[0].APIVersion + " " + list.Items[0].Kind + " " + name
		}
		if got != want {
			t.Errorf("%s: %q, want %q", target, got, want)
		}
		if _, rv := r.backend.Reg.List(registry.Pods); list.Metadata.ResourceVersion != fmt.Sprint(rv) {
			t.Errorf("%s: resourceVersion %q, want %d", target, list.Metadata.ResourceVersion, rv)
		}
	}
}

func TestListsAreFiltered(t *testing.T) {
	r := start(t, nil)
	r.backend.Reg.SetPods([]*corev1.Pod{
		labelled("a", "one", map[string]string{"app": "x"}),
		labelled("a", "two", map[string]string{"app": "y"}),
		labelled("b", "three", map[string]string{"app": "x"}),
	})
	for query, want := range map[string][]string{
		"":                                   {"one", "two", "three"},
		"?namespace=a":                       {"one", "two"},
		"?labelSelector=app%3Dx":             {"one", "three"},
		"?labelSelector=app+in+(x,y),app!=y": {"one", "three"},
		"?labelSelector=app%3Dx&namespace=b": {"three"},
		"?fieldSelector=metadata.name%3Dtwo": {"two"},
		"?fieldSelector=status.phase!=Running,spec.nodeName=edge-1": nil,
	} {
		var list corev1.PodList
		a := r.send(request{target: "/v1/pods" + query})
		if err := json.Unmarshal(a.body, &list); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range list.Items {
			got = append(got, p.Name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", query, diff)
		}
	}
}

// openWatch sends a watch and returns its lines.
func (r *rig) openWatch(target string) (*http.Response, *bufio.Reader) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, "http://daemonsetd"+target, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	tr := &http.Transport{DialContext: r.dial, DisableKeepAlives: true}
	res, err := tr.RoundTrip(req)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = res.Body.Close() })
	return res, bufio.NewReader(res.Body)
}

func readEvent(t *testing.T, lines *bufio.Reader) string {
	t.Helper()
	line, err := lines.ReadBytes('\n')
	if err != nil {
		t.Fatalf("reading a watch event: %v", err)
	}
	var ev struct {
		Type   string
		Object metav1.PartialObjectMetadata
	}
	if err := json.Unmarshal(line, &ev); err != nil {
		t.Fatalf("%v in %s", err, line)
	}
	return ev.Type + " " + ev.Object.Kind + " " + ev.Object.Name
}

func TestWatchFollowsWithASelector(t *testing.T) {
	r := start(t, nil)
	_, rv := r.backend.Reg.List(registry.Pods)
	res, lines := r.openWatch(fmt.Sprintf("/v1/pods?watch=1&labelSelector=app%%3Dx&resourceVersion=%d", rv))
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%s %s", res.Status, res.Header.Get("Content-Type"))
	}
	x, y := map[string]string{"app": "x"}, map[string]string{"app": "y"}
	r.backend.Reg.SetPods([]*corev1.Pod{labelled("a", "one", x), labelled("a", "two", y)})
	r.backend.Reg.SetPods([]*corev1.Pod{labelled("a", "one", y), labelled("a", "two", y)})
	r.backend.Reg.SetPods([]*corev1.Pod{labelled("a", "one", x), labelled("a", "two", x)})
	r.backend.Reg.SetPods([]*corev1.Pod{labelled("a", "two", map[string]string{"app": "x", "more": "1"})})
	want := []string{
		"ADDED Pod one", "DELETED Pod one", "ADDED Pod one", "ADDED Pod two", "DELETED Pod one", "MODIFIED Pod two",
	}
	for _, w := range want {
		if got := readEvent(t, lines); got != w {
			t.Fatalf("got %q, want %q", got, w)
		}
	}
}

// What a client sees of a change is sent also where the last of the same change is something that it does not see.
func TestWatchSendsWhatComesBeforeTheUnseen(t *testing.T) {
	r := start(t, nil)
	_, rv := r.backend.Reg.List(registry.Pods)
	_, lines := r.openWatch(fmt.Sprintf("/v1/pods?watch=1&labelSelector=app%%3Dx&resourceVersion=%d", rv))
	x, y := map[string]string{"app": "x"}, map[string]string{"app": "y"}
	r.backend.Reg.SetPods([]*corev1.Pod{labelled("a", "one", x), labelled("a", "two", y)})
	if got := readEvent(t, lines); got != "ADDED Pod one" {
		t.Errorf("got %q", got)
	}
}

func TestWatchWithoutAVersionBeginsWithWhatThereIs(t *testing.T) {
	r := start(t, nil)
	_, lines := r.openWatch("/v1/daemonsets?watch=true")
	for _, want := range []string{"ADDED DaemonSet web", "ADDED DaemonSet proxy"} {
		if got := readEvent(t, lines); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// With bookmarks the client hears when it has everything, and from which version it may go on.
func TestBookmarksAreSentWhereTheyAreWanted(t *testing.T) {
	r := start(t, nil)
	_, lines := r.openWatch("/v1/daemonsets?watch=1&allowWatchBookmarks=true&namespace=default")
	if got := readEvent(t, lines); got != "ADDED DaemonSet web" {
		t.Errorf("got %q", got)
	}
	line, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	_, version := r.backend.Reg.List(registry.DaemonSets)
	want := fmt.Sprintf(`{"type":"BOOKMARK","object":{"kind":"DaemonSet","apiVersion":"apps/v1","metadata":{"resourceVersion":"%d",`+
		`"annotations":{"k8s.io/initial-events-end":"true"}}}}`+"\n", version)
	if diff := cmp.Diff(want, line); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestShutdownEndsWatches(t *testing.T) {
	r := start(t, nil)
	_, lines := r.openWatch("/v1/events?watch=1")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := r.server.Shutdown(ctx); err != nil {
		t.Fatalf("shutting down with a watch open: %v", err)
	}
	if line, err := lines.ReadString('\n'); err == nil {
		t.Errorf("after the end came %q", line)
	}
}

func TestWatchesAreBounded(t *testing.T) {
	r := start(t, func(c *api.Config) { c.MaxWatches = 2 })
	r.openWatch("/v1/events?watch=1")
	second, _ := r.openWatch("/v1/pods?watch=1")
	a := r.send(request{target: "/v1/pods?watch=1"})
	if p := a.problem(t); a.status != http.StatusTooManyRequests || p.Remedy == "" {
		t.Errorf("%d %+v", a.status, p)
	}
	// One that ends makes room, as soon as the server notices.
	_ = second.Body.Close()
	for {
		res, _ := r.openWatch("/v1/pods?watch=1")
		if res.StatusCode == http.StatusOK {
			return
		}
		if t.Context().Err() != nil {
			t.Fatal("no room was made")
		}
	}
}
