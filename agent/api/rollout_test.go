package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

func TestRolloutsAskTheBackend(t *testing.T) {
	r := start(t, nil)
	r.backend.RolloutsAnswer = api.RolloutList{Fleet: true, Settled: true, Items: []api.Rollout{
		{DaemonSet: "default/web", Hosts: []api.RolloutHost{{Name: "edge-1"}}}, {DaemonSet: "kube-system/proxy"},
	}}
	r.backend.RevisionsAnswer = api.RevisionList{DaemonSet: "default/web", Items: []api.Revision{{Number: 4, Revision: "a", Template: []byte(`{"a":1}`)}}}
	r.backend.UndoAnswer = api.UndoResult{DaemonSet: "default/web", Document: "kind: DaemonSet\n"}
	r.backend.ReplaceAnswer = api.ReplaceResult{DaemonSet: "default/web", Started: true}
	r.backend.ReleaseAnswer = api.ReleaseResult{DaemonSet: "default/web", Message: "m"}
	r.backend.ResetAnswer = api.ResetResult{DaemonSet: "default/web", Epoch: 3}
	for _, c := range []struct {
		request
		wants []string
		lacks string
	}{
		{request{target: "/v1/rollouts"}, []string{`"kind":"RolloutList"`, `"default/web"`, `"kube-system/proxy"`, `"fleet":true`, `"settled":true`}, `"hosts":[`},
		{request{target: "/v1/rollouts?daemonset=web&hosts=true"}, []string{`"default/web"`, `"hosts":[{"name":"edge-1"`}, "proxy"},
		{request{target: "/v1/rollouts/history?daemonset=web"}, []string{`"kind":"RevisionList"`, `"number":4`}, "template"},
		{request{target: "/v1/rollouts/history?daemonset=web&revision=4"}, []string{`"template":{"a":1}`}, "null"},
		{request{target: "/v1/rollouts/undo?daemonset=web&to=4"}, []string{`"kind":"UndoResult"`, `"document":"kind: DaemonSet\n"`}, "same"},
		{request{method: "POST", target: "/v1/rollouts/replace", body: `{"daemonset":"web"}`}, []string{`"kind":"ReplaceResult"`, `"started":true`}, "message"},
		{request{method: "POST", target: "/v1/rollouts/release", body: `{"daemonset":"web"}`}, []string{`"kind":"ReleaseResult"`, `"message":"m"`}, "epoch"},
		{request{method: "POST", target: "/v1/rollouts/reset", body: `{"daemonset":"web","force":true}`}, []string{`"kind":"ResetResult"`, `"epoch":3`}, "message"},
	} {
		a := r.send(c.request)
		for _, want := range c.wants {
			if a.status != http.StatusOK || !strings.Contains(string(a.body), want) {
				t.Errorf("%s: %d, no %s in %s", c.target, a.status, want, a.body)
			}
		}
		if strings.Contains(string(a.body), c.lacks) {
			t.Errorf("%s: %s in %s", c.target, c.lacks, a.body)
		}
	}
	want := []any{
		api.RolloutRequest{},
		api.RolloutRequest{DaemonSet: "web", Hosts: true},
		api.RevisionRequest{DaemonSet: "web"},
		api.RevisionRequest{DaemonSet: "web", Revision: 4},
		api.UndoRequest{DaemonSet: "web", To: 4},
		api.ReplaceRequest{DaemonSet: "web"},
		api.RolloutActRequest{DaemonSet: "web"},
		api.RolloutActRequest{DaemonSet: "web", Force: true},
	}
	if diff := cmp.Diff(want, r.backend.Asked()); diff != "" {
		t.Errorf("asked (-want +got)\n%s", diff)
	}
}

