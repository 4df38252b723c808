package api

import (
	"context"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/registry"
)

// HeaderVersion carries the version of the server in answers and of the client in requests.
const HeaderVersion = "Daemonsetd-Version"

// Host is the Host header of a client that has no better idea, and the only one besides localhost that is taken.
const Host = "daemonsetd"

// MaxPlanBody is how many bytes the body of POST /v1/plan may have: one spec file of the largest size fits, in base64,
// and many usual ones.
const MaxPlanBody = 32 << 20

const (
	maxPatchBody  = 1 << 20
	maxMemberBody = 4 << 10
)

// route is one method of one path.
type route struct {
	// write is set where the request changes something.
	write bool
	// body is how many bytes of body are taken; 0 means that there must be none.
	body int64
	// private is set where what is read may hold secrets: it is for those who may write.
	private bool
	// stream is set where the answer has no end.
	stream bool
	serve  func(w http.ResponseWriter, r *http.Request) error
}

// routes is every path with its methods.
type routes map[string]map[string]route

func (s *Server) table() routes {
	t := routes{
		"/metrics":             get(s.serveMetrics),
		"/v1/healthz":          get(s.serveHealthz),
		"/v1/version":          get(s.serveVersion),
		"/v1/status":           get(s.serveStatus),
		"/v1/explain":          get(s.serveExplain),
		"/v1/diff":             get(s.serveDiff),
		"/v1/configs":          get(s.serveConfigs),
		"/v1/settled":          get(s.serveSettled),
		"/v1/logs":             {http.MethodGet: {private: true, stream: true, serve: s.serveLogs}},
		"/v1/members":          {http.MethodGet: {stream: true, serve: s.serveMembers}},
		"/v1/specs":            {http.MethodGet: {stream: true, serve: s.serveSpecs}},
		"/v1/rollouts":         {http.MethodGet: {stream: true, serve: s.serveRollouts}},
		"/v1/rollouts/history": get(s.serveRevisions),
		"/v1/rollouts/undo":    get(s.serveUndo),
		// A plan changes nothing, but it works on what is sent, so it is for those who could lay the files out.
		"/v1/plan":             {http.MethodPost: {write: true, body: MaxPlanBody, serve: s.servePlan}},
		"/v1/reload":           {http.MethodPost: {write: true, serve: s.serveReload}},
		"/v1/node":             {http.MethodPatch: {write: true, body: maxPatchBody, serve: s.servePatchNode}},
		"/v1/members/forget":   {http.MethodPost: {write: true, body: maxMemberBody, serve: s.serveForget}},
		"/v1/members/leave":    {http.MethodPost: {write: true, body: maxMemberBody, serve: s.serveLeave}},
		"/v1/rollouts/release": {http.MethodPost: {write: true, body: maxMemberBody, serve: s.serveRelease}},
		"/v1/rollouts/reset":   {http.MethodPost: {write: true, body: maxMemberBody, serve: s.serveReset}},
		"/v1/rollouts/replace": {http.MethodPost: {write: true, body: maxMemberBody, serve: s.serveReplace}},
		"/v1/members/trust":    {http.MethodPost: {write: true, body: maxMemberBody, serve: s.serveTrust}},
	}
	for _, res := range registry.Resources() {
		t["/v1/"+string(res)] = map[string]route{http.MethodGet: {stream: true, serve: s.serveResource(res)}}
	}
	return t
}

func get(serve func(http.ResponseWriter, *http.Request) error) map[string]route {
	r := route{serve: serve}
	return map[string]route{http.MethodGet: r, http.MethodHead: r}
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set(HeaderVersion, s.cfg.Backend.Version().Version)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	rec := &recorder{ResponseWriter: w}
	if err := s.serve(rec, r); err != nil && !rec.started {
		writeProblem(rec, err)
	}
	s.counts.request(rec.status())
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) error {
	if err := checkHeaders(r); err != nil {
		return err
	}
	rt, err := s.routes.find(w, r)
	if err != nil {
		return err
	}
	if err := s.checkPeer(r, rt); err != nil {
		return err
	}
	if err := checkBody(w, r, rt); err != nil {
		return err
	}
	if rt.stream {
		// net/http goes on reading to notice that the client is gone, and would take the end of ReadTimeout for that.
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
		return rt.serve(w, r)
	}
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(requestTimeout + writeTimeout))
	extendWrite(w, requestTimeout+writeTimeout)
	return rt.serve(w, r.WithContext(ctx))
}

// extendWrite gives the answer that long from now. Not every writer has deadlines; those that have none need none.
func extendWrite(w http.ResponseWriter, d time.Duration) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d))
}

func (t routes) find(w http.ResponseWriter, r *http.Request) (route, error) {
	methods, ok := t[r.URL.Path]
	if !ok {
		return route{}, Errorf(CodeNotFound, "there is nothing at %q", r.URL.Path).
			WithRemedy("see whether client and agent have the same version")
	}
	rt, ok := methods[r.Method]
	if !ok {
		var allowed []string
		for m := range methods {
			allowed = append(allowed, m)
		}
		slices.Sort(allowed)
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		return route{}, Errorf(CodeMethod, "%s takes %s, not %q", r.URL.Path, strings.Join(allowed, " or "), r.Method)
	}
	return rt, nil
}

// checkHeaders refuses what a browser sends, whatever page told it to, and names that point here by accident or by
// malice (DNS rebinding).
func checkHeaders(r *http.Request) error {
	switch r.Host {
	case "", Host, "localhost":
	default:
		return Errorf(CodeForbidden, "the host %q is not served here", r.Host).
			WithRemedy("use the host name " + Host)
	}
	for _, name := range []string{"Origin", "Referer", "Sec-Fetch-Site"} {
		if len(r.Header.Values(name)) > 0 {
			return Errorf(CodeForbidden, "requests with the header %s are refused: this is no place for a browser", name)
		}
	}
	return nil
}

func (s *Server) checkPeer(r *http.Request, rt route) error {
	peer, err := peerFrom(r.Context())
	if err != nil {
		return Errorf(CodeForbidden, "it is not known who asks: %v", err)
	}
	if rt.write && !s.policy.mayWrite(peer) {
		return Errorf(CodeForbidden, "user %d may not change anything here", peer.UID).
			WithRemedy("run the command as root, for example with sudo")
	}
	if rt.private && !s.policy.mayWrite(peer) {
		return Errorf(CodeForbidden, "user %d may not read this here, as it can hold secrets", peer.UID).
			WithRemedy("run the command as root, for example with sudo")
	}
	if !s.policy.mayRead(peer) {
		return Errorf(CodeForbidden, "user %d may not read here", peer.UID).
			WithRemedy("run the command as root, or make the user a member of the socket's group")
	}
	return nil
}

func checkBody(w http.ResponseWriter, r *http.Request, rt route) error {
	if rt.body == 0 {
		if r.ContentLength != 0 {
			return Errorf(CodeBadRequest, "%s %s takes no body", r.Method, r.URL.Path)
		}
		return nil
	}
	if got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || got != "application/json" {
		return Errorf(CodeUnknownMedia, "the content type is %q, wanted application/json", r.Header.Get("Content-Type"))
	}
	if r.ContentLength > rt.body {
		return tooLarge(rt.body)
	}
	r.Body = http.MaxBytesReader(w, r.Body, rt.body)
	return nil
}

func tooLarge(limit int64) *Error {
	return Errorf(CodeTooLarge, "the body is larger than %d bytes", limit).WithRemedy("send fewer or smaller files")
}
