package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

func TestAnswersHaveKindAndVersion(t *testing.T) {
	r := start(t, nil)
	r.backend.Explanations = []api.Explanation{{DaemonSet: "default/web", Node: "edge-1"}}
	for _, c := range []struct{ method, target, body, kind string }{
		{"GET", "/v1/status", "", "Status"},
		{"GET", "/v1/explain?daemonset=default/web&node=edge-2", "", "ExplanationList"},
		{"GET", "/v1/members", "", "MemberList"},
		{"GET", "/v1/specs", "", "SpecFileList"},
		{"POST", "/v1/members/forget", `{"member":"a"}`, "ForgetResult"},
		{"POST", "/v1/members/trust", `{"member":"a"}`, "TrustResult"},
		{"GET", "/v1/diff", "", "FileChangeList"},
		{"GET", "/v1/configs", "", "ConfigTreeList"},
		{"GET", "/v1/settled", "", "Settled"},
		{"POST", "/v1/plan", `{"files":[{"name":"a.yaml","data":"YQ=="}]}`, "PlanResult"},
		{"POST", "/v1/reload", "", "ReloadResult"},
		{"PATCH", "/v1/node", `{"unschedulable":true}`, "NodePatchResult"},
		{"GET", "/v1/version", "", "VersionInfo"},
	} {
		a := r.send(request{method: c.method, target: c.target, body: c.body})
		if a.status != http.StatusOK {
			t.Errorf("%s: %d %s", c.target, a.status, a.body)
			continue
		}
		var head struct{ APIVersion, Kind string }
		if err := json.Unmarshal(a.body, &head); err != nil {
			t.Fatal(err)
		}
		if head.APIVersion != "daemonsetd.io/v1" || head.Kind != c.kind {
			t.Errorf("%s: %s %s, want kind %s", c.target, head.APIVersion, head.Kind, c.kind)
		}
		if got := a.header.Get(api.HeaderVersion); got != "v0.1.0" {
			t.Errorf("%s: version header %q", c.target, got)
		}
	}
	want := []any{
		"status",
		api.ExplainRequest{DaemonSet: "default/web", Node: "edge-2"},
		"members",
		"specs",
		api.ForgetRequest{Member: "a"},
		api.TrustRequest{Member: "a"},
		"diff",
		"configs",
		api.PlanRequest{Files: []api.PlanFile{{Name: "a.yaml", Data: []byte("a")}}},
		"reload",
		api.NodePatch{Unschedulable: new(true)},
	}
	if diff := cmp.Diff(want, r.backend.Asked()); diff != "" {
		t.Errorf("asked (-want +got)\n%s", diff)
	}
}

func TestEmptyListsAreNotNull(t *testing.T) {
	r := start(t, nil)
	for _, target := range []string{"/v1/explain", "/v1/diff", "/v1/configs", "/v1/pods", "/v1/events", "/v1/members", "/v1/specs"} {
		if a := r.send(request{target: target}); !strings.Contains(string(a.body), `"items":[]`) {
			t.Errorf("%s: %s", target, a.body)
		}
	}
}

