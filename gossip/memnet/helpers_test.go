package memnet

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/memberlist"
)

// at is the address of the i-th member.
func at(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 7947)
}

// bubble runs a test in virtual time. memberlist's Shutdown waits for none of its goroutines, which end when their probes
// and streams time out, so time goes on for a minute after it.
func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { pass(time.Minute) })
		test(t)
	})
}

// pass lets virtual time pass.
func pass(d time.Duration) { <-time.After(d) }

// startMember starts a memberlist over a new transport.
func startMember(t *testing.T, n *Network, i int, tune func(*memberlist.Config)) *memberlist.Memberlist {
	t.Helper()
	c := memberlist.DefaultLANConfig()
	c.Name = at(i).String()
	c.Transport = n.Listen(at(i))
	c.LogOutput = io.Discard
	c.EnableCompression = false
	if tune != nil {
		tune(c)
	}
	m, err := memberlist.Create(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Shutdown(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// waitFor looks every 10 ms of virtual time.
func waitFor(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !ok(); pass(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", limit, what)
		}
	}
}

// received is a packet as a member took it.
type received struct {
	After time.Duration
	From  string
	Body  string
}

// takeAll empties the member's queue. Times count from the start.
func takeAll(tr *Transport, start time.Time) []received {
	var out []received
	for {
		select {
		case p := <-tr.PacketCh():
			out = append(out, received{p.Timestamp.Sub(start), p.From.String(), string(p.Buf)})
		default:
			return out
		}
	}
}

// bodies are what was received, without when and from whom.
func bodies(rs []received) []string {
	out := make([]string, 0, len(rs))
	for _, r := range rs {
		out = append(out, r.Body)
	}
	return out
}

// sendNumbers sends so many packets, numbered from 0.
func sendNumbers(t *testing.T, from *Transport, to netip.AddrPort, count int) {
	t.Helper()
	for i := range count {
		if _, err := from.WriteTo([]byte(strconv.Itoa(i)), to.String()); err != nil {
			t.Fatal(err)
		}
	}
}

// pair are two members.
func pair(t *testing.T, c Config) (n *Network, a, b *Transport) {
	t.Helper()
	n = New(c)
	a, b = n.Listen(at(0)), n.Listen(at(1))
	t.Cleanup(func() {
		if err := errors.Join(a.Shutdown(), b.Shutdown()); err != nil {
			t.Error(err)
		}
	})
	return n, a, b
}

// connected are both ends of a stream between two members.
func connected(t *testing.T, a, b *Transport) (dialed, accepted net.Conn) {
	t.Helper()
	dialed, err := a.DialTimeout(b.Addr().String(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	accepted = <-b.StreamCh()
	t.Cleanup(func() { _, _ = dialed.Close(), accepted.Close() })
	return dialed, accepted
}
