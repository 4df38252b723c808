package gossip

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
)

const (
	// contacts is how many different members a start joins: a single one may be as new as this one.
	contacts = 3
	// firstRetry and lastRetry bound the time between two attempts to find anybody.
	firstRetry, lastRetry = time.Second, 30 * time.Second
	// lookupTimeout bounds one question to the resolver.
	lookupTimeout = 5 * time.Second
)

// joinForever joins members that it remembers and hosts that it was told, until it has met a few, and goes on for ever
// with those that are known and do not answer: after a long partition neither side would call the other otherwise.
func (n *Node) joinForever(ctx context.Context) {
	n.joinAtStart(ctx)
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case id := <-n.joinSoon:
			n.joinMember(id)
		case <-time.After(jitter(n.timing.Rejoin)):
			n.rejoin(ctx)
		}
	}
}

// joinAtStart tries everybody it knows, one by one, until enough have answered or nobody is left, and again for as long
// as nobody has.
func (n *Node) joinAtStart(ctx context.Context) {
	delay := firstRetry
	for ctx.Err() == nil {
		met, own := 0, 0
		addrs := n.candidates(ctx)
		for _, addr := range addrs {
			if ctx.Err() != nil || met >= contacts {
				break
			}
			switch {
			case !n.join(addr):
			case n.swim.alive.Load() > 1:
				met++
			default:
				own++ // another address of this host
			}
		}
		if own > 0 && own == len(addrs) {
			n.lonely.Store(true)
			return
		}
		if met > 0 || len(addrs)+len(n.cfg.Join) == 0 || n.swim.alive.Load() > contacts {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(jitter(delay)):
		}
		delay = min(2*delay, lastRetry)
	}
}

// rejoin tries one member that is known and does not answer, or one of the hosts to join that is not among the living,
// with a chance that makes the whole fleet try each of them about once in a while. The hosts to join are tried for
// ever, too: two fleets that each were complete before they could reach the other would never meet.
func (n *Node) rejoin(ctx context.Context) {
	lost, living := n.lost(), int(n.swim.alive.Load())
	if living <= 1 {
		if addrs := append(lost, n.seeds(ctx)...); len(addrs) > 0 {
			n.join(addrs[rand.IntN(len(addrs))])
		}
		return
	}
	choices := len(lost)
	if len(n.cfg.Join) > 0 {
		choices++
	}
	switch i := rand.IntN(max(living, choices)); {
	case i < len(lost):
		n.join(lost[i])
	case i < choices:
		if addrs := n.strange(n.seeds(ctx)); len(addrs) > 0 {
			n.join(addrs[rand.IntN(len(addrs))])
		}
	}
}

// strange are those of the addresses at which no living member is.
func (n *Node) strange(addrs []netip.AddrPort) []netip.AddrPort {
	living := map[netip.AddrPort]bool{}
	for _, m := range n.View().Members {
		if m.State == StateAlive {
			living[m.Address] = true
		}
	}
	return slices.DeleteFunc(addrs, func(a netip.AddrPort) bool { return living[a] })
}

// lost are the addresses of members that are known, have not left, and do not answer.
func (n *Node) lost() []netip.AddrPort {
	var addrs []netip.AddrPort
	for _, m := range n.View().Members {
		if !m.Self && (m.State == StateFailed || m.State == StateUnknown) && m.Address.IsValid() {
			addrs = append(addrs, m.Address)
		}
	}
	return addrs
}

// candidates are all that might be joined, in a new order each time, so that a thousand hosts that start together do
// not all ask the same one: memberlist serves at most 128 at a time.
func (n *Node) candidates(ctx context.Context) []netip.AddrPort {
	addrs := n.lost()
	rand.Shuffle(len(addrs), func(i, j int) { addrs[i], addrs[j] = addrs[j], addrs[i] })
	seeds := n.seeds(ctx)
	rand.Shuffle(len(seeds), func(i, j int) { seeds[i], seeds[j] = seeds[j], seeds[i] })
	for _, s := range seeds {
		if !slices.Contains(addrs, s) {
			addrs = append(addrs, s)
		}
	}
	return addrs
}

// seeds are the addresses of the hosts to join.
func (n *Node) seeds(ctx context.Context) []netip.AddrPort {
	var addrs []netip.AddrPort
	failed := false
	for _, text := range n.cfg.Join {
		host, port, err := splitHost(text)
		if err != nil {
			continue // Validate has refused it
		}
		ips, err := n.lookup(ctx, host)
		if err != nil {
			failed = true
			n.counts.joins.WithLabelValues("lookup-failed").Inc()
			n.unjoined(fmt.Errorf("the host to join %q is not found: %s", host, lookupWords(err)))
			n.log.Debug().Err(err).Str(logfield.Host, host).Msg("a host to join was not found")
			continue
		}
		for _, ip := range ips {
			if addr := netip.AddrPortFrom(ip.Unmap(), port); !n.isOwn(addr) {
				addrs = append(addrs, addr)
			}
		}
	}
	n.lonely.Store(!failed && len(addrs) == 0)
	return addrs
}

