package memnet

import (
	"bytes"
	"math"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWithoutFaultsPacketsArriveAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n, a, b := pair(t, Config{})
		buf := []byte("hello")
		if _, err := a.WriteTo(buf, at(1).String()); err != nil {
			t.Fatal(err)
		}
		copy(buf, "XXXXX")
		want := []received{{0, at(0).String(), "hello"}}
		if diff := cmp.Diff(want, takeAll(b, n.epoch)); diff != "" {
			t.Error("the sender's buffer is copied, and nothing waits:", diff)
		}
	})
}

func TestDelayIsWithinItsBoundsAndOnTheGrain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const low, high, grain = 10 * time.Millisecond, 40 * time.Millisecond, 2 * time.Millisecond
		n, a, b := pair(t, Config{Seed: 3, Grain: grain, Queue: 1000, Faults: Faults{DelayMin: low, DelayMax: high}})
		sendNumbers(t, a, at(1), 1000)
		pass(time.Second)
		got := takeAll(b, n.epoch)
		if len(got) != 1000 {
			t.Fatalf("%d of 1000 packets arrived", len(got))
		}
		for _, r := range got {
			if r.After < low || r.After > high+grain || r.After%grain != 0 {
				t.Fatalf("packet %s arrived after %s, wanted %s to %s in steps of %s", r.Body, r.After, low, high, grain)
			}
		}
		if first, last := got[0].After, got[len(got)-1].After; last-first < (high-low)/2 {
			t.Errorf("all packets arrived between %s and %s: the delay is not spread", first, last)
		}
	})
}

func TestAConstantDelayKeepsTheOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n, a, b := pair(t, Config{Faults: Faults{DelayMin: time.Millisecond, DelayMax: time.Millisecond}})
		sendNumbers(t, a, at(1), 200)
		pass(time.Second)
		got := bodies(takeAll(b, n.epoch))
		if len(got) != 200 || !slices.IsSortedFunc(got, byValue) {
			t.Error("wanted 200 packets as they were sent, got", got)
		}
	})
}

func byValue(a, b string) int {
	x, _ := strconv.Atoi(a)
	y, _ := strconv.Atoi(b)
	return x - y
}

func TestFaultsHitTheirShareOfPackets(t *testing.T) {
	const packets = 20000
	for _, c := range []struct {
		name   string
		faults Faults
		// wanted shares
		arrive, lost, twice, late float64
	}{
		{"loss", Faults{Loss: 0.25}, 0.75, 0.25, 0, 0},
		{"all lost", Faults{Loss: 1}, 0, 1, 0, 0},
		{"duplicate", Faults{Duplicate: 0.1}, 1.1, 0, 0.1, 0},
		{"reorder", Faults{Reorder: 0.2}, 1, 0, 0, 0.2},
		{"all at once", Faults{Loss: 0.25, Duplicate: 0.1, Reorder: 0.2}, 0.75 * 1.1, 0.25, 0.075, 0.15},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				_, a, b := pair(t, Config{Seed: 11, Queue: 2 * packets, Faults: c.faults})
				sendNumbers(t, a, at(1), packets)
				pass(time.Second)
				s := a.Stats()
				near(t, "arrived", b.Stats().PacketsReceived, c.arrive*packets)
				near(t, "lost", s.Lost, c.lost*packets)
				near(t, "duplicated", s.Duplicated, c.twice*packets)
				near(t, "reordered", s.Reordered, c.late*packets)
			})
		})
	}
}

// near allows five standard deviations.
func near(t *testing.T, what string, got uint64, want float64) {
	t.Helper()
	if off := math.Abs(float64(got) - want); off > 5*math.Sqrt(want+1) {
		t.Errorf("%s: %d packets, wanted about %.0f", what, got, want)
	}
}

func TestReorderedPacketsAreOvertaken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n, a, b := pair(t, Config{Seed: 1, Faults: Faults{Reorder: 0.1}})
		sendNumbers(t, a, at(1), 200)
		pass(defaultReorderBy + time.Millisecond)
		got := bodies(takeAll(b, n.epoch))
		if len(got) != 200 || slices.IsSortedFunc(got, byValue) {
			t.Error("wanted 200 packets, and not as they were sent, got", got)
		}
	})
}

