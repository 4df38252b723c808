package api

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/daemonsetd/daemonsetd/agent/registry"
)

func (b readOnly) Rollouts(context.Context, RolloutRequest) (*RolloutList, error) {
	return &RolloutList{}, nil
}

func (b readOnly) RolloutsChanged() <-chan struct{} { return nil }

func (b readOnly) Revisions(context.Context, RevisionRequest) (*RevisionList, error) {
	return &RevisionList{}, nil
}

func (b readOnly) Undo(context.Context, UndoRequest) (*UndoResult, error) { return &UndoResult{}, nil }

// FuzzReplace: what names no DaemonSet never reaches the backend.
func FuzzReplace(f *testing.F) {
	for _, s := range []string{`{"daemonset":"a/b"}`, `{"daemonset":"\n"}`, `{"daemonset":""}`, `{"daemonset":"a"} {}`, `{"daemonset":1}`, `null`, ``, "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		req, err := decodeReplace(strings.NewReader(body))
		checkRefusal(t, err)
		if err != nil {
			return
		}
		if req.DaemonSet == "" || len(req.DaemonSet) > maxDaemonSetName || strings.ContainsAny(req.DaemonSet, " \n\x1b\x00") {
			t.Errorf("%q was taken", req.DaemonSet)
		}
		checkAgain(t, req, func(s string) error { _, err := decodeReplace(strings.NewReader(s)); return err })
	})
}

// FuzzRolloutQuery: whatever is asked of the rollouts is answered, with 200 or as a wrong question.
func FuzzRolloutQuery(f *testing.F) {
	for _, q := range []string{"daemonset=a/b&hosts=1", "daemonset=a&revision=3", "daemonset=a&to=18446744073709551615", "to=-1", "hosts=x", "daemonset=%0a", "a=b&a=c", ""} {
		f.Add(q)
	}
	s := New(Config{Backend: readOnly{reg: registry.New(registry.Config{})}})
	f.Fuzz(func(t *testing.T, query string) {
		if q, err := url.ParseQuery(query); err != nil || q.Has("watch") {
			return
		}
		for path, serve := range map[string]func(http.ResponseWriter, *http.Request) error{
			"/v1/rollouts": s.serveRollouts, "/v1/rollouts/history": s.serveRevisions, "/v1/rollouts/undo": s.serveUndo,
		} {
			r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, http.NoBody)
			r.URL.RawQuery = query
			w := httptest.NewRecorder()
			err := serve(w, r)
			checkRefusal(t, err)
			if err == nil && w.Code != http.StatusOK {
				t.Errorf("%s?%s: %d", path, query, w.Code)
			}
		}
	})
}
