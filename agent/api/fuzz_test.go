package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/daemonsetd/daemonsetd/agent/registry"
)

// FuzzDecode: whatever the body, it is taken or refused with a problem that can be sent, and what is taken keeps to the
// limits and survives being sent again.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"files":[{"name":"a.yaml","data":"YQ=="}]}`, `{"files":null}`, `{"unschedulable":true}`,
		`{"setLabels":{"a":"b"},"removeLabels":["c"],"setTaints":[{"key":"k","effect":"NoSchedule"}],"overwrite":true}`,
		`{"setLabels":{"a":"b"}} trailing`, `[]`, `null`, ``, `{"files":[{}]}`, `{"a`, "\xff",
		`{"member":"edge-1","force":true}`, `{"member":"\u001b"}`, `{"member":""}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		forget, err := decodeForget(strings.NewReader(body))
		checkRefusal(t, err)
		if err == nil {
			checkAgain(t, forget, func(s string) error { _, err := decodeForget(strings.NewReader(s)); return err })
		}
		trust, err := decodeTrust(strings.NewReader(body))
		checkRefusal(t, err)
		if err == nil {
			checkAgain(t, trust, func(s string) error { _, err := decodeTrust(strings.NewReader(s)); return err })
		}
		patch, err := decodePatch(strings.NewReader(body))
		checkRefusal(t, err)
		if err == nil {
			checkAgain(t, patch, func(s string) error { _, err := decodePatch(strings.NewReader(s)); return err })
		}
		plan, err := decodePlan(strings.NewReader(body))
		checkRefusal(t, err)
		if err == nil {
			if n := len(plan.Files); n == 0 || n > maxPlanFiles {
				t.Errorf("a plan of %d files was taken", n)
			}
			checkAgain(t, plan, func(s string) error { _, err := decodePlan(strings.NewReader(s)); return err })
		}
	})
}

func checkAgain(t *testing.T, v any, decode func(string) error) {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := decode(string(data)); err != nil {
		t.Errorf("%s was taken and is refused when sent again: %v", data, err)
	}
}

func checkRefusal(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	w := httptest.NewRecorder()
	writeProblem(w, err)
	var p Error
	if json.Unmarshal(w.Body.Bytes(), &p) != nil || p.Status != w.Code || w.Code < 400 || w.Code > 499 || p.Detail == "" {
		t.Errorf("%v became %d %s", err, w.Code, w.Body)
	}
}

// FuzzRequest: no method, target and header makes the server panic or answer anything but 200 or a 4xx problem; and a
// peer that may only read changes nothing.
func FuzzRequest(f *testing.F) {
	for _, target := range []string{
		"/v1/pods?watch=0&labelSelector=a%3Db", "/v1/events?fieldSelector=reason%3DX&namespace=n", "/v1/explain?daemonset=a/b",
		"/v1/nodes?resourceVersion=1", "/metrics", "/v1/node", "/v1/plan", "/v1/pods?labelSelector=a+in+(b,c)", "/%2e%2e/v1/status",
		"/v1/members?member=a", "/v1/specs", "/v1/members/forget", "/v1/explain?node=a", "/v1/settled", "/v1/logs?namespace=a&pod=b&tail=1",
	} {
		f.Add("GET", target, "daemonsetd", "", "")
	}
	f.Add("PATCH", "/v1/node", "localhost", "application/json", `{"unschedulable":true}`)
	f.Add("POST", "/v1/plan", "", "application/json; charset=x", `{"files":[]}`)
	s := New(Config{Backend: readOnly{reg: registry.New(registry.Config{})}})
	group := uint32(5)
	s.policy = policy{ownUID: 1, readers: &group}
	ctx := context.WithValue(context.Background(), peerKey{}, peerResult{peer: Peer{UID: 2, Groups: []uint32{5}}})
	f.Fuzz(func(t *testing.T, method, target, host, contentType, body string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || strings.Contains(u.RawQuery, "watch") {
			return
		}
		r := &http.Request{
			Method: method, URL: u, Host: host, Header: http.Header{"Content-Type": {contentType}},
			Body: http.NoBody, ContentLength: int64(len(body)),
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r.WithContext(ctx))
		if w.Code == http.StatusOK {
			return
		}
		var p Error
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code < 400 || w.Code > 499 || p.Status != w.Code {
			t.Errorf("%s %q: %d %s", method, target, w.Code, w.Body)
		}
	})
}

// readOnly panics when it is asked to change something.
type readOnly struct {
	Backend
	reg *registry.Registry
}

func (b readOnly) Status(context.Context) (*Status, error) { return &Status{State: StateReady}, nil }

func (b readOnly) Explain(context.Context, ExplainRequest) ([]Explanation, error) { return nil, nil }

func (b readOnly) Diff(context.Context) ([]FileChange, error) { return nil, nil }

func (b readOnly) Settle(context.Context) (*Settled, error) { return &Settled{}, nil }

func (b readOnly) Logs(context.Context, LogRequest) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader("")), nil
}

func (b readOnly) Members(context.Context) (*MemberList, error) { return &MemberList{}, nil }

func (b readOnly) Specs(context.Context) (*SpecFileList, error) { return &SpecFileList{}, nil }

func (b readOnly) FleetChanged() <-chan struct{} { return nil }

func (b readOnly) Registry() *registry.Registry   { return b.reg }
func (b readOnly) Reads(registry.Resource) func() { return func() {} }

func (b readOnly) Metrics() http.Handler {
	return http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
}

func (b readOnly) Version() VersionInfo { return VersionInfo{} }
