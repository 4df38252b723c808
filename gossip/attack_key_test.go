package gossip_test

import (
	"bytes"
	"compress/lzw"
	"encoding/binary"
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
	"github.com/daemonsetd/daemonsetd/gossip/wire"
)

// TestForgedRecordPushed: somebody with the key pushes a record in another member's name. It is dropped and told of, without a
// name, since nobody has sealed it.
func TestForgedRecordPushed(t *testing.T) {
	attacked(t, 4, 21, func(t *testing.T, c *cluster) {
		a, victim, host := c.attack(1, keyOf(7)), c.hosts[1], c.hosts[0]
		for range 100 {
			a.packet(host, pushed(wire.PushFrame(forge(t, victim.id))))
		}
		c.pass(time.Second)
		if got := counted(t, host, "daemonsetd_gossip_records_total", "forged"); got != 100 {
			t.Errorf("%d records were forged, want 100", got)
		}
		if lines := logs(host, "somebody who has the gossip key", "forged"); len(lines) != 1 {
			t.Errorf("told %d times, want once: %q", len(lines), lines)
		}
		c.unharmed(c.hosts...)
		c.wantComplaints(host, victim.id.ID, 0)
	})
}

// wantComplaints: one host has so many complaints about a member, or some where that is less than 0.
func (c *cluster) wantComplaints(h *host, about record.ID, want int) {
	c.t.Helper()
	m, ok := h.node.View().Member(about)
	if !ok || want >= 0 && m.Complaints != want || want < 0 && m.Complaints == 0 {
		c.t.Errorf("%s has %d complaints about %s (known %v), want %d", h.name, m.Complaints, about, ok, want)
	}
}

// TestForgedRecordSealed: a member sends forged records and ones of another cluster under its own seal. It is named in the log,
// once, and in the view; what is good in the same frame is taken.
func TestForgedRecordSealed(t *testing.T) {
	attacked(t, 4, 22, func(t *testing.T, c *cluster) {
		a, victim, host := c.attack(1, keyOf(7)), c.hosts[1], c.hosts[0]
		a.join(host)
		c.pass(time.Second)
		good := sign(t, a.id, "test", "test", record.Stamp{Generation: 1, Version: 1}, make([]byte, 8))
		foreign := sign(t, identityOf(3_000_000), "prod", "test", record.Stamp{Generation: 1, Version: 1}, nil)
		future := sign(t, a.id, "test", "future", record.Stamp{Generation: 1 << 60, Version: 1}, nil)
		a.frame(host, a.sealed(wire.Bulk, host.id.ID, wire.BulkPayload([][]byte{
			forge(t, victim.id), foreign.Encoded, []byte("no record"), future.Encoded, good.Encoded,
		})))
		c.pass(time.Second)
		c.wantComplaints(host, a.id.ID, 4)
		c.wantComplaints(host, victim.id.ID, 0)
		if lines := logs(host, "a member sends what no member should", a.id.ID.String()); len(lines) != 1 {
			t.Errorf("it was named %d times, want once: %q", len(lines), lines)
		}
		if m, _ := host.node.View().Member(a.id.ID); len(m.Sections) != 1 {
			t.Errorf("%d of its sections are there, want the good one", len(m.Sections))
		}
		c.unharmed(c.hosts...)
	})
}

// TestWrongFrames: frames that are sealed rightly and say what cannot be: each is laid at the sealer's door.
func TestWrongFrames(t *testing.T) {
	attacked(t, 3, 23, func(t *testing.T, c *cluster) {
		a, host := c.attack(1, keyOf(7)), c.hosts[0]
		a.join(host)
		c.pass(time.Second)
		var set records.BucketSet
		payloads := map[wire.Kind][][]byte{
			wire.Vector: {nil, make([]byte, 8*wire.Buckets+1)},
			wire.Heads:  {nil, wire.HeadsPayload(set, false, make([]records.Head, wire.MaxHeads+1))},
			wire.Want:   {{1}, wire.WantPayload(make([]wire.Ref, wire.MaxWant+1))},
			wire.Bulk:   {{0}, bytes.Repeat([]byte{0xff}, 10), {5, 1, 2}},
		}
		sent := 0
		for kind, list := range payloads {
			for _, p := range list {
				a.frame(host, a.sealed(kind, host.id.ID, p))
				sent++
			}
		}
		c.pass(time.Second)
		wantDropped(t, host, "malformed", sent)
		c.wantComplaints(host, a.id.ID, sent)

		elsewhere := a.sealed(wire.Want, c.hosts[1].id.ID, nil)
		a.frame(host, elsewhere)
		broken := a.sealed(wire.Want, host.id.ID, nil)
		broken[len(broken)-1] ^= 1
		a.frame(host, broken)
		a.frame(host, []byte{99, 1, 2, 3})
		a.stream(host, userMessage(wire.MaxFrame+1, make([]byte, wire.MaxFrame+1)))
		nobody := wire.NewSealer("test", identityOf(4_000_000).Private)
		a.frame(host, nobody.Seal(wire.Want, host.id.ID, record.Stamp{Generation: 1, Version: 1}, nil))
		c.pass(time.Second)
		for _, reason := range []string{"not-for-me", "forged", "unknown-kind", "misshapen", "no-address"} {
			wantDropped(t, host, reason, 1)
		}
		c.unharmed(c.hosts...)
	})
}

