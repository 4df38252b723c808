package api

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode"
)

// maxMemberName is how long the name or id of a member may be: the longest name of a node.
const maxMemberName = 253

// serveMembers lists the members, or watches them with watch=1: without a resourceVersion first every one as ADDED,
// then a BOOKMARK, then what changes; with that of a list what has changed since.
func (s *Server) serveMembers(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	req, err := watchQuery(q, "member")
	if err != nil {
		return err
	}
	name := q.Get("member")
	wants := func(m Member) bool { return name == "" || m.Name == name || m.ID == name }
	of := asked[MemberList, Member]{list: s.cfg.Backend.Members, wants: wants}
	return serveItems(s, w, r, req, s.sources.members, of)
}

// serveSpecs lists the spec files of all hosts, or watches the files with watch=1 as serveMembers does.
func (s *Server) serveSpecs(w http.ResponseWriter, r *http.Request) error {
	req, err := watchQuery(r.URL.Query())
	if err != nil {
		return err
	}
	of := asked[SpecFileList, SpecFile]{list: s.specs, wants: func(SpecFile) bool { return true }}
	return serveItems(s, w, r, req, s.sources.specs, of)
}

func (s *Server) specs(ctx context.Context) (*SpecFileList, error) {
	got, err := s.cfg.Backend.Specs(ctx)
	if err != nil {
		return nil, err
	}
	list := *got
	list.Hosts = notNil(list.Hosts)
	return &list, nil
}

func watchQuery(q url.Values, known ...string) (watchRequest, error) {
	if err := checkQuery(q, append(known, watchParams...)...); err != nil {
		return watchRequest{}, err
	}
	return parseWatch(q)
}

func (s *Server) serveForget(w http.ResponseWriter, r *http.Request) error {
	return act(w, r, decodeForget, s.cfg.Backend.Forget)
}

func (s *Server) serveLeave(w http.ResponseWriter, r *http.Request) error {
	return act(w, r, decodeLeave, s.cfg.Backend.Leave)
}

func (s *Server) serveTrust(w http.ResponseWriter, r *http.Request) error {
	return act(w, r, decodeTrust, s.cfg.Backend.Trust)
}

// act does what a request asks for, also when whoever asked does not wait for it.
func act[Req, Res any, P interface {
	*Res
	object
}](
	w http.ResponseWriter, r *http.Request, read func(io.Reader) (Req, error), do func(context.Context, Req) (P, error),
) error {
	req, err := read(r.Body)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), requestTimeout)
	defer cancel()
	res, err := do(ctx, req)
	if err != nil {
		return err
	}
	out := *res
	return respond(w, P(&out))
}

func decodeForget(body io.Reader) (ForgetRequest, error) {
	var req ForgetRequest
	if err := decode(body, &req); err != nil {
		return ForgetRequest{}, err
	}
	switch {
	case !req.NeverSeen && req.OlderSeconds != 0:
		return req, Errorf(CodeBadRequest, "olderSeconds is for neverSeen alone")
	case req.NeverSeen && (req.Member != "" || req.Force):
		return req, Errorf(CodeBadRequest, "neverSeen chooses the members itself").
			WithRemedy("name no member, and do not force")
	case req.OlderSeconds < 0 || req.OlderSeconds > maxOlderSeconds:
		return req, Errorf(CodeBadRequest, "olderSeconds is %g, wanted 0 to %d", req.OlderSeconds, int(maxOlderSeconds))
	case req.NeverSeen:
		return req, nil
	}
	return req, checkMember(req.Member)
}

// maxOlderSeconds is 100 years.
const maxOlderSeconds = 100 * 366 * 24 * 3600

func decodeLeave(body io.Reader) (req LeaveRequest, err error) {
	err = decode(body, &req)
	return req, err
}

func decodeTrust(body io.Reader) (TrustRequest, error) {
	var req TrustRequest
	if err := decode(body, &req); err != nil {
		return TrustRequest{}, err
	}
	return req, checkMember(req.Member)
}

// checkMember refuses what can be neither a name nor an id.
func checkMember(name string) error {
	switch {
	case name == "":
		return Errorf(CodeBadRequest, "no member is named").WithRemedy("give the name of a node or the id of a member")
	case len(name) > maxMemberName:
		return Errorf(CodeBadRequest, "the member's name has %d bytes, a name or an id has at most %d", len(name),
			maxMemberName)
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) || r == ' ' }):
		return Errorf(CodeBadRequest, "the member %q is neither the name of a node nor the id of a member", name)
	}
	return nil
}
