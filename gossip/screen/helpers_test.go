package screen

import (
	"bytes"
	"compress/lzw"
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"sync"
	"testing"

	"github.com/daemonsetd/daemonsetd/gossip/memnet"
)

const label = "test"

var (
	testKey  = bytes.Repeat([]byte{7}, 32)
	otherKey = bytes.Repeat([]byte{8}, 32)
)

// labelled puts a label in front.
func labelled(label string, b []byte) []byte {
	return append(append([]byte{typeLabel, byte(len(label))}, label...), b...)
}

// sealPacket encrypts as memberlist does it in version 1.
func sealPacket(t testing.TB, key, also, plain []byte) []byte {
	t.Helper()
	aead, err := newAEAD(key)
	if err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 1+nonceSize)
	head[0] = version1
	_, _ = rand.Read(head[1:])
	return aead.Seal(head, head[1:], plain, also)
}

// sealStream is sealPacket for a message over a stream, with the label that comes first.
func sealStream(t testing.TB, key []byte, label string, plain []byte) []byte {
	t.Helper()
	head := binary.BigEndian.AppendUint32([]byte{typeEncrypt}, uint32(len(plain)+minSealed)) //nolint:gosec // small
	return labelled(label, append(head, sealPacket(t, key, append(bytes.Clone(head), label...), plain)...))
}

// compound puts messages into one.
func compound(parts ...[]byte) []byte {
	b := []byte{typeCompound, byte(len(parts))}
	for _, p := range parts {
		b = binary.BigEndian.AppendUint16(b, uint16(len(p))) //nolint:gosec // small
	}
	return append(b, bytes.Join(parts, nil)...)
}

// compressed packs a message as memberlist does it where compression is on.
func compressed(t testing.TB, plain []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := lzw.NewWriter(&buf, lzw.LSB, 8)
	_, _ = w.Write(plain)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	b := []byte("\x09\x82\xa4Algo\x00\xa3Buf\xda")
	b = binary.BigEndian.AppendUint16(b, uint16(buf.Len())) //nolint:gosec // small
	return append(b, buf.Bytes()...)
}

// ping is a message that passes.
func ping() []byte { return []byte("\x00\x82\xa5SeqNo\x01\xa4Node\xa1x") }

// drops gathers what was dropped.
type drops struct {
	mu  sync.Mutex
	all []Reason
}

func (d *drops) add(why Reason, _ netip.AddrPort) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, why)
}

func (d *drops) take() []Reason {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := d.all
	d.all = nil
	return all
}

// rig is a screen in front of one end of a simulated network, and the other end.
type rig struct {
	screen *Transport
	peer   *memnet.Transport
	drops  *drops
}

var screened, outside = netip.MustParseAddrPort("10.0.0.1:7947"), netip.MustParseAddrPort("10.0.0.2:7947")

func newRig(t testing.TB, keys ...[]byte) *rig {
	t.Helper()
	n := memnet.New(memnet.Config{})
	r := &rig{peer: n.Listen(outside), drops: &drops{}}
	c := Config{Transport: n.Listen(screened), Label: label, Limits: Limits{Message: 64 << 10, User: 1 << 10, Nodes: 100}, Dropped: r.drops.add}
	if len(keys) > 0 {
		c.Keys = func() [][]byte { return keys }
	}
	r.screen = New(c)
	t.Cleanup(func() {
		if err := r.screen.Shutdown(); err != nil {
			t.Error(err)
		}
		_ = r.peer.Shutdown()
	})
	return r
}
