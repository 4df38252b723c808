package memnet

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestDialTakesARoundTrip(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n, a, b := pair(t, Config{Faults: Faults{DelayMin: 20 * time.Millisecond, DelayMax: 20 * time.Millisecond}})
		dialed, accepted := connected(t, a, b)
		if took := time.Since(n.epoch); took != 40*time.Millisecond {
			t.Errorf("the dial took %s, wanted a round trip of 40ms", took)
		}
		if dialed.RemoteAddr().String() != accepted.LocalAddr().String() || dialed.LocalAddr().String() != accepted.RemoteAddr().String() {
			t.Error("the ends do not agree on their addresses")
		}
		if s := n.Stats(); s.StreamsDialed != 1 || s.StreamsAccepted != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestDialFails(t *testing.T) {
	for _, c := range []struct {
		name string
		conf Config
		// before is done before the dial.
		before func(*Network, *Transport)
		want   error
		after  time.Duration
	}{
		{"nobody listens", Config{}, func(_ *Network, b *Transport) { _ = b.Shutdown() }, syscall.ECONNREFUSED, 0},
		{"cut", Config{Faults: Faults{Cut: Split(Among(at(0)))}}, nil, os.ErrDeadlineExceeded, 10 * time.Second},
		{"cut back", Config{Faults: Faults{Cut: OneWay(Among(at(1)), Among(at(0)))}}, nil, os.ErrDeadlineExceeded, 10 * time.Second},
		{"too slow", Config{Faults: Faults{DelayMin: time.Minute, DelayMax: time.Minute}}, nil, os.ErrDeadlineExceeded, 10 * time.Second},
		{"not accepted", Config{Backlog: 1}, fillBacklog, os.ErrDeadlineExceeded, 10 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				n, a, b := pair(t, c.conf)
				if c.before != nil {
					c.before(n, b)
				}
				start := time.Now()
				conn, err := a.DialTimeout(at(1).String(), 10*time.Second)
				if conn != nil || !errors.Is(err, c.want) || time.Since(start) != c.after {
					t.Errorf("dial gave %v, %v after %s; wanted %v after %s", conn, err, time.Since(start), c.want, c.after)
				}
				if err, ok := errors.AsType[net.Error](err); !ok || err.Timeout() != errors.Is(c.want, os.ErrDeadlineExceeded) {
					t.Error("not as a dialer's error should be:", err)
				}
			})
		})
	}
}

func fillBacklog(n *Network, _ *Transport) {
	third := n.Listen(at(2))
	_, _ = third.DialTimeout(at(1).String(), time.Second)
}

func TestADialGoesThroughWhenTheCutHeals(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n, a, _ := pair(t, Config{Faults: Faults{Cut: Split(Among(at(0)))}})
		time.AfterFunc(5*time.Second, func() { n.SetFaults(Faults{}) })
		conn, err := a.DialTimeout(at(1).String(), 0)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
	})
}

func TestDialsGetThroughLoss(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const dials = 2000
		_, a, b := pair(t, Config{Seed: 2, Faults: Faults{Loss: 0.25}})
		var atOnce uint64
		for range dials {
			start := time.Now()
			dialed, accepted := connected(t, a, b)
			_, _ = dialed.Close(), accepted.Close()
			if time.Since(start) == 0 {
				atOnce++
			}
		}
		// Neither the packet nor its answer may be lost.
		near(t, "dialed at once", atOnce, 0.75*0.75*dials)
	})
}

func TestShutdownEndsDials(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n, a, _ := pair(t, Config{Faults: Faults{Cut: Split(Among(at(0)))}})
		var dialing sync.WaitGroup
		dialing.Go(func() {
			if _, err := a.DialTimeout(at(1).String(), time.Hour); !errors.Is(err, net.ErrClosed) {
				t.Error("dial during Shutdown:", err)
			}
		})
		synctest.Wait()
		if err := a.Shutdown(); err != nil {
			t.Fatal(err)
		}
		dialing.Wait()
		if _, err := a.DialTimeout(at(1).String(), time.Hour); !errors.Is(err, net.ErrClosed) {
			t.Error("dial after Shutdown:", err)
		}
		// One whose pause was over at the moment of the Shutdown.
		n.SetFaults(Faults{})
		if _, err := n.connect(a, at(1)); !errors.Is(err, net.ErrClosed) {
			t.Error("connect after Shutdown:", err)
		}
	})
}
