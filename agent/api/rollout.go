package api

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// maxDaemonSetName is how long namespace/name of a DaemonSet may be, by the rules of Kubernetes.
const maxDaemonSetName = 63 + 1 + 253

// serveRollouts lists where rollouts stand, or watches them with watch=1 as serveMembers does. With hosts=1 every host
// is listed.
func (s *Server) serveRollouts(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	watch, err := watchQuery(q, "daemonset", "hosts")
	if err != nil {
		return err
	}
	req := RolloutRequest{DaemonSet: q.Get("daemonset")}
	if req.Hosts, err = parseFlag(q, "hosts"); err != nil {
		return err
	}
	from := s.sources.rollouts
	if req.Hosts {
		from = s.sources.hosts
	}
	of := asked[RolloutList, Rollout]{wants: func(Rollout) bool { return true }}
	if req.DaemonSet != "" {
		if err := checkDaemonSet(req.DaemonSet); err != nil {
			return err
		}
		of.part = true
	}
	of.list = func(ctx context.Context) (*RolloutList, error) { return s.cfg.Backend.Rollouts(ctx, req) }
	return serveItems(s, w, r, watch, from, of)
}

func (s *Server) serveRevisions(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	if err := checkQuery(q, "daemonset", "revision"); err != nil {
		return err
	}
	epoch, number, err := parseNumber(q, "revision")
	if err != nil {
		return err
	}
	req := RevisionRequest{DaemonSet: q.Get("daemonset"), Revision: number, Epoch: epoch}
	if err := checkDaemonSet(req.DaemonSet); err != nil {
		return err
	}
	res, err := s.cfg.Backend.Revisions(r.Context(), req)
	if err != nil {
		return err
	}
	out := *res
	out.Items = notNil(out.Items)
	return respond(w, &out)
}

func (s *Server) serveUndo(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	if err := checkQuery(q, "daemonset", "to"); err != nil {
		return err
	}
	epoch, to, err := parseNumber(q, "to")
	if err != nil {
		return err
	}
	req := UndoRequest{DaemonSet: q.Get("daemonset"), To: to, Epoch: epoch}
	if err := checkDaemonSet(req.DaemonSet); err != nil {
		return err
	}
	res, err := s.cfg.Backend.Undo(r.Context(), req)
	if err != nil {
		return err
	}
	out := *res
	return respond(w, &out)
}

func (s *Server) serveReplace(w http.ResponseWriter, r *http.Request) error {
	return act(w, r, decodeReplace, s.cfg.Backend.Replace)
}

func decodeReplace(body io.Reader) (ReplaceRequest, error) {
	var req ReplaceRequest
	if err := decode(body, &req); err != nil {
		return ReplaceRequest{}, err
	}
	return req, checkDaemonSet(req.DaemonSet)
}

func (s *Server) serveRelease(w http.ResponseWriter, r *http.Request) error {
	return act(w, r, func(body io.Reader) (RolloutActRequest, error) {
		req, err := decodeRolloutAct(body)
		if err == nil && req.Force {
			err = Errorf(CodeBadRequest, "force has no meaning for a release").WithRemedy("leave it out")
		}
		return req, err
	}, s.cfg.Backend.Release)
}

func (s *Server) serveReset(w http.ResponseWriter, r *http.Request) error {
	return act(w, r, decodeRolloutAct, s.cfg.Backend.Reset)
}

func decodeRolloutAct(body io.Reader) (RolloutActRequest, error) {
	var req RolloutActRequest
	if err := decode(body, &req); err != nil {
		return RolloutActRequest{}, err
	}
	return req, checkDaemonSet(req.DaemonSet)
}

// checkDaemonSet refuses what cannot name a DaemonSet.
func checkDaemonSet(name string) error {
	switch {
	case name == "":
		return Errorf(CodeBadRequest, "no DaemonSet is named").WithRemedy("give its name, or namespace/name")
	case len(name) > maxDaemonSetName:
		return Errorf(CodeBadRequest, "the DaemonSet's name has %d bytes, namespace/name has at most %d", len(name),
			maxDaemonSetName)
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) || r == ' ' }):
		return Errorf(CodeBadRequest, "%q does not name a DaemonSet", name).WithRemedy("give its name, or namespace/name")
	}
	return nil
}

func parseFlag(q url.Values, name string) (bool, error) {
	v := q.Get(name)
	if v == "" {
		return false, nil
	}
	on, err := strconv.ParseBool(v)
	if err != nil {
		return false, Errorf(CodeBadRequest, "%s is %q, wanted true or false", name, v)
	}
	return on, nil
}

// parseNumber is the number of a revision; 0 where none is given.
func parseNumber(q url.Values, name string) (epoch, number uint64, err error) {
	v := q.Get(name)
	if v == "" {
		return 0, 0, nil
	}
	if epoch, number, err = ParseRevision(v); err != nil {
		return 0, 0, Errorf(CodeBadRequest, "%s is %q, wanted the number of a revision", name, v).
			WithRemedy("dsctl rollout history lists them")
	}
	return epoch, number, nil
}
