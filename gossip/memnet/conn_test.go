package memnet

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/nettest"
	"pgregory.net/rapid"
)

// The suite that every net.Conn should pass, in real time.
func TestConnIsANetConn(t *testing.T) {
	nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
		n := New(Config{Faults: Faults{DelayMax: time.Millisecond}})
		a, b := n.Listen(at(0)), n.Listen(at(1))
		c1, err = a.DialTimeout(b.Addr().String(), time.Minute)
		if err != nil {
			return nil, nil, nil, err
		}
		return c1, <-b.StreamCh(), func() { _, _ = a.Shutdown(), b.Shutdown() }, nil
	})
}

// Whatever is written, and whatever the network does, the other end reads exactly that, and then the end.
func TestStreamsCarryEveryByteInOrder(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		faults := Faults{
			Loss:     rapid.Float64Range(0, 0.25).Draw(r, "loss"),
			DelayMin: time.Duration(rapid.IntRange(0, 5).Draw(r, "delay")) * time.Millisecond,
			DelayMax: time.Duration(rapid.IntRange(0, 50).Draw(r, "delay to")) * time.Millisecond,
		}
		conf := Config{Seed: rapid.Uint64().Draw(r, "seed"), Window: rapid.IntRange(1, 3000).Draw(r, "window"), Faults: faults}
		sizes := rapid.SliceOfN(rapid.IntRange(0, 5000), 0, 10).Draw(r, "writes")
		step := rapid.IntRange(1, 4000).Draw(r, "reads of")
		bubble(t, func(t *testing.T) {
			_, a, b := pair(t, conf)
			dialed, accepted := connected(t, a, b)
			for _, ends := range [][2]net.Conn{{dialed, accepted}, {accepted, dialed}} {
				sent := transfer(t, ends[0], ends[1], sizes, step, conf.Seed)
				if s := a.n.Stats(); s.StreamBytesSent != s.StreamBytesReceived {
					t.Fatalf("%d bytes sent and %d received of %d", s.StreamBytesSent, s.StreamBytesReceived, sent)
				}
			}
		})
	})
}

// transfer writes pieces of random bytes at one end and checks what is read at the other.
func transfer(t *testing.T, from, to net.Conn, sizes []int, step int, seed uint64) int {
	t.Helper()
	var want []byte
	dice := rand.NewPCG(seed, 0)
	for _, size := range sizes {
		for range size {
			want = append(want, byte(dice.Uint64()))
		}
	}
	var writing sync.WaitGroup
	defer writing.Wait()
	writing.Go(func() {
		rest := want
		for _, size := range sizes {
			if n, err := from.Write(rest[:size]); n != size || err != nil {
				t.Errorf("wrote %d of %d bytes: %v", n, size, err)
				return
			}
			rest = rest[size:]
		}
	})
	got := make([]byte, 0, len(want))
	for buf := make([]byte, step); len(got) < len(want); {
		n, err := to.Read(buf)
		if err != nil {
			t.Fatalf("after %d of %d bytes: %v", len(got), len(want), err)
		}
		got = append(got, buf[:n]...)
	}
	if !bytes.Equal(got, want) {
		t.Fatal("other bytes were read than written")
	}
	return len(want)
}

func TestClose(t *testing.T) {
	for _, c := range []struct {
		name string
		// unread is left at the end that closes.
		unread string
		want   error
	}{
		{"the end comes after the bytes", "", io.EOF},
		{"bytes left unread reset the stream", "something", syscall.ECONNRESET},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				_, a, b := pair(t, Config{Faults: Faults{DelayMin: time.Millisecond, DelayMax: 9 * time.Millisecond}})
				dialed, accepted := connected(t, a, b)
				write(t, dialed, "hello")
				write(t, accepted, c.unread)
				pass(time.Second)
				if err := dialed.Close(); err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(accepted)
				if string(got) != "hello" || !errors.Is(orEOF(err), c.want) {
					t.Errorf("read %q and %v, wanted hello and %v", got, err, c.want)
				}
				for what, err := range map[string]error{
					"read": second(dialed.Read(make([]byte, 1))), "write": second(dialed.Write([]byte("x"))),
					"close": dialed.Close(), "set a deadline": dialed.SetDeadline(time.Now()),
				} {
					if !errors.Is(err, net.ErrClosed) {
						t.Errorf("%s after Close: %v", what, err)
					}
				}
			})
		})
	}
}

// orEOF is io.EOF where io.ReadAll gave none.
func orEOF(err error) error {
	if err == nil {
		return io.EOF
	}
	return err
}

func second(_ int, err error) error { return err }

func write(t *testing.T, c net.Conn, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Fatal(err)
	}
}

