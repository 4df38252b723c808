package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/registry"
)

// maxLine is how long a line of a watch may be: a Kubernetes object has at most 1.5 MiB in etcd.
const maxLine = 16 << 20

// WatchEvent is one change of an object of type T.
type WatchEvent[T any] struct {
	// Type is Added, Modified or Deleted; of members, spec files and rollouts also Bookmark, with no object, when all
	// that there were at first have been given.
	Type watch.EventType
	// Object is the object after the change; for Deleted, as it last was.
	Object T
}

// Watch gives the changes of a resource from a resource version on, which a list gave; empty means all objects that
// there are and then their changes. T is the Kubernetes type of the resource. It ends when the context does, when the
// agent stops, or with an error, which comes last: ErrGone means to list and watch again.
func Watch[T any](
	ctx context.Context, c *Client, res registry.Resource, sel Selection, version string,
) iter.Seq2[WatchEvent[T], error] {
	return watchPath[T](ctx, c, "/v1/"+string(res), since(version, sel.values()))
}

// WatchMembers gives the changes of members, or of those of a name or an id, as Watch does; but for times, round trips
// and records. With an empty version a Bookmark comes after all that there are. Changes of about a second come
// together.
func WatchMembers(ctx context.Context, c *Client, member, version string) iter.Seq2[WatchEvent[api.Member], error] {
	return watchPath[api.Member](ctx, c, "/v1/members", since(version, memberQuery(member)))
}

// WatchSpecs gives the spec files of the fleet as WatchMembers gives the members.
func WatchSpecs(ctx context.Context, c *Client, version string) iter.Seq2[WatchEvent[api.SpecFile], error] {
	return watchPath[api.SpecFile](ctx, c, "/v1/specs", since(version, url.Values{}))
}

func since(version string, q url.Values) url.Values {
	if version != "" {
		q.Set("resourceVersion", version)
	}
	return q
}

func watchPath[T any](ctx context.Context, c *Client, path string, q url.Values) iter.Seq2[WatchEvent[T], error] {
	q.Set("watch", "1")
	return func(yield func(WatchEvent[T], error) bool) {
		answer, err := c.send(ctx, http.MethodGet, path, q, nil)
		if err != nil {
			if ctx.Err() == nil {
				yield(WatchEvent[T]{}, err)
			}
			return
		}
		defer func() { _ = answer.Body.Close() }()
		if err := readLines(answer.Body, yield); err != nil && ctx.Err() == nil {
			yield(WatchEvent[T]{}, err)
		}
	}
}

// readLines hands on the events until the stream ends or yield has had enough.
func readLines[T any](body io.Reader, yield func(WatchEvent[T], error) bool) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	for lines.Scan() {
		ev, err := decodeEvent[T](lines.Bytes())
		if err != nil {
			return err
		}
		if !yield(ev, nil) {
			return nil
		}
	}
	if err := lines.Err(); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("watching: %w", err)
	}
	return nil
}

func decodeEvent[T any](line []byte) (WatchEvent[T], error) {
	var raw struct {
		Type   watch.EventType `json:"type"`
		Object json.RawMessage `json:"object"`
	}
	if err := json.Unmarshal(line, &raw); err != nil {
		return WatchEvent[T]{}, fmt.Errorf("watching: the agent sent a line that is no event: %w", err)
	}
	if raw.Type == watch.Error {
		return WatchEvent[T]{}, watchError(raw.Object)
	}
	ev := WatchEvent[T]{Type: raw.Type}
	if err := json.Unmarshal(raw.Object, &ev.Object); err != nil {
		return WatchEvent[T]{}, fmt.Errorf("watching: the agent sent an object of another kind: %w", err)
	}
	return ev, nil
}

func watchError(object []byte) error {
	var st metav1.Status
	if err := json.Unmarshal(object, &st); err != nil {
		return fmt.Errorf("watching: the agent sent an error that cannot be read: %w", err)
	}
	if st.Code == http.StatusGone {
		return fmt.Errorf("%w: %s", ErrGone, st.Message)
	}
	return fmt.Errorf("watching: %s", st.Message)
}
