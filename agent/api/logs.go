package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
)

// LogRequest asks for the log of a container of a pod of this host.
type LogRequest struct {
	// Namespace and Pod name the pod. Container may be empty where the pod has one, or says which is meant
	// (kubectl.kubernetes.io/default-container).
	Namespace, Pod, Container string
	// Follow goes on as the log grows. Previous is the log of the container before its last restart.
	Follow, Previous, Timestamps bool
	// Tail is how many lines of the end are wanted; below 0: all.
	Tail int64
	// Since is how old lines may be; 0: any age.
	Since time.Duration
}

// serveLogs streams a log as plain text. Logs can hold secrets, so it is for those alone who could read them on the
// host. It takes the place of a watch while it lasts.
func (s *Server) serveLogs(w http.ResponseWriter, r *http.Request) error {
	req, err := parseLogs(r.URL.Query())
	if err != nil {
		return err
	}
	if err := s.takeWatch(); err != nil {
		return err
	}
	defer func() { <-s.watches }()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.closing, cancel)()
	body, err := s.cfg.Backend.Logs(ctx, req)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	rc := http.NewResponseController(w)
	w.WriteHeader(http.StatusOK)
	extendWrite(w, writeTimeout)
	if err := rc.Flush(); err != nil {
		return err
	}
	buf := make([]byte, 32<<10)
	for {
		n, err := body.Read(buf)
		if n > 0 {
			extendWrite(w, writeTimeout)
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
			if err := rc.Flush(); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) || ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// maxSince is 100 years in seconds.
const maxSince = 100 * 366 * 24 * 3600

func parseLogs(q url.Values) (LogRequest, error) {
	err := checkQuery(q, "namespace", "pod", "container", "follow", "previous", "timestamps", "tail", "since")
	if err != nil {
		return LogRequest{}, err
	}
	req := LogRequest{Namespace: q.Get("namespace"), Pod: q.Get("pod"), Container: q.Get("container"), Tail: -1}
	if errs := validation.IsDNS1123Label(req.Namespace); len(errs) > 0 {
		return req, Errorf(CodeBadRequest, "the namespace %.64q is none: %s", req.Namespace, errs[0])
	}
	if errs := validation.IsDNS1123Subdomain(req.Pod); len(errs) > 0 {
		return req, Errorf(CodeBadRequest, "the pod %.64q is none: %s", req.Pod, errs[0])
	}
	if errs := validation.IsDNS1123Label(req.Container); req.Container != "" && len(errs) > 0 {
		return req, Errorf(CodeBadRequest, "the container %.64q is none: %s", req.Container, errs[0])
	}
	for name, flag := range map[string]*bool{
		"follow": &req.Follow, "previous": &req.Previous, "timestamps": &req.Timestamps,
	} {
		if *flag, err = parseFlag(q, name); err != nil {
			return req, err
		}
	}
	if v := q.Get("tail"); v != "" {
		if req.Tail, err = strconv.ParseInt(v, 10, 64); err != nil || req.Tail < 0 {
			return req, Errorf(CodeBadRequest, "tail is %.64q, wanted a number of lines, 0 or more", v)
		}
	}
	if v := q.Get("since"); v != "" {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n <= 0 || n > maxSince {
			return req, Errorf(CodeBadRequest, "since is %.64q, wanted seconds from 1 to %d", v, int64(maxSince))
		}
		req.Since = time.Duration(n) * time.Second
	}
	return req, nil
}
