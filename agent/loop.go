package agent

import (
	"context"
	"time"

	"golang.org/x/time/rate"

	"github.com/daemonsetd/daemonsetd/agent/backend"
)

const (
	// burst is how many rounds may follow each other at once; beyond it rounds are spaced, so that a host on which
	// something changes all the time is not kept busy by its agent.
	burst   = 50
	spacing = 20 * time.Millisecond
)

// request is work for the loop, which is done between two rounds; done is closed after the round that follows it.
type request struct {
	do   func(ctx context.Context)
	done chan struct{}
}

// ask has the loop do something and waits until it has acted upon it.
func (a *Agent) ask(ctx context.Context, do func(ctx context.Context)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := request{do: do, done: make(chan struct{})}
	select {
	case a.requests <- r:
	case <-a.ended:
		return backend.ErrStopping
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-r.done:
		return nil
	case <-a.ended:
		return backend.ErrStopping
	case <-ctx.Done():
		return ctx.Err()
	}
}

// loop runs rounds until the context ends: one at once, one whenever something wakes it, and one at the latest when the
// last one asked for it. It reacts to the first event at once; what comes while a round runs is one more round.
func (a *Agent) loop(ctx context.Context) error {
	defer close(a.ended)
	a.kubelet.Start(ctx)
	defer a.kubelet.Stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	pace := newPacer()
	var waiting []request
	for {
		select {
		case <-ctx.Done():
			return nil
		case r := <-a.requests:
			r.do(ctx)
			waiting = append(waiting, r)
		case <-a.loader.Wake():
		case <-a.nodes.Wake():
		case <-a.store.Wake():
		case <-a.kubelet.Wake():
		case <-a.member.Wake():
		case <-timer.C:
		}
		if len(waiting) == 0 {
			if err := pace.Wait(ctx); err != nil {
				return nil
			}
		}
		next := a.rounds.Round(ctx)
		a.settle()
		if a.opts.Watchdog > 0 {
			next = min(next, a.opts.Watchdog)
		}
		a.opts.Notifier.Alive()
		for _, r := range waiting {
			close(r.done)
		}
		waiting = waiting[:0]
		timer.Reset(next)
	}
}

// newPacer lets a burst of rounds through and spaces what comes after.
func newPacer() *rate.Limiter { return rate.NewLimiter(rate.Every(spacing), burst) }
