package api

import (
	"fmt"
	"net/http"
)

// Codes of an Error, which are stable.
const (
	CodeBadRequest   = "BadRequest"
	CodeConflict     = "Conflict"
	CodeForbidden    = "Forbidden"
	CodeGone         = "Gone"
	CodeInternal     = "Internal"
	CodeInvalid      = "Invalid"
	CodeMethod       = "MethodNotAllowed"
	CodeNotFound     = "NotFound"
	CodeTooLarge     = "TooLarge"
	CodeTooMany      = "TooManyRequests"
	CodeUnavailable  = "Unavailable"
	CodeUnknownMedia = "UnsupportedMediaType"
)

// Error is a problem object (RFC 9457) with what to do about it. A Backend returns one to choose what the client sees.
type Error struct {
	// Type is a URI of the kind of problem; the server fills it in from Code.
	Type string `json:"type"`
	// Title is a short text that is the same for every problem of this kind; the server fills it in from Status.
	Title string `json:"title"`
	// Status is the HTTP status.
	Status int `json:"status"`
	// Detail is what went wrong this time, in one sentence.
	Detail string `json:"detail"`
	// Remedy is what to do.
	Remedy string `json:"remedy,omitempty"`
	// Code is one of the Code constants.
	Code string `json:"code"`
}

// Error is the detail. The remedy is apart, so that it is told once and where it is of use.
func (e *Error) Error() string { return e.Detail }

// Errorf makes an Error of a code with the HTTP status that belongs to it.
func Errorf(code, format string, args ...any) *Error {
	return &Error{Code: code, Status: statusOf(code), Detail: fmt.Sprintf(format, args...)}
}

// WithRemedy sets the remedy and returns the same error.
func (e *Error) WithRemedy(remedy string) *Error {
	e.Remedy = remedy
	return e
}

func statusOf(code string) int {
	switch code {
	case CodeBadRequest:
		return http.StatusBadRequest
	case CodeConflict:
		return http.StatusConflict
	case CodeForbidden:
		return http.StatusForbidden
	case CodeGone:
		return http.StatusGone
	case CodeInvalid:
		return http.StatusUnprocessableEntity
	case CodeMethod:
		return http.StatusMethodNotAllowed
	case CodeNotFound:
		return http.StatusNotFound
	case CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case CodeTooMany:
		return http.StatusTooManyRequests
	case CodeUnavailable:
		return http.StatusServiceUnavailable
	case CodeUnknownMedia:
		return http.StatusUnsupportedMediaType
	default:
		return http.StatusInternalServerError
	}
}