func TestConfigsAreListedWhole(t *testing.T) {
	r := start(t, nil)
	r.backend.Trees = []api.ConfigTree{
		{
			DaemonSet: "default/web", Revision: "lcv7nc65w8", Volume: "conf", Pod: "web-lcv7nc65w8-edge-1", Secret: true, InMemory: true,
			Path: "/run/d/config/default/web/lcv7nc65w8/conf", Sources: []string{"/s/a.yaml"},
			Files: []api.ConfigFile{{Path: "a/b", Mode: "0400", Size: 3, SHA256: "ab12"}},
		},
		{DaemonSet: "default/empty"},
	}
	const want = `{"kind":"ConfigTreeList","apiVersion":"daemonsetd.io/v1","items":[` +
		`{"daemonset":"default/web","revision":"lcv7nc65w8","volume":"conf","pod":"web-lcv7nc65w8-edge-1","secret":true,"inMemory":true,` +
		`"path":"/run/d/config/default/web/lcv7nc65w8/conf","sources":["/s/a.yaml"],` +
		`"files":[{"path":"a/b","mode":"0400","size":3,"sha256":"ab12"}]},` +
		`{"daemonset":"default/empty","revision":"","volume":"","pod":"","path":"","files":[]}]}`
	if diff := cmp.Diff(want, strings.TrimSpace(string(r.send(request{target: "/v1/configs"}).body))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if a := r.send(request{target: "/v1/configs?daemonset=x"}); a.status != http.StatusBadRequest {
		t.Errorf("a parameter that nobody looks at: %d", a.status)
	}
}

func TestBrowsersAndForeignHostsAreRefused(t *testing.T) {
	r := start(t, nil)
	for _, c := range []struct {
		name string
		req  request
		want int
	}{
		{"fixed host", request{host: "daemonsetd"}, 200},
		{"localhost", request{host: "localhost"}, 200},
		{"other host", request{host: "evil.example"}, 403},
		{"host with a port", request{host: "localhost:80"}, 403},
		{"origin", request{header: http.Header{"Origin": {"http://localhost"}}}, 403},
		{"empty origin", request{header: http.Header{"Origin": {""}}}, 403},
		{"null origin", request{header: http.Header{"Origin": {"null"}}}, 403},
		{"referer", request{header: http.Header{"Referer": {"http://daemonsetd/"}}}, 403},
		{"fetch metadata", request{header: http.Header{"Sec-Fetch-Site": {"same-origin"}}}, 403},
	} {
		c.req.target = "/v1/version"
		a := r.send(c.req)
		if a.status != c.want {
			t.Errorf("%s: %d, want %d: %s", c.name, a.status, c.want, a.body)
		}
		if c.want == 403 {
			if p := a.problem(t); p.Code != api.CodeForbidden {
				t.Errorf("%s: code %s", c.name, p.Code)
			}
		}
	}
}

func TestWhoMayDoWhat(t *testing.T) {
	r := start(t, nil)
	reads := []request{
		{target: "/v1/status"},
		{target: "/v1/nodes"},
		{target: "/metrics"},
		{target: "/v1/explain"},
		{target: "/v1/healthz"},
		{target: "/v1/configs"},
		{target: "/v1/members"},
		{target: "/v1/specs"},
	}
	writes := []request{
		{method: "POST", target: "/v1/reload"},
		{method: "POST", target: "/v1/plan", body: `{"files":[{"name":"a","data":""}]}`},
		{method: "PATCH", target: "/v1/node", body: `{"unschedulable":false}`},
		{method: "POST", target: "/v1/members/forget", body: `{"member":"a"}`},
		{method: "POST", target: "/v1/members/trust", body: `{"member":"a"}`},
	}
	for _, c := range []struct {
		name        string
		peer        api.Peer
		read, write int
	}{{"root", root, 200, 200}, {"reader", reader, 200, 403}, {"stranger", stranger, 403, 403}} {
		r.as(c.peer)
		for _, req := range reads {
			if a := r.send(req); a.status != c.read {
				t.Errorf("%s reads %s: %d, want %d", c.name, req.target, a.status, c.read)
			}
		}
		before := len(r.backend.Asked())
		for _, req := range writes {
			a := r.send(req)
			if a.status != c.write {
				t.Errorf("%s writes %s: %d, want %d", c.name, req.target, a.status, c.write)
			}
			if c.write == 403 && a.problem(t).Remedy == "" {
				t.Errorf("%s is refused without a remedy", c.name)
			}
		}
		if asked := len(r.backend.Asked()) - before; c.write == 403 && asked != 0 {
			t.Errorf("%s was refused, but the backend was asked %d times", c.name, asked)
		}
	}
}

func TestThePeerIsAskedOfTheKernel(t *testing.T) {
	r := start(t, func(c *api.Config) { c.PeerOf = nil })
	if a := r.send(request{method: "POST", target: "/v1/reload"}); a.status != 200 {
		t.Errorf("the test's own user: %d %s", a.status, a.body)
	}
}

func TestUnknownPeerIsRefused(t *testing.T) {
	r := start(t, func(c *api.Config) {
		c.PeerOf = func(net.Conn) (api.Peer, error) { return api.Peer{}, errors.New("no credentials") }
	})
	if p := r.send(request{target: "/v1/version"}).problem(t); p.Code != api.CodeForbidden {
		t.Errorf("code %s", p.Code)
	}
}

func TestRequestsAreChecked(t *testing.T) {
	r := start(t, nil)
	for _, c := range []struct {
		name   string
		req    request
		status int
		code   string
	}{
		{"unknown path", request{target: "/v1/secrets"}, 404, api.CodeNotFound},
		{"path with a trailing slash", request{target: "/v1/status/"}, 404, api.CodeNotFound},
		{"dotted path", request{target: "/v1/../v1/status"}, 404, api.CodeNotFound},
		{"wrong method", request{method: "DELETE", target: "/v1/status"}, 405, api.CodeMethod},
		{"wrong method of a write", request{method: "GET", target: "/v1/reload"}, 405, api.CodeMethod},
		{"body where none is taken", request{method: "POST", target: "/v1/reload", body: "{}"}, 400, api.CodeBadRequest},
		{"no body", request{method: "POST", target: "/v1/plan", header: jsonType()}, 400, api.CodeBadRequest},
		{"form", request{method: "POST", target: "/v1/plan", body: "a=b", header: http.Header{
			"Content-Type": {"application/x-www-form-urlencoded"},
		}}, 415, api.CodeUnknownMedia},
		{"plain text that is JSON", request{method: "PATCH", target: "/v1/node", body: `{"unschedulable":true}`, header: http.Header{
			"Content-Type": {"text/plain"},
		}}, 415, api.CodeUnknownMedia},
		{"charset", request{method: "PATCH", target: "/v1/node", body: `{"unschedulable":true}`, header: http.Header{
			"Content-Type": {"application/json; charset=utf-8"},
		}}, 200, ""},
		{"unknown field", request{method: "PATCH", target: "/v1/node", body: `{"label":{}}`}, 400, api.CodeBadRequest},
		{"trailing data", request{method: "PATCH", target: "/v1/node", body: `{"unschedulable":true}{}`}, 400, api.CodeBadRequest},
		{"empty patch", request{method: "PATCH", target: "/v1/node", body: `{}`}, 400, api.CodeBadRequest},
		{"null patch", request{method: "PATCH", target: "/v1/node", body: `null`}, 400, api.CodeBadRequest},
		{"plan without files", request{method: "POST", target: "/v1/plan", body: `{}`}, 400, api.CodeBadRequest},
		{"plan of a nameless file", request{method: "POST", target: "/v1/plan", body: `{"files":[{"data":""}]}`}, 400, api.CodeBadRequest},
		{"unknown parameter", request{target: "/v1/explain?daemonsets=a"}, 400, api.CodeBadRequest},
		{"parameter twice", request{target: "/v1/explain?daemonset=a&daemonset=b"}, 400, api.CodeBadRequest},
		{"bad watch", request{target: "/v1/pods?watch=maybe"}, 400, api.CodeBadRequest},
		{"bad watch of members", request{target: "/v1/members?watch=maybe"}, 400, api.CodeBadRequest},
		{"unknown parameter of members", request{target: "/v1/members?name=a"}, 400, api.CodeBadRequest},
		{"unknown parameter of specs", request{target: "/v1/specs?file=a"}, 400, api.CodeBadRequest},
		{"forget by reading", request{target: "/v1/members/forget"}, 405, api.CodeMethod},
		{"bad version", request{target: "/v1/pods?watch=1&resourceVersion=-1"}, 400, api.CodeBadRequest},
		{"bad label selector", request{target: "/v1/pods?labelSelector=a+b"}, 400, api.CodeBadRequest},
		{"bad field selector", request{target: "/v1/pods?fieldSelector=spec.tolerations=x"}, 400, api.CodeBadRequest},
		{"version too old", request{target: "/v1/pods?watch=1&resourceVersion=1"}, 410, api.CodeGone},
	} {
		a := r.send(c.req)
		if a.status != c.status {
			t.Errorf("%s: %d, want %d: %.200s", c.name, a.status, c.status, a.body)
			continue
		}
		if c.code != "" {
			if p := a.problem(t); p.Code != c.code {
				t.Errorf("%s: code %s, want %s", c.name, p.Code, c.code)
			}
		}
	}
	a := r.send(request{method: "PUT", target: "/v1/node"})
	if got := a.header.Get("Allow"); got != "PATCH" {
		t.Errorf("Allow is %q", got)
	}
}

func jsonType() http.Header { return http.Header{"Content-Type": {"application/json"}} }

func TestLargeBodiesAreCutOff(t *testing.T) {
	long := `{"setLabels":{"a":"` + strings.Repeat("x", 2<<20) + `"}}`
	head := "PATCH /v1/node HTTP/1.1\r\nHost: daemonsetd\r\nContent-Type: application/json\r\n"
	r := start(t, nil)
	for name, req := range map[string]string{
		"with a length":    fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(long), long),
		"without a length": fmt.Sprintf("%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", head, len(long), long),
	} {
		c, err := r.dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		// The server may stop reading at any time, so that writing fails; the answer is what counts.
		go func() { _, _ = io.WriteString(c, req) }()
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if res.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: %s", name, res.Status)
		}
		_ = res.Body.Close()
		_ = c.Close()
	}
	if asked := r.backend.Asked(); len(asked) != 0 {
		t.Errorf("the backend was asked %d times", len(asked))
	}
}

