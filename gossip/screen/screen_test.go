package screen

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// version0 is a packet in memberlist's old encryption whose padding is longer than itself; memberlist v0.7.0 panics upon it.
func version0(t testing.TB, also []byte) []byte {
	t.Helper()
	padding := make([]byte, 16)
	padding[15] = 200
	b := sealPacket(t, testKey, also, padding)
	b[0] = 0
	return b
}

// TestPackets: what passes comes out as it came in, and everything else is dropped for its reason.
func TestPackets(t *testing.T) {
	seal := func(plain []byte) []byte { return labelled(label, sealPacket(t, testKey, []byte(label), plain)) }
	deep := bytes.Repeat([]byte{0x91}, 100)
	for _, c := range []struct {
		name   string
		packet []byte
		want   Reason
	}{
		{"ping", seal(ping()), ""},
		{"several", seal(compound(ping(), []byte{typeUser, 1, 2}, ping())), ""},
		{"none in one of several", seal(compound()), ""},
		{"the second key", labelled(label, sealPacket(t, otherKey, []byte(label), ping())), ""},
		{"user message of any bytes", seal([]byte{typeUser, 0xff, 0xff}), ""},
		{"no label", sealPacket(t, testKey, nil, ping()), OtherCluster},
		{"label cut off", labelled(label, nil)[:3], OtherCluster},
		{"another label", labelled("tesx", sealPacket(t, testKey, []byte("tesx"), ping())), OtherCluster},
		{"plaintext", labelled(label, ping()), NotOpened},
		{"another key", labelled(label, sealPacket(t, bytes.Repeat([]byte{9}, 32), []byte(label), ping())), NotOpened},
		{"garbage", labelled(label, bytes.Repeat([]byte{1}, 500)), NotOpened},
		{"another packet's label", labelled(label, sealPacket(t, testKey, []byte("tesx"), ping())), NotOpened},
		{"version 0", labelled(label, version0(t, []byte(label))), NotOpened},
		{"no bytes", seal(nil), Empty},
		{"a part of no bytes", seal(compound(ping(), nil)), Empty},
		{"compressed", seal(compressed(t, ping())), Compressed},
		{"compressed, one of several", seal(compound(ping(), compressed(t, ping()))), Compressed},
		{"several in several", seal(compound(compound(ping()))), Nested},
		{"parts cut off", seal(compound(ping())[:6]), Misshapen},
		{"lengths cut off", seal([]byte{typeCompound, 9, 0}), Misshapen},
		{"ping cut off", seal(ping()[:5]), Misshapen},
		{"map of four thousand million", seal([]byte("\x04\xdf\xff\xff\xff\xff\xa1x\x01")), Misshapen},
		{"string of four thousand million", seal([]byte("\x04\x81\xa4Meta\xdb\xff\xff\xff\xff\x01")), Misshapen},
		{"deeply nested", seal(append([]byte{typeAlive}, deep...)), Misshapen},
		{"extension", seal([]byte("\x04\xd4\x01\x01")), Misshapen},
		{"encrypted again", seal([]byte{typeEncrypt, 1, 2}), Misshapen},
		{"push/pull in a packet", seal([]byte{typePushPull, 0x80}), Misshapen},
		{"unknown", seal([]byte{77, 0x80}), Misshapen},
		{"checksum", seal([]byte{typeCRC, 1, 2, 3, 4, 0, 0xc0}), Misshapen},
		{"checksum over compressed", seal(withCRC(compressed(t, ping()))), Compressed},
		{"checksum over ping", seal(withCRC(ping())), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, testKey, otherKey)
				if _, err := r.peer.WriteTo(c.packet, screened.String()); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				select {
				case p := <-r.screen.PacketCh():
					if c.want != "" || !bytes.Equal(p.Buf, c.packet) {
						t.Errorf("it passed, wanted %q; as it came: %v", c.want, bytes.Equal(p.Buf, c.packet))
					}
				default:
					if got := r.drops.take(); c.want == "" || !slices.Equal(got, []Reason{c.want}) {
						t.Errorf("dropped for %q, want %q", got, c.want)
					}
				}
			})
		})
	}
}

// userMessage is one over a stream that claims a length.
func userMessage(claims uint32, body []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte("\x08\x81\xaaUserMsgLen\xce"), claims), body...)
}

// pushPull is one that claims so many members and bytes.
func pushPull(nodes, user uint32, rest []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte("\x06\x83\xa5Nodes\xce"), nodes)
	b = binary.BigEndian.AppendUint32(append(b, "\xacUserStateLen\xce"...), user)
	return append(append(b, "\xa4Join\xc3"...), rest...)
}

