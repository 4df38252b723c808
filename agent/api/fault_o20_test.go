package api_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

// TestFaultO20Logs: a log is plain text, for those alone who may write, and what is asked for is checked.
func TestFaultO20Logs(t *testing.T) {
	r := start(t, nil)
	r.backend.Log = "one\ntwo\n"
	const target = "/v1/logs?namespace=kube-system&pod=web-a-edge-1"
	a := r.send(request{target: target + "&container=web&tail=5&since=60&follow=1&previous=true"})
	if a.status != http.StatusOK || string(a.body) != "one\ntwo\n" || a.header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	want := []any{api.LogRequest{
		Namespace: "kube-system", Pod: "web-a-edge-1", Container: "web", Follow: true, Previous: true, Tail: 5, Since: 60e9,
	}}
	if diff := cmp.Diff(want, r.backend.Asked()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, more := range []string{
		"&tail=-1", "&tail=x", "&since=0", "&since=1h", "&follow=x", "&container=a/b", "&limit=5", "&pod=c",
	} {
		if a := r.send(request{target: target + more}); a.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", more, a.status, a.body)
		}
	}
	for _, target := range []string{"/v1/logs", "/v1/logs?namespace=a", "/v1/logs?namespace=..&pod=a", "/v1/logs?namespace=a&pod=b%2Fc"} {
		if a := r.send(request{target: target}); a.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", target, a.status, a.body)
		}
	}
	for _, peer := range []api.Peer{reader, stranger} {
		if a := r.as(peer).send(request{target: target}); a.status != http.StatusForbidden || a.problem(t).Code != api.CodeForbidden {
			t.Errorf("%+v: %d %s", peer, a.status, a.body)
		}
	}
	if n := len(r.backend.Asked()); n != 1 {
		t.Errorf("the backend was asked %d times", n)
	}
	none := start(t, func(c *api.Config) { c.MaxWatches = 1 })
	none.backend.Err = api.Errorf(api.CodeNotFound, "no such pod")
	for range 3 { // each gives its place back
		if a := none.send(request{target: target}); a.status != http.StatusNotFound {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
}
