package client

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

var (
	// ErrUnreachable is returned when nobody answers on the socket.
	ErrUnreachable = errors.New("the agent cannot be reached")
	// ErrForbidden is returned when this user may not open the socket, or may not do what was asked.
	ErrForbidden = errors.New("not permitted")
)

// Error is a failure with what to do about it.
type Error struct {
	// Kind is ErrUnreachable or ErrForbidden.
	Kind error
	// Text says what is wrong, Remedy what to do.
	Text, Remedy string
	Cause        error
}

// Error is the text, without the remedy.
func (e *Error) Error() string { return e.Text }

// Unwrap gives the kind and the cause.
func (e *Error) Unwrap() []error { return []error{e.Kind, e.Cause} }

// retryDelay is how long to wait between two attempts to connect.
const retryDelay = 50 * time.Millisecond

// dial connects to the socket and, while it refuses, tries again for a while: an agent that restarts is back soon.
func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	return c.retry(ctx, func() (net.Conn, error) { return d.DialContext(ctx, "unix", c.cfg.Socket) })
}

// retry connects until it has, until something else than a restart is in the way, or until it has lasted too long.
func (c *Client) retry(ctx context.Context, connect func() (net.Conn, error)) (net.Conn, error) {
	deadline := time.Now().Add(c.cfg.RetryFor)
	restarting := false
	for {
		conn, err := connect()
		// What refused may be gone by the time that it is looked at: it was a socket then, as only a file that stays is none.
		restarting = restarting || (busy(err) && !c.isOther())
		// Between the old socket and the new one there is none for a moment.
		again := busy(err) || errors.Is(err, fs.ErrNotExist)
		if err == nil || !restarting || !again || time.Now().After(deadline) {
			return conn, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(retryDelay):
		}
	}
}

// isOther says whether something else than a socket stands where it should be.
func (c *Client) isOther() bool {
	info, err := os.Stat(c.cfg.Socket)
	return err == nil && info.Mode().Type() != fs.ModeSocket
}

// explain says what a failed request means for who runs this program.
func (c *Client) explain(err error) error {
	socket := c.cfg.Socket
	e := &Error{Kind: ErrUnreachable, Cause: err}
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		e.Text = fmt.Sprintf("the agent at %q did not answer in time", socket)
		e.Remedy = "see its log: journalctl -u daemonsetd"
	case errors.Is(err, fs.ErrPermission):
		e.Kind = ErrForbidden
		e.Text = fmt.Sprintf("this user may not open the agent's socket %q", socket)
		e.Remedy = "run the command as root, for example with sudo, or make the user a member of the socket's group"
	case errors.Is(err, fs.ErrNotExist):
		e.Text = fmt.Sprintf("the agent is not running: there is no socket %q", socket)
		e.Remedy = "start it with: systemctl start daemonsetd; or name another socket with --socket"
	case errors.Is(err, syscall.ECONNREFUSED) && c.isOther():
		e.Text = fmt.Sprintf("%q is no socket", socket)
		e.Remedy = "name the agent's socket with --socket"
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Text = fmt.Sprintf("the agent is not running: nobody listens on %q", socket)
		e.Remedy = "see why with: systemctl status daemonsetd"
	default:
		e.Text = fmt.Sprintf("asking the agent at %q: %v", socket, err)
		e.Remedy = "see its log: journalctl -u daemonsetd"
	}
	return e
}

// busy tells that nobody listens, or that the queue of who wants in is full.
func busy(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EAGAIN)
}