func TestWritingToAnEndThatClosedBreaksTheStream(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a, b := pair(t, Config{Faults: Faults{DelayMin: time.Millisecond, DelayMax: time.Millisecond}})
		dialed, accepted := connected(t, a, b)
		_ = accepted.Close()
		// As with TCP, the first write finds out, and the next one is told.
		write(t, dialed, "lost")
		pass(time.Second)
		if _, err := dialed.Write([]byte("x")); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("write to a closed end: %v", err)
		}
	})
}

// A peer that accepts and never reads.
func TestAWriteReturnsByItsDeadline(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a, b := pair(t, Config{Window: 1000})
		dialed, _ := connected(t, a, b)
		start := time.Now()
		_ = dialed.SetWriteDeadline(start.Add(5 * time.Second))
		n, err := dialed.Write(make([]byte, 5000))
		if n != 1000 || !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != 5*time.Second {
			t.Errorf("wrote %d bytes, %v after %s", n, err, time.Since(start))
		}
		if err, ok := errors.AsType[net.Error](err); !ok || !err.Timeout() {
			t.Error("the error is no timeout:", err)
		}
		_ = dialed.SetReadDeadline(start)
		if _, err := dialed.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("read after its deadline:", err)
		}
	})
}

// TCP does not lose what was written during a cut.
func TestStreamsStallAcrossACut(t *testing.T) {
	for _, c := range []struct {
		name string
		cut  func(*Network)
	}{
		{"both ways", func(n *Network) { n.SetFaults(Faults{Cut: Split(Among(at(0)))}) }},
		{"there", func(n *Network) { n.SetFaults(Faults{Cut: OneWay(Among(at(0)), Among(at(1)))}) }},
		{"back", func(n *Network) { n.SetFaults(Faults{Cut: OneWay(Among(at(1)), Among(at(0)))}) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				n, a, b := pair(t, Config{})
				dialed, accepted := connected(t, a, b)
				c.cut(n)
				write(t, dialed, "late")
				buf := make([]byte, 9)
				_ = accepted.SetReadDeadline(time.Now().Add(time.Minute))
				if _, err := accepted.Read(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("read over a cut: %v", err)
				}
				n.SetFaults(Faults{})
				_ = accepted.SetReadDeadline(time.Time{})
				if got, err := accepted.Read(buf); err != nil || string(buf[:got]) != "late" {
					t.Errorf("read %q, %v after the cut healed", buf[:got], err)
				}
			})
		})
	}
}

// A segment that is late holds up those after it.
func TestSegmentsDoNotOvertake(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n, a, b := pair(t, Config{})
		dialed, accepted := connected(t, a, b)
		start := time.Now()
		n.SetFaults(Faults{DelayMin: time.Second, DelayMax: time.Second})
		write(t, dialed, "first ")
		n.SetFaults(Faults{})
		write(t, dialed, "second")
		buf := make([]byte, 20)
		if got, err := accepted.Read(buf); err != nil || string(buf[:got]) != "first second" || time.Since(start) != time.Second {
			t.Errorf("read %q, %v after %s", buf[:got], err, time.Since(start))
		}
	})
}

func TestASenderGivesUpAfterAQuarterOfAnHour(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n, a, b := pair(t, Config{})
		dialed, accepted := connected(t, a, b)
		n.SetFaults(Faults{Cut: Split(Among(at(0)))})
		write(t, dialed, "never")
		start := time.Now()
		_, err := dialed.Read(make([]byte, 1))
		if took := time.Since(start); !errors.Is(err, syscall.ETIMEDOUT) || took < 10*time.Minute || took > 20*time.Minute {
			t.Errorf("%v after %s", err, took)
		}
		_ = accepted.SetReadDeadline(time.Now().Add(time.Hour))
		if _, err := accepted.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("the other end cannot know, but it says:", err)
		}
	})
}

func TestACutThatResetsBreaksOnlyItsStreams(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n, a, b := pair(t, Config{})
		other := n.Listen(at(2))
		d1, a1 := connected(t, a, b)
		d2, a2 := connected(t, a, other)
		n.SetFaults(Faults{CutResets: true, Cut: OneWay(Among(at(1)), Among(at(0)))})
		for _, c := range []net.Conn{d1, a1} {
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("%s to %s: %v", c.LocalAddr(), c.RemoteAddr(), err)
			}
		}
		transfer(t, d2, a2, []int{10}, 10, 0)
	})
}

func TestShutdownBreaksStreams(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a, b := pair(t, Config{Faults: Faults{DelayMin: time.Millisecond, DelayMax: time.Millisecond}})
		dialed, accepted := connected(t, a, b)
		var waiting sync.WaitGroup
		waiting.Go(func() {
			if _, err := accepted.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
				t.Errorf("at the end that was shut down: %v", err)
			}
		})
		synctest.Wait()
		if err := b.Shutdown(); err != nil {
			t.Fatal(err)
		}
		waiting.Wait()
		if _, err := dialed.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("at the other end: %v", err)
		}
	})
}
