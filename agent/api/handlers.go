package api

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
)

const (
	// maxPlanFiles is how many files one plan takes; a specs directory may have as many.
	maxPlanFiles = 1000
	// maxPatchItems is how many labels and taints one patch takes.
	maxPatchItems = 1024
)

func (s *Server) serveMetrics(w http.ResponseWriter, r *http.Request) error {
	s.cfg.Backend.Metrics().ServeHTTP(w, r)
	return nil
}

func (s *Server) serveHealthz(w http.ResponseWriter, r *http.Request) error {
	return healthz(w, r, s.cfg.Backend)
}

// healthz says whether the agent is at work. That it works on a host with problems is for status and metrics.
func healthz(w http.ResponseWriter, r *http.Request, b Backend) error {
	st, err := b.Status(r.Context())
	if err != nil {
		return err
	}
	if st.State == StateStarting {
		return Errorf(CodeUnavailable, "the agent is starting").WithRemedy("ask again in a moment")
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err = io.WriteString(w, "ok\n")
	return err
}

func (s *Server) serveVersion(w http.ResponseWriter, r *http.Request) error {
	if err := checkQuery(r.URL.Query()); err != nil {
		return err
	}
	v := s.cfg.Backend.Version()
	return respond(w, &v)
}

func (s *Server) serveStatus(w http.ResponseWriter, r *http.Request) error {
	if err := checkQuery(r.URL.Query()); err != nil {
		return err
	}
	st, err := s.cfg.Backend.Status(r.Context())
	if err != nil {
		return err
	}
	out := *st
	return respond(w, &out)
}

func (s *Server) serveExplain(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	if err := checkQuery(q, "daemonset", "node"); err != nil {
		return err
	}
	items, err := s.cfg.Backend.Explain(r.Context(), ExplainRequest{DaemonSet: q.Get("daemonset"), Node: q.Get("node")})
	if err != nil {
		return err
	}
	return respond(w, &ExplanationList{Items: notNil(items)})
}

func (s *Server) serveDiff(w http.ResponseWriter, r *http.Request) error {
	if err := checkQuery(r.URL.Query()); err != nil {
		return err
	}
	items, err := s.cfg.Backend.Diff(r.Context())
	if err != nil {
		return err
	}
	return respond(w, &FileChangeList{Items: notNil(items)})
}

// serveSettled is for readers too: it makes the agent look at its files, which it does all the time.
func (s *Server) serveSettled(w http.ResponseWriter, r *http.Request) error {
	if err := checkQuery(r.URL.Query()); err != nil {
		return err
	}
	res, err := s.cfg.Backend.Settle(r.Context())
	if err != nil {
		return err
	}
	out := *res
	out.Pending = notNil(out.Pending)
	return respond(w, &out)
}

// serveConfigs is for readers too: there are digests in it, and no contents.
func (s *Server) serveConfigs(w http.ResponseWriter, r *http.Request) error {
	if err := checkQuery(r.URL.Query()); err != nil {
		return err
	}
	trees, err := s.cfg.Backend.Configs(r.Context())
	if err != nil {
		return err
	}
	items := make([]ConfigTree, len(trees))
	for i, t := range trees {
		t.Files = notNil(t.Files)
		items[i] = t
	}
	return respond(w, &ConfigTreeList{Items: items})
}

func (s *Server) servePlan(w http.ResponseWriter, r *http.Request) error {
	req, err := decodePlan(r.Body)
	if err != nil {
		return err
	}
	res, err := s.cfg.Backend.Plan(r.Context(), req)
	if err != nil {
		return err
	}
	out := *res
	return respond(w, &out)
}

func decodePlan(body io.Reader) (PlanRequest, error) {
	var req PlanRequest
	if err := decode(body, &req); err != nil {
		return PlanRequest{}, err
	}
	if n := len(req.Files); n == 0 || n > maxPlanFiles {
		return PlanRequest{}, Errorf(CodeBadRequest, "there are %d files, wanted 1 to %d", n, maxPlanFiles)
	}
	for i, f := range req.Files {
		if f.Name == "" {
			return PlanRequest{}, Errorf(CodeBadRequest, "file %d has no name", i+1)
		}
	}
	return req, nil
}

func (s *Server) serveReload(w http.ResponseWriter, r *http.Request) error {
	// A client that goes away does not take back what it asked for.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), requestTimeout)
	defer cancel()
	res, err := s.cfg.Backend.Reload(ctx)
	if err != nil {
		return err
	}
	out := *res
	return respond(w, &out)
}

func (s *Server) servePatchNode(w http.ResponseWriter, r *http.Request) error {
	patch, err := decodePatch(r.Body)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), requestTimeout)
	defer cancel()
	res, err := s.cfg.Backend.PatchNode(ctx, patch)
	if err != nil {
		return err
	}
	out := *res
	return respond(w, &out)
}

func decodePatch(body io.Reader) (NodePatch, error) {
	var patch NodePatch
	if err := decode(body, &patch); err != nil {
		return NodePatch{}, err
	}
	n := len(patch.SetLabels) + len(patch.RemoveLabels) + len(patch.SetTaints) + len(patch.RemoveTaints)
	if n > maxPatchItems {
		return NodePatch{}, Errorf(CodeTooLarge, "the patch has %d labels and taints, at most %d are taken", n, maxPatchItems)
	}
	if n == 0 && patch.Unschedulable == nil {
		return NodePatch{}, Errorf(CodeBadRequest, "the patch changes nothing")
	}
	return patch, nil
}

// checkQuery refuses parameters that nobody looks at: a misspelt one would otherwise give another answer than was
// meant.
func checkQuery(q url.Values, known ...string) error {
	for name, values := range q {
		if !slices.Contains(known, name) {
			return Errorf(CodeBadRequest, "unknown parameter %q", name)
		}
		if len(values) > 1 {
			return Errorf(CodeBadRequest, "the parameter %q is given %d times", name, len(values))
		}
	}
	return nil
}

// notNil makes an empty list [] and not null.
func notNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