// TestStreams: a message passes as a whole or not at all, whether it is encrypted or not.
func TestStreams(t *testing.T) {
	node := []byte("\x82\xa4Name\xa1x\xa4Meta\xa0")
	for _, c := range []struct {
		name  string
		plain []byte
		want  Reason
		// open: without encryption only the sender's end shows that nothing more comes.
		open Reason
	}{
		{"ping", ping(), "", ""},
		{"user message", userMessage(3, []byte("abc")), "", ""},
		{"push/pull", pushPull(2, 3, append(append(node, node...), "abc"...)), "", ""},
		{"no bytes", nil, Empty, Cut},
		{"compressed", compressed(t, ping()), Compressed, Compressed},
		{"user message longer than it says", userMessage(3, []byte("abcd")), Misshapen, Misshapen},
		{"user message shorter than it says", userMessage(900, []byte("ab")), Misshapen, Cut},
		{"user message of two thousand million", userMessage(1<<31, []byte("ab")), Misshapen, Misshapen},
		{"push/pull of a million", pushPull(1<<20, 0, node), Misshapen, Misshapen},
		{"push/pull without members", pushPull(100, 0, node), Misshapen, Cut},
		{"push/pull of much state", pushPull(0, 1<<20, nil), Misshapen, Misshapen},
		{"header with a field twice", []byte("\x08\x82\xa1x\x01\xa1x\x01"), Misshapen, Misshapen},
		{"negative length", []byte("\x08\x81\xaaUserMsgLen\xd3\xff\xff\xff\xff\xff\xff\xff\xff"), Misshapen, Misshapen},
		{"alive over a stream", []byte("\x04\x80"), Misshapen, Misshapen},
	} {
		for _, accepted := range []bool{true, false} {
			t.Run(c.name, func(t *testing.T) {
				message := sealStream(t, testKey, label, c.plain)
				if !accepted {
					message = message[2+len(label):]
				}
				checkStream(t, newRigOf(testKey), accepted, message, c.want)
				open := labelled(label, c.plain)
				if !accepted {
					open = c.plain
				}
				checkStream(t, newRigOf(), accepted, open, c.open)
			})
		}
	}
}

// TestStrangeStreams: what comes over a stream from somebody without the key.
func TestStrangeStreams(t *testing.T) {
	long := binary.BigEndian.AppendUint32([]byte{typeEncrypt}, 1<<30)
	for _, c := range []struct {
		name    string
		message []byte
		want    Reason
	}{
		{"garbage", bytes.Repeat([]byte("GET / HTTP/1.1\r\n"), 30), OtherCluster},
		{"another label", sealStream(t, testKey, "tesx", ping()), OtherCluster},
		{"another key", sealStream(t, otherKey, label, ping()), NotOpened},
		{"not encrypted", labelled(label, ping()), NotOpened},
		{"a gigabyte", labelled(label, long), TooLong},
		{"cut off", sealStream(t, testKey, label, ping())[:30], Cut},
	} {
		t.Run(c.name, func(t *testing.T) { checkStream(t, newRigOf(testKey), true, c.message, c.want) })
	}
}

func newRigOf(keys ...[]byte) func(t *testing.T) *rig {
	return func(t *testing.T) *rig { return newRig(t, keys...) }
}

// checkStream sends a message and holds what can be read against it.
func checkStream(t *testing.T, make func(t *testing.T) *rig, accepted bool, message []byte, want Reason) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := make(t)
		got, err := r.exchange(t, accepted, message)
		dropped := r.drops.take()
		switch {
		case want == "" && (err != nil || !bytes.Equal(got, message) || len(dropped) > 0):
			t.Errorf("got %d of %d bytes, error %v, dropped %q", len(got), len(message), err, dropped)
		case want == Cut && len(message) == 0:
			// Somebody who came and went, as monitors do, is not worth a word.
		case want != "" && (err == nil || len(got) > 0 || !slices.Equal(dropped, []Reason{want})):
			t.Errorf("got %d bytes, error %v, dropped %q, want %q", len(got), err, dropped, want)
		}
	})
}

// exchange has the message sent over a stream that the screen accepts or dials, and reads it.
func (r *rig) exchange(t *testing.T, accepted bool, message []byte) ([]byte, error) {
	t.Helper()
	dial, accept := r.screen.DialTimeout, r.peer.StreamCh()
	to := outside
	if accepted {
		dial, accept, to = r.peer.DialTimeout, r.screen.StreamCh(), screened
	}
	near, err := dial(to.String(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	far := <-accept
	if accepted {
		near, far = far, near
	}
	defer near.Close()
	go func() {
		_, _ = far.Write(message)
		_ = far.Close()
	}()
	return io.ReadAll(near)
}

// TestSlow: a stream on which nothing comes is given up when the reader's time is over, and named.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, testKey)
		far, err := r.peer.DialTimeout(screened.String(), time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer far.Close()
		near := <-r.screen.StreamCh()
		defer near.Close()
		if err := near.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(near); err == nil {
			t.Error("no error")
		}
		if diff := cmp.Diff([]Reason{Slow}, r.drops.take()); diff != "" {
			t.Error(diff)
		}
	})
}

// TestRotation: keys that come and go take effect with the next packet.
func TestRotation(t *testing.T) {
	keys := [][]byte{testKey}
	c := ciphers{keys: func() [][]byte { return keys }}
	old, young := sealPacket(t, testKey, nil, ping()), sealPacket(t, otherKey, nil, ping())
	opens := func(b []byte) bool { _, ok := c.open(nil, b, nil); return ok }
	for _, step := range []struct {
		keys       [][]byte
		old, young bool
	}{
		{[][]byte{testKey}, true, false},
		{[][]byte{testKey, otherKey}, true, true},
		{[][]byte{otherKey, testKey}, true, true},
		{[][]byte{otherKey}, false, true},
		{nil, false, false},
	} {
		keys = step.keys
		if opens(old) != step.old || opens(young) != step.young {
			t.Errorf("with %d keys: old %v, new %v", len(keys), opens(old), opens(young))
		}
	}
}
