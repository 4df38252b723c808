package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

// decode reads a JSON body strictly: no unknown field, nothing after it.
func decode(r io.Reader, into any) error {
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return decodeError(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		if big, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return tooLarge(big.Limit)
		}
		return Errorf(CodeBadRequest, "the body goes on after its end; wanted one JSON object")
	}
	return nil
}

func decodeError(err error) error {
	if big, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge(big.Limit)
	}
	if errors.Is(err, io.EOF) {
		return Errorf(CodeBadRequest, "the body is empty; wanted one JSON object")
	}
	return Errorf(CodeBadRequest, "the body is not what was wanted: %v", err)
}

// respond answers 200 with an object, of which it sets the kind.
func respond(w http.ResponseWriter, o object) error {
	o.setType()
	return writeJSON(w, o)
}

// writeJSON answers 200 with v.
func writeJSON(w http.ResponseWriter, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return Errorf(CodeInternal, "encoding the answer: %v", err)
	}
	w.Header().Set("Content-Type", "application/json")
	_, err = w.Write(append(data, '\n'))
	return err
}

// writeProblem answers with a problem object. What is not an *Error has its text as detail: the peers are root and
// those whom root lets read.
func writeProblem(w http.ResponseWriter, err error) {
	p := *asError(err)
	if p.Status < 400 || p.Status > 599 {
		p.Status = statusOf(p.Code)
	}
	p.Type, p.Title = "urn:daemonsetd:problem:"+p.Code, http.StatusText(p.Status)
	data, err := json.Marshal(p)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	// The client may be gone; there is nobody else to tell.
	_, _ = w.Write(append(data, '\n'))
}

func asError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return Errorf(CodeUnavailable, "the agent did not answer in time: %v", err).WithRemedy("look at its log")
	}
	return Errorf(CodeInternal, "%v", err)
}

// recorder notes whether and with what the answer began.
type recorder struct {
	http.ResponseWriter
	started bool
	code    int
}

// WriteHeader notes the status.
func (r *recorder) WriteHeader(code int) {
	if !r.started {
		r.started, r.code = true, code
	}
	r.ResponseWriter.WriteHeader(code)
}

// Write notes that the answer began.
func (r *recorder) Write(p []byte) (int, error) {
	if !r.started {
		r.started, r.code = true, http.StatusOK
	}
	return r.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController find what the wrapped writer can do.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) status() int {
	if r.code == 0 {
		return http.StatusOK
	}
	return r.code
}
