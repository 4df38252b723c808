package kubelet

import (
	"fmt"
	"net/http"
)

// State says in which way the kubelet could not be asked. The states call for different acts of the operator.
type State string

const (
	// Unreachable means that nothing answered within the deadline.
	Unreachable State = "Unreachable"
	// Untrusted means that something answered that is not the kubelet whose certificate is pinned, or whose CA is known.
	Untrusted State = "Untrusted"
	// Unauthorised means that the kubelet answered that this agent may not ask (401 or 403).
	Unauthorised State = "Unauthorised"
	// WrongVersion means that the kubelet does not serve what was asked for, or in another version.
	WrongVersion State = "WrongVersion"
	// BadAnswer means that an answer came that cannot be used: an error status, a body that is cut, too large, or not what
	// it should be.
	BadAnswer State = "BadAnswer"
	// OtherNode means that the kubelet that answers runs a node of another name: what is not in its lists under a name
	// that was made of this host's may be there all the same, and it may be the kubelet of another machine.
	OtherNode State = "OtherNode"
)

// Error is why a question to the kubelet has no answer. It comes from every method of [Client].
type Error struct {
	// Op is what was asked for: health, pods, running pods, summary, configuration, version.
	Op string
	// URL is the address that was asked.
	URL string
	// State is the kind of failure.
	State State
	// Status is the HTTP status, 0 when there was none.
	Status int
	// Remedy is what to do about it: one sentence without a full stop.
	Remedy string
	// Err is the cause.
	Err error
}

// Error says what was asked and what came back, without the remedy.
func (e *Error) Error() string {
	return fmt.Sprintf("ask the kubelet for its %s at %s: %v", e.Op, e.URL, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// maxQuoted is how many bytes of an unexpected answer an error message shows.
const maxQuoted = 200

// statusError makes an Error of an answer other than 200.
func statusError(op, url string, status int, body []byte) *Error {
	e := &Error{Op: op, URL: url, Status: status, State: BadAnswer, Remedy: "look at the kubelet's log for the cause"}
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		e.State = Unauthorised
		e.Remedy = "set kubelet.clientCertFile and kubelet.clientKeyFile, or kubelet.tokenFile, to credentials that " +
			"the kubelet accepts, or enable authentication.anonymous in its configuration"
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone:
		e.State = WrongVersion
		e.Remedy = "use the kubelet's authenticated port with enableDebuggingHandlers, and a kubelet of 1.28 or newer"
	}
	e.Err = fmt.Errorf("answered %d %s%s", status, http.StatusText(status), quoted(body))
	return e
}

// quoted shows the beginning of a body that was not expected.
func quoted(body []byte) string {
	if len(body) == 0 {
		return ""
	}
	return fmt.Sprintf(": %q", body[:min(len(body), maxQuoted)])
}