// squeezed is a message of memberlist in compressed form, of which a few bytes become a great many.
func squeezed(t *testing.T, plain []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := lzw.NewWriter(&buf, lzw.LSB, 8)
	_, _ = w.Write(plain)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	b := []byte{compressedAs, 0x82}
	b = append(b, number("Algo", 0)...)
	b = append(append(b, 0xa3, 'B', 'u', 'f', 0xdb), binary.BigEndian.AppendUint32(nil, uint32(buf.Len()))...)
	return append(b, buf.Bytes()...)
}

// TestBombs: what memberlist would unpack to gigabytes, or die of, reaches it not at all. That this process goes on is what is
// shown; package screen has the single cases.
func TestBombs(t *testing.T) {
	attacked(t, 3, 24, func(t *testing.T, c *cluster) {
		a, host := c.attack(1, keyOf(7)), c.hosts[0]
		// Within each other: a quarter of a megabyte of zeros in one packet.
		bomb := squeezed(t, squeezed(t, make([]byte, 256<<10)))
		if len(bomb) > 1300 {
			t.Fatalf("the bomb has %d bytes, which is no packet", len(bomb))
		}
		old := append([]byte{0}, a.seal([]byte(a.label), append(make([]byte, 15), 200))[1:]...)
		for range 200 {
			a.packet(host, bomb)
			a.packet(host, pushed(nil), bomb[:200], []byte{})
			a.packet(host, append([]byte{alive}, "\xdf\xff\xff\xff\xff"...))
			a.raw(host, append(a.header(), old...))
		}
		large := squeezed(t, make([]byte, 30<<20))
		for range 20 {
			a.stream(host, large)
			a.stream(host, nil)
			a.stream(host, []byte("\x06\x83\xa5Nodes\xce\x00\x10\x00\x00\xacUserStateLen\x00\xa4Join\xc2"))
			a.stream(host, userMessage(20<<20, nil))
		}
		c.pass(time.Second)
		for reason, least := range map[string]int{"compressed": 220, "empty": 20, "misshapen": 240, "not-opened": 200} {
			wantDropped(t, host, reason, least)
		}
		if lines := logs(host, "somebody who has the gossip key", a.net.Addr().Addr().String()); len(lines) != 1 {
			t.Errorf("it was named %d times, want once: %q", len(lines), lines)
		}
		c.unharmed(c.hosts...)
	})
}

// TestReplayedRecords: a member sends old records of others, which are rightly signed, over and over. Nothing goes back.
func TestReplayedRecords(t *testing.T) {
	attacked(t, 4, 25, func(t *testing.T, c *cluster) {
		a, victim := c.attack(1, keyOf(7)), c.hosts[1]
		a.join(c.hosts[0])
		stamp := victim.node.View().Members[0].Sections["test"].Stamp
		var old [][]byte
		for version := range uint64(50) {
			old = append(old, sign(t, victim.id, "test", "test", record.Stamp{Generation: stamp.Generation - 1, Version: version + 1}, make([]byte, 8)).Encoded)
		}
		for range 20 {
			for _, h := range c.hosts {
				a.frame(h, a.sealed(wire.Bulk, h.id.ID, wire.BulkPayload(old)))
				a.packet(h, pushed(wire.PushFrame(old[c.rng.IntN(len(old))])))
			}
			c.pass(100 * time.Millisecond)
		}
		c.unharmed(c.hosts...)
		if got := counted(t, c.hosts[0], "daemonsetd_gossip_records_total", "older"); got < 1000 {
			t.Errorf("%d older records, want 1000 or more: this shows nothing", got)
		}
		if got := counted(t, c.hosts[0], "daemonsetd_gossip_records_total", "forged"); got != 0 {
			t.Errorf("%d forged records", got)
		}
	})
}