func TestBackendErrorsReachTheClient(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		want   api.Error
	}{
		{
			api.Errorf(api.CodeConflict, "label %q has the value %q", "a", "b").WithRemedy("use --overwrite"), 409,
			api.Error{Code: api.CodeConflict, Detail: `label "a" has the value "b"`, Remedy: "use --overwrite"},
		},
		{errors.New("disk on fire"), 500, api.Error{Code: api.CodeInternal, Detail: "disk on fire"}},
		{context.DeadlineExceeded, 503, api.Error{
			Code: api.CodeUnavailable, Detail: "the agent did not answer in time: context deadline exceeded", Remedy: "look at its log",
		}},
		{&api.Error{Code: api.CodeNotFound, Status: 7, Detail: "no such"}, 404, api.Error{Code: api.CodeNotFound, Detail: "no such"}},
	} {
		r := start(t, nil)
		r.backend.Err = c.err
		p := r.send(request{target: "/v1/status"}).problem(t)
		c.want.Status, c.want.Type, c.want.Title = c.status, p.Type, http.StatusText(c.status)
		if diff := cmp.Diff(c.want, p); diff != "" {
			t.Errorf("%v (-want +got)\n%s", c.err, diff)
		}
	}
}

func TestHealthz(t *testing.T) {
	r := start(t, nil)
	if a := r.send(request{target: "/v1/healthz"}); a.status != 200 || string(a.body) != "ok\n" {
		t.Errorf("%d %s", a.status, a.body)
	}
	r.backend.StatusAnswer.State = api.StateDegraded
	if a := r.send(request{target: "/v1/healthz"}); a.status != 200 {
		t.Errorf("degraded: %d %s", a.status, a.body)
	}
	r.backend.StatusAnswer.State = api.StateStarting
	if a := r.send(request{target: "/v1/healthz"}); a.status != 503 {
		t.Errorf("starting: %d %s", a.status, a.body)
	}
}

