package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/watch"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/client"
)

// onDeleteStrategy is the update strategy in which pods are replaced when somebody says so on their host.
const onDeleteStrategy = "OnDelete"

// errTimedOut is kubectl's.
var errTimedOut = errors.New("timed out waiting for the condition")

// rolloutAs is one rollout as it is now.
func rolloutAs(ctx context.Context, c *client.Client, req api.RolloutRequest) (*api.Rollout, error) {
	list, err := c.Rollouts(ctx, req)
	if err != nil {
		return nil, err
	}
	if len(list.Items) != 1 {
		return nil, fmt.Errorf("the agent told of %s named %q", count(len(list.Items), "DaemonSet"), req.DaemonSet)
	}
	return &list.Items[0], nil
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
	// now is the rollout as it was last shown.
	now     *api.Rollout
	hosts   bool
	timeout time.Duration
}

func eachRollout(ctx context.Context, c *client.Client, f follow, show func(*api.Rollout) (bool, error)) error {
	last := *f.now
	for ev, err := range client.WatchRollouts(ctx, c, api.RolloutRequest{DaemonSet: last.DaemonSet, Hosts: f.hosts}) {
		switch {
		case err != nil:
			return err
		case ev.Type == watch.Bookmark, ev.Object.SameAs(last):
			continue
		case ev.Type == watch.Deleted:
			return errors.New("object has been deleted")
		}
		last = ev.Object
		if enough, err := show(&ev.Object); enough || err != nil {
			return err
		}
	}
	return ended(ctx)
}
