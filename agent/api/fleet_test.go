package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

func TestMembersAreListedAndSelected(t *testing.T) {
	r := start(t, nil)
	r.backend.Fleet = api.MemberList{Cluster: "prod", Settled: true, Items: []api.Member{
		{Name: "edge-1", ID: "aaa", State: api.MemberAlive, Standing: api.StandingTrusted},
		{Name: "edge-2", ID: "bbb", State: api.MemberFailed, Standing: api.StandingTrusted},
		{Name: "edge-2", ID: "ccc", State: api.MemberAlive, Standing: api.StandingUntrusted},
		{Name: "ccc", State: api.MemberUnknown, Standing: api.StandingTrusted},
	}}
	for target, want := range map[string]string{
		"/v1/members":               "edge-1/aaa edge-2/bbb edge-2/ccc ccc/",
		"/v1/members?member=":       "edge-1/aaa edge-2/bbb edge-2/ccc ccc/",
		"/v1/members?member=edge-2": "edge-2/bbb edge-2/ccc",
		"/v1/members?member=bbb":    "edge-2/bbb",
		"/v1/members?member=ccc":    "edge-2/ccc ccc/",
		"/v1/members?member=edge":   "",
	} {
		a := r.send(request{target: target})
		var list api.MemberList
		if err := json.Unmarshal(a.body, &list); err != nil {
			t.Fatalf("%s: %v in %s", target, err, a.body)
		}
		var got []string
		for _, m := range list.Items {
			got = append(got, m.Name+"/"+m.ID)
		}
		if strings.Join(got, " ") != want || list.Items == nil || list.Cluster != "prod" || !list.Settled {
			t.Errorf("%s: %s", target, a.body)
		}
	}
	if len(r.backend.Fleet.Items) != 4 {
		t.Errorf("a selection changed the backend's list: %v", r.backend.Fleet.Items)
	}
}

func TestForgetAndTrustAskTheBackend(t *testing.T) {
	r := start(t, nil)
	r.backend.ForgetAnswer = api.ForgetResult{Forgotten: api.Member{Name: "edge-2", ID: "bbb"}, Roster: "/etc/members"}
	r.backend.TrustAnswer = api.TrustResult{Name: "edge-2", Changed: true, New: api.PinnedKey{ID: "ccc"}}
	for _, c := range []struct{ target, body, want string }{
		{
			"/v1/members/forget", `{"member":"edge-2","force":true}`,
			`{"kind":"ForgetResult","apiVersion":"daemonsetd.io/v1","forgotten":{"name":"edge-2","id":"bbb","state":"","standing":""},"roster":"/etc/members"}`,
		},
		{
			"/v1/members/trust", `{"member":"ccc"}`,
			`{"kind":"TrustResult","apiVersion":"daemonsetd.io/v1","name":"edge-2","changed":true,"new":{"id":"ccc","key":"","keyFingerprint":""}}`,
		},
	} {
		a := r.send(request{method: "POST", target: c.target, body: c.body})
		if diff := cmp.Diff(c.want, strings.TrimSpace(string(a.body))); a.status != http.StatusOK || diff != "" {
			t.Errorf("%s: %d (-want +got)\n%s", c.target, a.status, diff)
		}
	}
	want := []any{api.ForgetRequest{Member: "edge-2", Force: true}, api.TrustRequest{Member: "ccc"}}
	if diff := cmp.Diff(want, r.backend.Asked()); diff != "" {
		t.Errorf("asked (-want +got)\n%s", diff)
	}
}

func TestNamesOfMembersAreChecked(t *testing.T) {
	r := start(t, nil)
	for _, c := range []struct {
		body   string
		status int
		code   string
	}{
		{`{"member":"` + strings.Repeat("x", 253) + `"}`, 200, ""},
		{`{"member":"` + strings.Repeat("x", 254) + `"}`, 400, api.CodeBadRequest},
		{`{"member":""}`, 400, api.CodeBadRequest},
		{`{}`, 400, api.CodeBadRequest},
		{`null`, 400, api.CodeBadRequest},
		{`{"member":"a b"}`, 400, api.CodeBadRequest},
		{`{"member":"a\u001b[31m"}`, 400, api.CodeBadRequest},
		{`{"member":"a\n"}`, 400, api.CodeBadRequest},
		{`{"member":"a","forced":true}`, 400, api.CodeBadRequest},
		{`{"member":["a"]}`, 400, api.CodeBadRequest},
		{`{"member":"a"}{}`, 400, api.CodeBadRequest},
		{`{"member":"` + strings.Repeat("x", 5000) + `"}`, 413, api.CodeTooLarge},
	} {
		for _, target := range []string{"/v1/members/forget", "/v1/members/trust"} {
			a := r.send(request{method: "POST", target: target, body: c.body})
			if a.status != c.status {
				t.Errorf("%s %.60s: %d, want %d: %s", target, c.body, a.status, c.status, a.body)
			} else if c.code != "" && a.problem(t).Code != c.code {
				t.Errorf("%s %.60s: %s", target, c.body, a.body)
			}
		}
	}
	if n := len(r.backend.Asked()); n != 2 {
		t.Errorf("the backend was asked %d times, want 2", n)
	}
}