func TestPanicIsLoggedAndTheServerLivesOn(t *testing.T) {
	r := start(t, nil)
	first := true
	r.backend.OnEntry(func(context.Context) {
		if first {
			first = false
			panic("a bug")
		}
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://daemonsetd/v1/status", nil)
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{DialContext: r.dial, DisableKeepAlives: true}
	if res, err := tr.RoundTrip(req); err == nil {
		_ = res.Body.Close()
		t.Errorf("a panic gave %s", res.Status)
	}
	if a := r.send(request{target: "/v1/status"}); a.status != 200 {
		t.Errorf("afterwards: %d", a.status)
	}
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	if !strings.Contains(r.log.b.String(), "a bug") {
		t.Errorf("the log does not have the panic: %s", r.log.b.String())
	}
}

func TestWritesOutliveTheClient(t *testing.T) {
	r := start(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	r.backend.OnEntry(func(inner context.Context) {
		cancel()
		ended <- inner.Err()
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://daemonsetd/v1/reload", nil)
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{DialContext: r.dial, DisableKeepAlives: true}
	if res, err := tr.RoundTrip(req); err == nil {
		_ = res.Body.Close()
	}
	if err := <-ended; err != nil {
		t.Errorf("the reload was cancelled with its client: %v", err)
	}
}
