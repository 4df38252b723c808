package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/daemonsetd/daemonsetd/agent/registry"
)

// objectList is a Kubernetes list of any kind.
type objectList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`
	Items           []registry.Object `json:"items"`
}

// query is what the parameters of a list or a watch say.
type query struct {
	filter
	watch bool
	since uint64
}

func parseQuery(q url.Values, res registry.Resource) (query, error) {
	if err := checkQuery(q, "watch", "resourceVersion", "namespace", "labelSelector", "fieldSelector"); err != nil {
		return query{}, err
	}
	f, err := parseFilter(q, res)
	if err != nil {
		return query{}, err
	}
	out := query{filter: f}
	if out.watch, err = parseFlag(q, "watch"); err != nil {
		return query{}, err
	}
	if v := q.Get("resourceVersion"); v != "" {
		if out.since, err = strconv.ParseUint(v, 10, 64); err != nil {
			return query{}, Errorf(CodeBadRequest, "resourceVersion is %q, wanted a number from an earlier answer", v)
		}
	}
	return out, nil
}

// serveResource lists a resource, or watches it with watch=1.
func (s *Server) serveResource(res registry.Resource) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		q, err := parseQuery(r.URL.Query(), res)
		if err != nil {
			return err
		}
		defer s.cfg.Backend.Reads(res)()
		if q.watch {
			return s.serveWatch(w, r, res, q)
		}
		extendWrite(w, requestTimeout)
		return writeJSON(w, s.list(res, q.filter))
	}
}

func (s *Server) list(res registry.Resource, f filter) objectList {
	objects, version := s.cfg.Backend.Registry().List(res)
	gvk := registry.Kind(res)
	gvk.Kind += "List"
	out := objectList{Items: []registry.Object{}}
	out.APIVersion, out.Kind = gvk.ToAPIVersionAndKind()
	out.ResourceVersion = strconv.FormatUint(version, 10)
	for _, obj := range objects {
		if f.matches(obj) {
			out.Items = append(out.Items, obj)
		}
	}
	return out
}

func (s *Server) serveWatch(w http.ResponseWriter, r *http.Request, res registry.Resource, q query) error {
	if err := s.takeWatch(); err != nil {
		return err
	}
	defer func() { <-s.watches }()
	watcher, err := s.cfg.Backend.Registry().Watch(res, q.since)
	if err != nil {
		if errors.Is(err, registry.ErrGone) {
			return Errorf(CodeGone, "%v", err).WithRemedy("list again and watch from the resourceVersion of that answer")
		}
		return err
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.closing, cancel)()
	return newStream(w).run(ctx, watcher, q.filter)
}

// stream writes watch events, one a line.
type stream struct {
	w  http.ResponseWriter
	rc *http.ResponseController
}

func newStream(w http.ResponseWriter) *stream {
	w.Header().Set("Content-Type", "application/json")
	return &stream{w: w, rc: http.NewResponseController(w)}
}

func (s *stream) run(ctx context.Context, watcher *registry.Watcher, f filter) error {
	s.w.WriteHeader(http.StatusOK)
	if err := s.flush(); err != nil {
		return err
	}
	for change, err := range watcher.All(ctx) {
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return s.end(err)
		}
		kind, ok := f.event(change)
		if !ok {
			continue
		}
		if err := s.write(string(kind), change.Object, watcher.Buffered() == 0); err != nil {
			return err
		}
	}
	return nil
}

// end tells the watcher why it gets no more.
func (s *stream) end(err error) error {
	st := &metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"},
		Status:   metav1.StatusFailure,
		Code:     http.StatusGone,
		Reason:   metav1.StatusReasonExpired,
		Message:  err.Error(),
	}
	return s.write(string(watch.Error), st, true)
}

func (s *stream) write(kind string, obj runtime.Object, flush bool) error {
	return s.line(metav1.WatchEvent{Type: kind, Object: runtime.RawExtension{Object: obj}}, flush)
}

// line writes v as one line.
func (s *stream) line(v any, flush bool) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	extendWrite(s.w, writeTimeout)
	if _, err := s.w.Write(append(line, '\n')); err != nil {
		return err
	}
	if flush {
		return s.flush()
	}
	return nil
}

func (s *stream) flush() error {
	extendWrite(s.w, writeTimeout)
	return s.rc.Flush()
}
