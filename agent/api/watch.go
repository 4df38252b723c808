package api

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/daemonsetd/daemonsetd/agent/versions"
)

// watchParams are the parameters that lists with a version take; the names are Kubernetes'.
var watchParams = []string{"watch", "resourceVersion", "allowWatchBookmarks"}

// watchRequest is what they say.
type watchRequest struct {
	// watch asks for changes instead of a list, since the version from which on; 0 means everything that there is, and
	// then its changes.
	watch bool
	since uint64
	// bookmarks asks for a BOOKMARK after everything that there is.
	bookmarks bool
}

func parseWatch(q url.Values) (r watchRequest, err error) {
	if r.watch, err = parseFlag(q, "watch"); err != nil {
		return watchRequest{}, err
	}
	if r.bookmarks, err = parseFlag(q, "allowWatchBookmarks"); err != nil {
		return watchRequest{}, err
	}
	if v := q.Get("resourceVersion"); v != "" {
		if r.since, err = strconv.ParseUint(v, 10, 64); err != nil {
			return watchRequest{}, Errorf(CodeBadRequest, "resourceVersion is %q, wanted a number from an earlier answer", v)
		}
	}
	return r, nil
}

// watched is one watch: what is sent of a table.
type watched[T any] struct {
	// begin starts it, as Watch of a table does.
	begin func(since uint64) (*versions.Watcher[T], error)
	// event is what a change is for this client; false when it is nothing.
	event func(versions.Change[T]) (watch.EventType, bool)
	// kind is that of the things, for bookmarks.
	kind metav1.TypeMeta
	// fill keeps the table up to date until the context ends; nil where others do. Its error ends the watch.
	fill func(context.Context) error
}

// serveWatch sends a table's changes, one a line, until the client has enough or the server stops.
func serveWatch[T any](s *Server, w http.ResponseWriter, r *http.Request, req watchRequest, of watched[T]) error {
	if err := s.takeWatch(); err != nil {
		return err
	}
	defer func() { <-s.watches }()
	watcher, err := of.begin(req.since)
	if err != nil {
		return watchError(err)
	}
	if req.since == 0 && req.bookmarks {
		watcher.Bookmark()
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	defer context.AfterFunc(s.closing, func() { cancel(nil) })()
	if of.fill != nil {
		filled := make(chan struct{})
		defer func() { <-filled }()
		defer cancel(nil)
		go func() {
			defer close(filled)
			cancel(of.fill(ctx))
		}()
	}
	return send(newStream(w), watcher.All(ctx), of, watcher.Buffered)
}

// send writes changes until they end with an error, of which the client is told. The end of the context is none: the
// client or the server has had enough.
func send[T any](out *stream, changes iter.Seq2[versions.Change[T], error], of watched[T], buffered func() int) error {
	if err := out.begin(); err != nil {
		return err
	}
	for change, err := range changes {
		if errors.Is(err, context.Canceled) {
			return nil
		}
		if err != nil {
			return out.end(err)
		}
		ev, ok := of.shown(change)
		if ok {
			if err := out.line(ev); err != nil {
				return err
			}
		}
		// The last of what is at hand may be one that this client does not see, behind one that waits to be sent.
		if buffered() == 0 {
			if err := out.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// shown is what a client is sent of a change; false: nothing.
func (of watched[T]) shown(c versions.Change[T]) (watchEvent, bool) {
	if c.Type == watch.Bookmark {
		return watchEvent{Type: watch.Bookmark, Object: bookmark(of.kind, c.Version)}, true
	}
	kind, ok := of.event(c)
	return watchEvent{Type: kind, Object: c.Object}, ok
}

// takeWatch takes one of the server's watches, which is given back by receiving from s.watches.
func (s *Server) takeWatch() error {
	if take(s.watches) {
		return nil
	}
	s.counts.rejected.Add(1)
	return Errorf(CodeTooMany, "the agent serves %d watches already", cap(s.watches)).
		WithRemedy("end some of them and try again")
}

// watchEvent is one line of a watch, as Kubernetes has it.
type watchEvent struct {
	Type   watch.EventType `json:"type"`
	Object any             `json:"object"`
}

// bookmark is what Kubernetes sends when everything that there was has been sent.
func bookmark(kind metav1.TypeMeta, version uint64) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{TypeMeta: kind, ObjectMeta: metav1.ObjectMeta{
		ResourceVersion: strconv.FormatUint(version, 10),
		Annotations:     map[string]string{metav1.InitialEventsAnnotationKey: "true"},
	}}
}

// watchError is why a watch does not begin, or ends, in the terms of the API.
func watchError(err error) *Error {
	if errors.Is(err, versions.ErrGone) {
		return Errorf(CodeGone, "%v", err).WithRemedy("list again and watch from the resourceVersion of that answer")
	}
	return asError(err)
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

// begin answers 200, so that the client knows that it watches before anything changes.
func (s *stream) begin() error {
	s.w.WriteHeader(http.StatusOK)
	return s.flush()
}

// end tells the watcher why it gets no more.
func (s *stream) end(err error) error {
	p := watchError(err)
	st := &metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"},
		Status:   metav1.StatusFailure, Code: int32(p.Status), Message: p.Detail,
	}
	if p.Code == CodeGone {
		st.Reason = metav1.StatusReasonExpired
	}
	if err := s.line(watchEvent{watch.Error, st}); err != nil {
		return err
	}
	return s.flush()
}

// line writes an event as one line, which flush sends.
func (s *stream) line(ev watchEvent) error {
	line, err := json.Marshal(ev)
	if err != nil {
		return err
	}
	extendWrite(s.w, writeTimeout)
	_, err = s.w.Write(append(line, '\n'))
	return err
}

func (s *stream) flush() error {
	extendWrite(s.w, writeTimeout)
	return s.rc.Flush()
}