// TestFaultT9ReplayedFrames: whoever has kept a sealed frame can send it again, and it is taken once. The member whose seal it is
// loses nothing: its own frames are taken all the while, as many as it may send.
func TestFaultT9ReplayedFrames(t *testing.T) {
	attacked(t, 5, 26, func(t *testing.T, c *cluster) {
		// The victim's own count goes on from that of its frames, so that the one that was kept is one that it has sent.
		a, victim, host := c.attack(1, keyOf(7)), c.hosts[1], c.hosts[0]
		var refs []wire.Ref
		for _, h := range c.hosts {
			refs = append(refs, wire.Ref{ID: h.id.ID, Section: "test"})
		}
		m, _ := victim.node.View().Member(victim.id.ID)
		stamp := record.Stamp{Generation: m.Sections["test"].Stamp.Generation, Version: 400}
		seal := func() []byte {
			stamp.Version++
			return wire.NewSealer("test", victim.id.Private).Seal(wire.Want, host.id.ID, stamp, wire.WantPayload(refs))
		}
		kept := seal()
		sent := counted(t, host, "daemonsetd_gossip_frames_total", "sent bulk")
		const seconds = 60
		for second := range seconds {
			for range 100 {
				a.frame(host, kept)
			}
			c.pass(time.Second)
			a.frame(host, seal()) // as the victim does
			if second%20 == 10 {
				c.unharmed(c.hosts...)
			}
		}
		c.pass(time.Second)
		wantDropped(t, host, "replayed", 100*seconds-1)
		if got := dropped(t, host, "too-many"); got != 0 {
			t.Errorf("%d frames were taken for too many", got)
		}
		if got := counted(t, host, "daemonsetd_gossip_frames_total", "sent bulk") - sent; got < seconds+1 {
			t.Errorf("%d answers, want one for each of the %d frames", got, seconds+1)
		}
		c.wantComplaints(host, victim.id.ID, 0)
	})
}

// TestTooManyFrames: a member that seals more frames than one needs is told of; those above the rate are dropped.
func TestTooManyFrames(t *testing.T) {
	attacked(t, 3, 26, func(t *testing.T, c *cluster) {
		a, host := c.attack(1, keyOf(7)), c.hosts[0]
		a.join(host)
		c.pass(time.Second)
		const seconds = 30
		for range seconds {
			for range 100 {
				a.frame(host, a.sealed(wire.Want, host.id.ID, nil))
			}
			c.pass(time.Second)
		}
		wantDropped(t, host, "too-many", 100*seconds-64-20*seconds)
		if lines := logs(host, "more frames come under its seal"); len(lines) != 1 {
			t.Errorf("told %d times in %d s: %q", len(lines), seconds, lines)
		}
		c.unharmed(c.hosts...)
	})
}

// TestNameOfAnother: somebody with the key says that it is a host that is known. It is held and shown as such.
func TestNameOfAnother(t *testing.T) {
	attacked(t, 4, 27, func(t *testing.T, c *cluster) {
		a, victim := c.attack(1, keyOf(7)), c.hosts[1]
		a.join(c.hosts[0])
		body, err := records.EncodeProfile(records.Profile{Name: victim.name, Address: victim.addr})
		if err != nil {
			t.Fatal(err)
		}
		r := sign(t, a.id, "test", records.SectionMember, record.Stamp{Generation: uint64(time.Now().Unix()), Version: 1}, body)
		for _, h := range c.hosts {
			a.packet(h, pushed(wire.PushFrame(r.Encoded)))
		}
		c.pass(time.Second)
		c.standings(a.id.ID, records.Held)
		c.standings(victim.id.ID, records.Trusted)
		c.unharmed(c.hosts...)
		for _, h := range c.hosts {
			if m, ok := h.node.View().Member(victim.id.ID); !ok || m.State != gossip.StateAlive || m.Address != victim.addr {
				t.Errorf("%s has %s as %+v", h.name, victim.name, m)
			}
		}
	})
}