// fleetEvent is a line of a watch of members or spec files.
type fleetEvent struct {
	Type   string
	Object struct{ Name, File, State, Message string }
}

func (e fleetEvent) String() string {
	return strings.Join(strings.Fields(e.Type+" "+e.Object.Name+e.Object.File+" "+e.Object.State+e.Object.Message), " ")
}

func nextFleetEvent(t *testing.T, lines *bufio.Reader) string {
	t.Helper()
	line, err := lines.ReadBytes('\n')
	if err != nil {
		t.Fatalf("reading a watch event: %v", err)
	}
	var ev fleetEvent
	if err := json.Unmarshal(line, &ev); err != nil {
		t.Fatalf("%v in %s", err, line)
	}
	return ev.String()
}

func wantFleetEvents(t *testing.T, lines *bufio.Reader, want ...string) {
	t.Helper()
	for _, w := range want {
		if got := nextFleetEvent(t, lines); got != w {
			t.Errorf("got %q, want %q", got, w)
		}
	}
}

func TestMembersAreWatched(t *testing.T) {
	r := start(t, nil)
	one, two := api.Member{Name: "edge-1", ID: "aaa", State: api.MemberAlive}, api.Member{Name: "edge-2", ID: "bbb", State: api.MemberAlive}
	r.backend.SetMembers(one, two)
	res, lines := r.openWatch("/v1/members?watch=1&member=edge-2")
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%s", res.Status)
	}
	wantFleetEvents(t, lines, "ADDED edge-2 Alive", "BOOKMARK")
	one.State, two.State = api.MemberFailed, api.MemberFailed
	r.backend.SetMembers(one, two)
	wantFleetEvents(t, lines, "MODIFIED edge-2 Failed")
	r.backend.SetMembers(one)
	wantFleetEvents(t, lines, "DELETED edge-2 Failed")
}

func TestSpecFilesAreWatched(t *testing.T) {
	r := start(t, nil)
	r.backend.SetSpecs(api.SpecFile{File: "a.yaml", Have: 1})
	_, lines := r.openWatch("/v1/specs?watch=1")
	wantFleetEvents(t, lines, "ADDED a.yaml", "BOOKMARK")
	r.backend.SetSpecs(api.SpecFile{File: "a.yaml", Have: 2}, api.SpecFile{File: "b.yaml"})
	wantFleetEvents(t, lines, "MODIFIED a.yaml", "ADDED b.yaml")
}

func TestWatchesOfTheFleetAreBoundedAndEnd(t *testing.T) {
	r := start(t, func(c *api.Config) { c.MaxWatches = 1 })
	_, lines := r.openWatch("/v1/members?watch=1")
	wantFleetEvents(t, lines, "BOOKMARK")
	if a := r.send(request{target: "/v1/specs?watch=1"}); a.status != http.StatusTooManyRequests {
		t.Errorf("a watch too many: %d", a.status)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := r.server.Shutdown(ctx); err != nil {
		t.Fatalf("shutting down with a watch open: %v", err)
	}
	if line, err := lines.ReadString('\n'); err == nil {
		t.Errorf("after the end came %q", line)
	}
}

// While gossip is off, who asks is told so, a watch too.
func TestGossipIsOff(t *testing.T) {
	r := start(t, nil)
	r.backend.Err = api.Errorf(api.CodeUnavailable, "gossip is off: no key").WithRemedy("dsctl keyring generate")
	for _, req := range []request{
		{target: "/v1/members"},
		{target: "/v1/members?watch=1"},
		{target: "/v1/specs"},
		{target: "/v1/specs?watch=true"},
		{method: "POST", target: "/v1/members/forget", body: `{"member":"a"}`},
		{method: "POST", target: "/v1/members/trust", body: `{"member":"a"}`},
	} {
		a := r.send(req)
		if p := a.problem(t); a.status != http.StatusServiceUnavailable || p.Detail != "gossip is off: no key" || p.Remedy == "" {
			t.Errorf("%s: %d %s", req.target, a.status, a.body)
		}
	}
}

// TestFaultT5ForgetNeverSeen: what a request to forget those that were made up may say.
func TestFaultT5ForgetNeverSeen(t *testing.T) {
	r := start(t, nil)
	r.as(root)
	for body, want := range map[string]int{
		`{"neverSeen":true}`:                      http.StatusOK,
		`{"neverSeen":true,"olderSeconds":3600}`:  http.StatusOK,
		`{"neverSeen":true,"olderSeconds":-1}`:    http.StatusBadRequest,
		`{"neverSeen":true,"olderSeconds":1e300}`: http.StatusBadRequest,
		`{"neverSeen":true,"member":"a"}`:         http.StatusBadRequest,
		`{"neverSeen":true,"force":true}`:         http.StatusBadRequest,
		`{"member":"a","olderSeconds":5}`:         http.StatusBadRequest,
		`{}`:                                      http.StatusBadRequest,
	} {
		got := r.send(request{method: http.MethodPost, target: "/v1/members/forget", body: body}).status
		if got != want {
			t.Errorf("%s: %d, want %d", body, got, want)
		}
	}
}