// memberlist decrypts in place.
func TestDuplicatesHaveTheirOwnBytes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a, b := pair(t, Config{Faults: Faults{Duplicate: 1}})
		sendNumbers(t, a, at(1), 1)
		first, second := <-b.PacketCh(), <-b.PacketCh()
		first.Buf[0] = 'X'
		if string(second.Buf) != "0" {
			t.Errorf("the duplicate became %q", second.Buf)
		}
	})
}

// run sends the same packets over the same lossy network, one sender after the other, and says what arrived when.
func run(t *testing.T, seed uint64, senders ...int) (out []received) {
	bubble(t, func(t *testing.T) {
		n := New(Config{Seed: seed, Faults: Faults{
			Loss: 0.2, Duplicate: 0.1, Reorder: 0.1, DelayMin: time.Millisecond, DelayMax: 9 * time.Millisecond,
		}})
		to := n.Listen(at(0))
		for _, i := range senders {
			sendNumbers(t, n.Listen(at(i)), at(0), 30)
		}
		pass(time.Second)
		out = takeAll(to, n.epoch)
	})
	return out
}

func TestTheSeedDecidesEverything(t *testing.T) {
	first, again, other := run(t, 1, 1, 2, 3, 4, 5), run(t, 1, 4, 2, 5, 1, 3), run(t, 2, 1, 2, 3, 4, 5)
	if diff := cmp.Diff(first, again); diff != "" {
		t.Error("the same seed, with the senders in another order:", diff)
	}
	if cmp.Equal(first, other) {
		t.Error("another seed gave the same run")
	}
}

// One fault does not change which packets another one hits, so that a smaller run still fails.
func TestFaultsDoNotShiftEachOther(t *testing.T) {
	bubble(t, func(t *testing.T) {
		lost := func(f Faults) (out []bool) {
			tr := New(Config{Seed: 5}).Listen(at(0))
			for range 100 {
				out = append(out, tr.throw(&f).lost)
			}
			return out
		}
		alone := lost(Faults{Loss: 0.3})
		if diff := cmp.Diff(alone, lost(Faults{Loss: 0.3, Duplicate: 0.5, Reorder: 0.5, DelayMax: time.Second})); diff != "" {
			t.Error(diff)
		}
	})
}

func TestCutsAreOneWayAndHeal(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n, a, b := pair(t, Config{})
		both := func() (there, back bool) {
			sendNumbers(t, a, at(1), 1)
			sendNumbers(t, b, at(0), 1)
			return len(takeAll(b, n.epoch)) == 1, len(takeAll(a, n.epoch)) == 1
		}
		n.SetFaults(Faults{Cut: OneWay(Among(at(0)), Among(at(1)))})
		if there, back := both(); there || !back {
			t.Errorf("cut from a to b alone: %t from a to b, %t back", there, back)
		}
		n.SetFaults(Faults{Cut: Split(Among(at(0)))})
		if there, back := both(); there || back {
			t.Errorf("cut both ways: %t from a to b, %t back", there, back)
		}
		n.SetFaults(Faults{})
		if there, back := both(); !there || !back {
			t.Errorf("healed: %t from a to b, %t back", there, back)
		}
		if s := n.Stats(); s.Cut != 3 || s.PacketsSent != 6 || s.PacketsReceived != 3 {
			t.Errorf("wanted 6 packets sent, 3 cut and 3 received: %+v", s)
		}
	})
}

func TestWhatIsInFlightIsCutToo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n, a, b := pair(t, Config{Faults: Faults{DelayMin: time.Second, DelayMax: time.Second}})
		sendNumbers(t, a, at(1), 1)
		n.SetFaults(Faults{Cut: Split(Among(at(0)))})
		pass(2 * time.Second)
		if got := takeAll(b, n.epoch); len(got) > 0 {
			t.Error("arrived over a cut:", got)
		}
	})
}

// memberlist's MockTransport blocks the sender for ever.
func TestAMemberThatDoesNotReadLosesPacketsAndBlocksNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a, b := pair(t, Config{Queue: 10})
		sendNumbers(t, a, at(1), 25)
		if s := b.Stats(); s.PacketsReceived != 10 || s.QueueFull != 15 {
			t.Errorf("wanted 10 packets queued and 15 dropped: %+v", s)
		}
	})
}