func TestRolloutRequestsAreChecked(t *testing.T) {
	r := start(t, nil)
	long := strings.Repeat("x", 400)
	for _, c := range []struct {
		request
		status int
		code   string
	}{
		{request{target: "/v1/rollouts?hosts=maybe"}, 400, api.CodeBadRequest},
		{request{target: "/v1/rollouts?watch=maybe"}, 400, api.CodeBadRequest},
		{request{target: "/v1/rollouts?daemonset=a%20b"}, 400, api.CodeBadRequest},
		{request{target: "/v1/rollouts?daemonset=" + long}, 400, api.CodeBadRequest},
		{request{target: "/v1/rollouts?set=web"}, 400, api.CodeBadRequest},
		{request{target: "/v1/rollouts?daemonset=x"}, 404, api.CodeNotFound},
		{request{target: "/v1/rollouts?daemonset=x&watch=1"}, 404, api.CodeNotFound},
		{request{target: "/v1/rollouts/history"}, 400, api.CodeBadRequest},
		{request{target: "/v1/rollouts/history?daemonset=web&revision=-1"}, 400, api.CodeBadRequest},
		{request{target: "/v1/rollouts/history?daemonset=web&revision=x"}, 400, api.CodeBadRequest},
		{request{target: "/v1/rollouts/history?daemonset=web&to=1"}, 400, api.CodeBadRequest},
		{request{target: "/v1/rollouts/history?daemonset=web&revision=9"}, 404, api.CodeNotFound},
		{request{target: "/v1/rollouts/undo"}, 400, api.CodeBadRequest},
		{request{target: "/v1/rollouts/undo?daemonset=web&to=99999999999999999999"}, 400, api.CodeBadRequest},
		{request{target: "/v1/rollouts/undo?daemonset=web&revision=1"}, 400, api.CodeBadRequest},
		{request{method: "POST", target: "/v1/rollouts/undo?daemonset=web"}, 405, api.CodeMethod},
		{request{target: "/v1/rollouts/replace"}, 405, api.CodeMethod},
		{request{target: "/v1/rollouts/release"}, 405, api.CodeMethod},
		{request{method: "POST", target: "/v1/rollouts/release", body: `{"daemonset":"web","force":true}`}, 400, api.CodeBadRequest},
		{request{method: "POST", target: "/v1/rollouts/reset", body: `{}`}, 400, api.CodeBadRequest},
		{request{method: "POST", target: "/v1/rollouts/replace", body: `{}`}, 400, api.CodeBadRequest},
		{request{method: "POST", target: "/v1/rollouts/replace", body: `{"daemonset":"a\u001b"}`}, 400, api.CodeBadRequest},
		{request{method: "POST", target: "/v1/rollouts/replace", body: `{"daemonset":"web","force":true}`}, 400, api.CodeBadRequest},
		{request{method: "POST", target: "/v1/rollouts/replace", body: `{"daemonset":"` + strings.Repeat("x", 5000) + `"}`}, 413, api.CodeTooLarge},
	} {
		a := r.send(c.request)
		if a.status != c.status || a.problem(t).Code != c.code {
			t.Errorf("%s %.60s: %d, want %d %s: %s", c.target, c.body, a.status, c.status, c.code, a.body)
		}
	}
}

// Who may only read may not have a pod replaced.
func TestReplaceIsForWriters(t *testing.T) {
	r := start(t, nil).as(reader)
	if a := r.send(request{method: "POST", target: "/v1/rollouts/replace", body: `{"daemonset":"web"}`}); a.status != http.StatusForbidden {
		t.Errorf("a reader: %d %s", a.status, a.body)
	}
	if a := r.send(request{target: "/v1/rollouts"}); a.status != http.StatusOK || !strings.Contains(string(a.body), `"items":[]`) {
		t.Errorf("a reader reads: %d %s", a.status, a.body)
	}
	if n := len(r.backend.Asked()); n != 1 {
		t.Errorf("the backend was asked %d times", n)
	}
}

// The wire form of a rollout that is over on one host.
func TestWireFormOfARollout(t *testing.T) {
	data, err := json.Marshal(api.Rollout{DaemonSet: "a/b", Generation: 1 << 53, Strategy: "RollingUpdate", Budget: 1, Message: "m", Done: true, Self: api.RolloutHost{Name: "n", Phase: "Available"}})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"daemonset":"a/b","generation":9007199254740992,"strategy":"RollingUpdate","budget":1,` +
		`"counts":{"desired":0,"current":0,"ready":0,"updated":0,"available":0,"misscheduled":0,"failed":0,"unknown":0},` +
		`"message":"m","done":true,"self":{"name":"n","phase":"Available","ready":false,"available":false},` +
		`"updating":{"count":0},"waiting":{"count":0},"failed":{"count":0}}`
	if diff := cmp.Diff(want, string(data)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
