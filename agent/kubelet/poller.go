package kubelet

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// PollerConfig says how often the kubelet is asked. The zero value is what the agent uses.
type PollerConfig struct {
	// Node is this host's name for its node, with which the kubelet's is compared; empty: it is not compared.
	Node string
	// AssumeReady asks nothing at all and takes the kubelet for healthy.
	AssumeReady bool
	// Health is the period of health checks; 0: 500 ms, so that a kubelet coming up is noticed within a second.
	Health time.Duration
	// Pods and PodsIdle are the periods of asking for the pods: the first after a change, growing to the second while
	// nothing changes. 0: 2 s and 5 s.
	Pods, PodsIdle time.Duration
	// Fast is the period of asking for the pods while the agent waits for something; 0: 75 ms. After 10 s without a
	// change it becomes four times as long.
	Fast time.Duration
	// Summary is the period of asking for the resource usage; 0: 10 s, as the kubelet's eviction manager.
	Summary time.Duration
	// PrimeTimeout bounds Prime as a whole; 0: 50 ms.
	PrimeTimeout time.Duration
	// FailureThreshold is how many health checks in a row a healthy kubelet may miss before it counts as unhealthy;
	// 0: 3.
	FailureThreshold int
}

func (c *PollerConfig) setDefaults() {
	for _, d := range []struct {
		value    *time.Duration
		fallback time.Duration
	}{
		{&c.Health, 500 * time.Millisecond},
		{&c.Pods, 2 * time.Second},
		{&c.PodsIdle, 5 * time.Second},
		{&c.Fast, 75 * time.Millisecond},
		{&c.Summary, 10 * time.Second},
		{&c.PrimeTimeout, 50 * time.Millisecond},
	} {
		if *d.value <= 0 {
			*d.value = d.fallback
		}
	}
	c.PodsIdle = max(c.PodsIdle, c.Pods)
	if c.FailureThreshold <= 0 {
		c.FailureThreshold = 3
	}
}

const (
	// fastFor is how long the fastest polling lasts after it was asked for or after a change.
	fastFor = 10 * time.Second
	// hurryFor is how long Hurry lasts.
	hurryFor = 10 * time.Second
	// maxExpect bounds Expect.
	maxExpect = time.Hour
	// podsSlowdown is how much longer each unchanged list makes the wait for the next.
	podsSlowdown = 500 * time.Millisecond
)

// Poller asks the kubelet again and again. Make one with NewPoller, call Prime at most once, then Run.
type Poller struct {
	client *Client
	cfg    PollerConfig
	latest atomic.Pointer[Snapshot]
	wake   chan struct{}
	kick   chan struct{}

	// mu guards what Expect tells Run.
	mu        sync.Mutex
	until     time.Time
	hurriedAt time.Time

	// The rest belongs to the goroutine of Run, before which Prime has it.

	next struct{ health, pods, summary, config, version time.Time }
	// restarts is set when the kubelet was seen to restart, until what may be different since then is asked for anew.
	restarts bool
	// podsWait is the present period of asking for the pods while nobody waits.
	podsWait time.Duration
	// misses counts the failed health checks in a row.
	misses int
	// podsAskedAt is when the pods were last asked for, changedAt when they last changed.
	podsAskedAt, changedAt time.Time
}

// NewPoller returns a Poller. The client may be nil when cfg.AssumeReady is set.
func NewPoller(client *Client, cfg PollerConfig) *Poller {
	cfg.setDefaults()
	p := &Poller{client: client, cfg: cfg, wake: make(chan struct{}, 1), kick: make(chan struct{}, 1), podsWait: cfg.Pods}
	first := &Snapshot{AssumeReady: cfg.AssumeReady, Healthy: cfg.AssumeReady}
	if cfg.AssumeReady {
		first.Since = time.Now()
	}
	p.latest.Store(first)
	return p
}

// Latest returns what is known now. It never blocks.
func (p *Poller) Latest() *Snapshot { return p.latest.Load() }

// Wake is sent to when something changed that matters to the agent: the kubelet's health; whether its pods can be asked
// for; a pod that came or went, or its phase, readiness or restart count; which pods run. Several changes may be one
// message.
func (p *Poller) Wake() <-chan struct{} { return p.wake }

// Expect asks for the pods often until that time, because something is expected of them. It never shortens an earlier
// Expect, and is bounded by an hour.
func (p *Poller) Expect(until time.Time) {
	now := time.Now()
	p.mu.Lock()
	changed := until.After(p.until)
	if changed {
		p.until, p.hurriedAt = earlier(until, now.Add(maxExpect)), now
	}
	p.mu.Unlock()
	if changed {
		signal(p.kick)
	}
}

// Hurry is Expect for the next ten seconds.
func (p *Poller) Hurry() { p.Expect(time.Now().Add(hurryFor)) }

// Prime asks once, within PollerConfig.PrimeTimeout, so that the first decisions of the agent know whether the kubelet
// is there and what runs. What does not fit into that time is left to Run.
func (p *Poller) Prime(ctx context.Context) {
	if p.cfg.AssumeReady {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, p.cfg.PrimeTimeout)
	defer cancel()
	p.checkHealth(ctx)
	if ctx.Err() != nil {
		p.next.health = time.Time{}
		return
	}
	if p.Latest().Healthy {
		p.askConfig(ctx)
		p.askPods(ctx)
	}
}

// Run asks until the context ends, and returns its error.
func (p *Poller) Run(ctx context.Context) error {
	if p.cfg.AssumeReady {
		<-ctx.Done()
		return ctx.Err()
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			p.client.Close()
			return ctx.Err()
		case <-p.kick:
			// At once, but no more often than the fastest period, however often Expect is called.
			p.next.pods = earlier(p.next.pods, p.podsAskedAt.Add(p.cfg.Fast))
		case <-timer.C:
		}
		p.round(ctx)
		next := earlier(earlier(p.next.health, p.next.pods), earlier(p.next.summary, p.next.config))
		timer.Reset(time.Until(earlier(next, p.next.version)))
	}
}

// round asks what is due.
func (p *Poller) round(ctx context.Context) {
	due := func(t time.Time) bool { return ctx.Err() == nil && !time.Now().Before(t) }
	if due(p.next.health) {
		p.checkHealth(ctx)
	}
	if due(p.next.config) {
		p.askConfig(ctx)
	}
	if due(p.next.pods) {
		p.askPods(ctx)
	}
	if due(p.next.version) {
		p.askVersion(ctx)
	}
	if due(p.next.summary) {
		p.askSummary(ctx)
	}
}

// podsPeriod is how long to wait before the pods are asked for again.
func (p *Poller) podsPeriod(now time.Time) time.Duration {
	p.mu.Lock()
	until, hurriedAt := p.until, p.hurriedAt
	p.mu.Unlock()
	switch {
	case !now.Before(until):
		return p.podsWait
	case now.Sub(hurriedAt) < fastFor || now.Sub(p.changedAt) < fastFor:
		return p.cfg.Fast
	default:
		return 4 * p.cfg.Fast
	}
}

// update publishes a changed copy of the snapshot.
func (p *Poller) update(change func(*Snapshot)) {
	next := *p.Latest()
	change(&next)
	p.latest.Store(&next)
}

// signal sends to a channel of capacity 1 that may hold a message already.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