// isOwn says whether an address is this member's: the one that others are told, or a loopback one where that is none,
// as the host's own name often is in its hosts file.
func (n *Node) isOwn(addr netip.AddrPort) bool {
	self := n.Address()
	return addr == self || addr.Addr().IsLoopback() && self.IsValid() && !self.Addr().IsLoopback()
}

func (n *Node) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	if n.cfg.Lookup != nil {
		return n.cfg.Lookup(ctx, host)
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// Address is where this member listens, as others are told; invalid before Run has begun.
func (n *Node) Address() netip.AddrPort {
	if list := n.list.Load(); list != nil {
		return addrOf(list.LocalNode())
	}
	return netip.AddrPort{}
}

// join exchanges lists of members with one address.
func (n *Node) join(addr netip.AddrPort) bool {
	if _, err := n.list.Load().Join([]string{addr.String()}); err != nil {
		n.counts.joins.WithLabelValues("failed").Inc()
		n.unjoined(n.whyUnjoined(addr.Addr(), err))
		n.log.Debug().Err(err).Stringer(logfield.Address, addr).Msg("a member could not be joined")
		return false
	}
	n.counts.joins.WithLabelValues("ok").Inc()
	n.joinFailure.Store(nil)
	return true
}

// errOtherKey is the failure of one that can be reached and cannot be understood.
var errOtherKey = errors.New("hosts answer whose packets cannot be opened: they have another gossip key, or another " +
	"cluster name")

// whyUnjoined words why an address could not be joined, in one line and without anything that changes from one attempt
// to the next. Memberlist gives the cause as text alone.
func (n *Node) whyUnjoined(addr netip.Addr, err error) error {
	text := strings.ToLower(err.Error())
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
	}
	switch {
	case n.strangers.since(addr, time.Now().Add(-strangeFor)):
		return errOtherKey
	case has("connection refused"):
		return fmt.Errorf("%s refuses the connection: no agent listens there, or not on this port", addr)
	case has("no route", "unreachable"):
		return fmt.Errorf("there is no route to %s", addr)
	case has("eof", "reset by peer", "broken pipe", "decrypt", "encrypt", "label"):
		// The other side ends a stream that it cannot open, as this one does.
		return errOtherKey
	case has("timeout", "deadline"):
		return fmt.Errorf("%s does not answer in time", addr)
	}
	return fmt.Errorf("%s cannot be joined", addr)
}

// strangeFor is for how long something that could not be opened tells of its sender.
const strangeFor = 2 * time.Minute

// lookupWords is why a name was not found, without the resolver's address and port.
func lookupWords(err error) string {
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		switch {
		case e.IsNotFound:
			return "no such host"
		case e.IsTimeout:
			return "the resolver does not answer"
		}
		return "the resolver fails"
	}
	return "the resolver fails"
}

// joinFailure is why nobody could be joined the last time, and since when nobody could.
type joinFailure struct {
	err   error
	since time.Time
	// keyAt is when somebody was last found to have another key.
	keyAt time.Time
}

func (n *Node) unjoined(err error) {
	now := time.Now()
	next := &joinFailure{err: err, since: now}
	if f := n.joinFailure.Load(); f != nil {
		next.since = f.since
		// That somebody has another key says more than that the next one is away.
		if errors.Is(f.err, errOtherKey) && !errors.Is(err, errOtherKey) && now.Sub(f.keyAt) < strangeFor {
			next.err, next.keyAt = f.err, f.keyAt
		}
	}
	if errors.Is(err, errOtherKey) {
		next.keyAt = now
	}
	n.joinFailure.Store(next)
}

// unjoinedFor is how long nobody can be joined before it is a problem: hosts may start one after the other.
const unjoinedFor = time.Minute

// JoinProblem is why this member is without others though it looks for some: what the latest attempt to find one said.
// Nil: others answer, or none was looked for in vain for long.
func (n *Node) JoinProblem() error {
	f := n.joinFailure.Load()
	if f == nil || n.swim.alive.Load() > 1 || time.Since(f.since) < unjoinedFor {
		return nil
	}
	return f.err
}

// joinMember tries one member again, if it is still thought dead.
func (n *Node) joinMember(id record.ID) {
	if p, ok := n.swim.get(id); ok && p.alive {
		return
	}
	if m, ok := n.View().Member(id); ok && m.Address.IsValid() && m.State != StateLeft {
		n.join(m.Address)
	}
}

// jitter is between half and one and a half times d.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d+1) }
