package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"k8s.io/apimachinery/pkg/watch"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/client"
)

// onDeleteStrategy is the update strategy in which pods are replaced when somebody says so on their host.
const onDeleteStrategy = "OnDelete"

// errTimedOut is kubectl's.
var errTimedOut = errors.New("timed out waiting for the condition")

// rolloutAt is one rollout as it is now, with the version from which a watch goes on.
func rolloutAt(
	ctx context.Context, c *client.Client, req api.RolloutRequest,
) (now *api.Rollout, version string, err error) {
	list, err := c.Rollouts(ctx, req)
	if err != nil {
		return nil, "", err
	}
	if len(list.Items) != 1 {
		return nil, "", fmt.Errorf("the agent told of %s named %q", count(len(list.Items), "DaemonSet"), req.DaemonSet)
	}
	return &list.Items[0], list.ResourceVersion, nil
}

// followRollout shows a rollout and what becomes of it until show says that this is enough. A timeout of 0 means none.
func followRollout(
	ctx context.Context, c *client.Client, f follow, show func(*api.Rollout) (enough bool, err error),
) error {
	if enough, err := show(f.now); enough || err != nil {
		return err
	}
	limited := ctx
	if f.timeout > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, f.timeout)
		defer cancel()
	}
	over := false
	err := eachRollout(limited, c, f, func(r *api.Rollout) (enough bool, err error) {
		over, err = show(r)
		return over, err
	})
	if !over && ctx.Err() == nil && limited.Err() != nil {
		return errTimedOut
	}
	return err
}

// follow is what is followed.
type follow struct {
	// now is the rollout as it was last shown, version the one from which a watch goes on.
	now     *api.Rollout
	version string
	hosts   bool
	timeout time.Duration
}

// eachRollout shows the rollout each time that it changes. When the agent has dropped what comes next, it goes on from
// what there is.
func eachRollout(ctx context.Context, c *client.Client, f follow, show func(*api.Rollout) (bool, error)) error {
	req := api.RolloutRequest{DaemonSet: f.now.DaemonSet, Hosts: f.hosts}
	for {
		enough, err := f.changes(client.WatchRollouts(ctx, c, req, f.version), show)
		switch {
		case enough:
			return err
		case err == nil:
			return ended(ctx)
		case !errors.Is(err, client.ErrGone):
			return err
		}
		now, version, err := rolloutAt(ctx, c, req)
		if err != nil {
			return unlessDone(ctx, err)
		}
		f.version = version
		if enough, err := f.change(now, show); enough || err != nil {
			return err
		}
	}
}

// changes shows what a watch gives until it ends.
func (f *follow) changes(
	events iter.Seq2[client.WatchEvent[api.Rollout], error], show func(*api.Rollout) (bool, error),
) (enough bool, err error) {
	for ev, err := range events {
		switch {
		case err != nil:
			return false, err
		case ev.Type == watch.Bookmark:
			continue
		case ev.Type == watch.Deleted:
			return false, errors.New("object has been deleted")
		}
		if enough, err := f.change(&ev.Object, show); enough || err != nil {
			return enough, err
		}
	}
	return false, nil
}

// change shows a rollout that is not as it was last shown.
func (f *follow) change(now *api.Rollout, show func(*api.Rollout) (bool, error)) (enough bool, err error) {
	if now.SameAs(*f.now) {
		return false, nil
	}
	f.now = now
	return show(now)
}
