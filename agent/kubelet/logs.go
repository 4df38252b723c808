package kubelet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const opLogs = "logs"

const (
	// MaxLogBytes is how much of a log is read that is not followed.
	MaxLogBytes = 64 << 20
	// maxLogStreams is how many logs are read at a time. They have connections of their own, so that no reader of logs
	// keeps the questions that decisions hang on from an answer.
	maxLogStreams = 16
	// logsBegin is how long the kubelet may take until a log begins; it reads a file, and asks the runtime where it is.
	logsBegin = 15 * time.Second
	// maxRefusal is how much of the reason is read for which there is no log.
	maxRefusal = 4 << 10
)

// LogRequest is which log is wanted of a container. Namespace, Pod and Container are names that the kubelet listed.
type LogRequest struct {
	Namespace, Pod, Container string
	// Follow goes on as the log grows. Previous is the log of the container before the last restart.
	Follow, Previous, Timestamps bool
	// Tail is how many lines of the end are wanted; below 0: all. Since is how old lines may be; 0: any age.
	Tail  int64
	Since time.Duration
}

// ErrNoLog is the cause of the error where the kubelet has no such log; its text says why.
var ErrNoLog = errors.New("there is no such log")

// Logs reads the log of a container (GET /containerLogs, pkg/kubelet/server/server.go). Whoever calls it closes what it
// returns, or ends ctx. The error is an *Error.
func (c *Client) Logs(ctx context.Context, req LogRequest) (io.ReadCloser, error) {
	path := "/containerLogs/" + url.PathEscape(req.Namespace) + "/" + url.PathEscape(req.Pod) + "/" +
		url.PathEscape(req.Container)
	q := question{op: opLogs, url: c.set.URL + path + "?" + req.query().Encode(), secret: true}
	if c.set.URL == "" {
		return nil, &Error{
			Op: opLogs, URL: path, State: WrongVersion, Err: errors.New("the kubelet has no authenticated port"),
			Remedy: "set enableServer: true in the kubelet's configuration",
		}
	}
	c.stats.requests.Add(1)
	ctx, cancel := context.WithCancel(ctx)
	// It bounds the beginning alone: a log that is followed has no end.
	timer := time.AfterFunc(logsBegin, cancel)
	start := time.Now()
	resp, err := c.sendBy(ctx, c.logs, q)
	if !timer.Stop() && err != nil {
		err = context.DeadlineExceeded
	}
	if err != nil {
		cancel()
		c.stats.failures.Add(1)
		return nil, c.failed(q, err, time.Since(start))
	}
	if resp.StatusCode == http.StatusOK {
		return &logBody{resp.Body, cancel}, nil
	}
	defer cancel()
	defer resp.Body.Close()
	c.stats.failures.Add(1)
	why, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	refused := statusError(opLogs, q.url, resp.StatusCode, why)
	if resp.StatusCode == http.StatusBadRequest || resp.StatusCode == http.StatusNotFound {
		refused.Err = fmt.Errorf("%w: %w", ErrNoLog, refused.Err)
	}
	return nil, refused
}

func (r LogRequest) query() url.Values {
	q := url.Values{}
	for name, on := range map[string]bool{"follow": r.Follow, "previous": r.Previous, "timestamps": r.Timestamps} {
		if on {
			q.Set(name, "true")
		}
	}
	if r.Tail >= 0 {
		q.Set("tailLines", strconv.FormatInt(r.Tail, 10))
	}
	if r.Since > 0 {
		q.Set("sinceSeconds", strconv.FormatInt(max(1, int64(r.Since.Round(time.Second)/time.Second)), 10))
	}
	if !r.Follow {
		q.Set("limitBytes", strconv.Itoa(MaxLogBytes))
	}
	return q
}

// logBody ends the request when it is closed.
type logBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

// Close ends the request.
func (b *logBody) Close() error {
	b.cancel()
	return b.ReadCloser.Close()
}