func TestAddressesOutliveTheirMembers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n, a, b := pair(t, Config{})
		if err := b.Shutdown(); err != nil {
			t.Fatal(err)
		}
		sendNumbers(t, a, at(1), 1)
		if got := a.Stats().NoRoute; got != 1 {
			t.Errorf("%d packets without a route, wanted 1", got)
		}
		if _, err := b.WriteTo([]byte("x"), at(0).String()); err == nil {
			t.Error("a member that was shut down can send")
		}
		again := n.Listen(at(1))
		sendNumbers(t, a, at(1), 1)
		if len(takeAll(again, n.epoch)) != 1 || len(takeAll(b, n.epoch)) != 0 {
			t.Error("the packet did not go to the one who listens now")
		}
		third := n.Listen(at(1))
		sendNumbers(t, a, at(1), 1)
		if len(takeAll(third, n.epoch)) != 1 || len(takeAll(again, n.epoch)) != 0 {
			t.Error("the packet did not go to the one who took the address")
		}
	})
}

func TestListenAtPortZeroTakesAFreeOne(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := New(Config{})
		ip := at(0).Addr()
		a, b := n.Listen(netip.AddrPortFrom(ip, 0)), n.Listen(netip.AddrPortFrom(ip, 0))
		if a.Addr().Port() == 0 || a.Addr() == b.Addr() {
			t.Errorf("listening at %s and %s", a.Addr(), b.Addr())
		}
	})
}

func TestTheTapSeesChangesAndDropsPackets(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n, a, b := pair(t, Config{})
		var seen []string
		n.SetTap(func(from, to netip.AddrPort, p []byte) []byte {
			seen = append(seen, from.String()+" "+to.String()+" "+string(p))
			if string(p) == "1" {
				return nil
			}
			return bytes.ReplaceAll(p, []byte("2"), []byte("two"))
		})
		sendNumbers(t, a, at(1), 3)
		if diff := cmp.Diff([]string{"0", "two"}, bodies(takeAll(b, n.epoch))); diff != "" {
			t.Error(diff)
		}
		path := at(0).String() + " " + at(1).String() + " "
		if diff := cmp.Diff([]string{path + "0", path + "1", path + "2"}, seen); diff != "" {
			t.Error(diff)
		}
		n.SetTap(nil)
		sendNumbers(t, a, at(1), 3)
		if len(seen) != 3 || len(takeAll(b, n.epoch)) != 3 || a.Stats().Tapped != 1 {
			t.Error("the tap was taken away, but works on")
		}
	})
}

func TestWhatCannotBeSentIsAnError(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a, _ := pair(t, Config{})
		for _, c := range []struct {
			name, addr string
			size       int
			want       string
		}{
			{"a name", "host:7947", 1, `address "host:7947"`},
			{"no port", "10.0.0.1", 1, `address "10.0.0.1"`},
			{"too long", at(1).String(), maxPacket + 1, "at most 65507"},
		} {
			_, err := a.WriteTo(make([]byte, c.size), c.addr)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: error %v, wanted one with %q", c.name, err, c.want)
			}
		}
	})
}

func TestFinalAdvertiseAddr(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a, _ := pair(t, Config{})
		for _, c := range []struct {
			ip       string
			port     int
			wantIP   string
			wantPort int
		}{
			{"", 0, "10.0.0.0", 7947},
			{"192.168.1.2", 99, "192.168.1.2", 99},
			{"::ffff:192.168.1.2", 99, "192.168.1.2", 99},
		} {
			ip, port, err := a.FinalAdvertiseAddr(c.ip, c.port)
			if err != nil || !ip.Equal(net.ParseIP(c.wantIP)) || len(ip) != 4 || port != c.wantPort {
				t.Errorf("FinalAdvertiseAddr(%q, %d) = %s, %d, %v", c.ip, c.port, ip, port, err)
			}
		}
		if _, _, err := a.FinalAdvertiseAddr("host", 1); err == nil {
			t.Error("a name is taken for an address")
		}
	})
}
