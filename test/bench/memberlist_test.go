package bench

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"hash/crc32"
	"io"
	"testing"

	"github.com/daemonsetd/daemonsetd/gossip/keyring"
)

// The types of memberlist's messages.
const (
	msgPing, msgIndirect, msgAck, msgPushPull, msgCompound, msgUser, msgEncrypt, msgCRC, msgLabel = 0, 1, 2, 6, 7, 8, 10, 12, 244
)

// box encrypts and opens messages of memberlist.
type box struct {
	aead  cipher.AEAD
	label string
}

func newBox(b *testing.B, key keyring.Key, label string) *box {
	b.Helper()
	block, err := aes.NewCipher(key[:])
	if err != nil {
		b.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		b.Fatal(err)
	}
	return &box{aead, label}
}

func (x *box) header() []byte { return append([]byte{msgLabel, byte(len(x.label))}, x.label...) }

func (x *box) seal(also, plain []byte) []byte {
	head := make([]byte, 13, 13+len(plain)+16)
	head[0] = 1
	_, _ = rand.Read(head[1:])
	return x.aead.Seal(head, head[1:], plain, also)
}

// packet is a message as a packet, message as what goes over a stream behind the label.
func (x *box) packet(plain []byte) []byte {
	return append(x.header(), x.seal([]byte(x.label), plain)...)
}

func (x *box) message(plain []byte) []byte {
	head := binary.BigEndian.AppendUint32([]byte{msgEncrypt}, uint32(len(plain)+29)) //nolint:gosec // a few MB
	return append(head, x.seal(append(bytes.Clone(head), x.label...), plain)...)
}

// open opens a packet.
func (x *box) open(b []byte) ([]byte, bool) {
	b, ok := bytes.CutPrefix(b, x.header())
	if !ok || len(b) < 29 {
		return nil, false
	}
	plain, err := x.aead.Open(nil, b[1:13], b[13:], []byte(x.label))
	return plain, err == nil && len(plain) > 0
}

// read reads and opens the message of a stream.
func (x *box) read(r io.Reader, labelled bool) ([]byte, bool) {
	if labelled {
		if _, err := io.ReadFull(r, make([]byte, len(x.header()))); err != nil {
			return nil, false
		}
	}
	head := make([]byte, 5)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, false
	}
	b := make([]byte, binary.BigEndian.Uint32(head[1:]))
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, false
	}
	plain, err := x.aead.Open(nil, b[1:13], b[13:], append(head, x.label...))
	return plain, err == nil && len(plain) > 0
}

// parts are the messages in a packet.
func parts(b []byte) [][]byte {
	if len(b) > 5 && b[0] == msgCRC && crc32.ChecksumIEEE(b[5:]) == binary.BigEndian.Uint32(b[1:]) {
		b = b[5:]
	}
	if b[0] != msgCompound {
		return [][]byte{b}
	}
	n := int(b[1])
	lengths, rest := b[2:2+2*n], b[2+2*n:]
	var out [][]byte
	for ; len(lengths) > 0; lengths = lengths[2:] {
		size := int(binary.BigEndian.Uint16(lengths))
		out, rest = append(out, rest[:size]), rest[size:]
	}
	return out
}

// pack writes a message: its type and a map of names to numbers, bytes, text or a bool, in MessagePack.
func pack(kind byte, fields ...any) []byte {
	b := []byte{kind, 0x80 | byte(len(fields)/2)} //nolint:gosec // a few
	for i, f := range fields {
		switch f := f.(type) {
		case string:
			if i%2 == 0 { // a name, in the short form that memberlist writes and the agent's screen wants
				b = append(append(b, 0xa0|byte(len(f))), f...) //nolint:gosec // fewer than 32
				continue
			}
			b = append(append(b, 0xda, byte(len(f)>>8), byte(len(f))), f...)
		case []byte:
			b = append(append(b, 0xda, byte(len(f)>>8), byte(len(f))), f...)
		case uint64:
			b = binary.BigEndian.AppendUint64(append(b, 0xcf), f)
		case bool:
			c := byte(0xc2)
			if f {
				c = 0xc3
			}
			b = append(b, c)
		}
	}
	return b
}

func ack(seq uint64, payload []byte) []byte { return pack(msgAck, "SeqNo", seq, "Payload", payload) }

// fields is a map that was read.
type fields map[string]any

func (f fields) number(name string) uint64 { n, _ := f[name].(uint64); return n }
func (f fields) bytes(name string) []byte  { b, _ := f[name].([]byte); return b }

// unpack reads a map as memberlist writes it.
func unpack(b []byte) fields { f, _ := unpackFirst(b); return f }

func unpackFirst(b []byte) (fields, []byte) {
	out := fields{}
	n := int(b[0] & 0x0f)
	b = b[1:]
	for range n {
		var name, value any
		name, b = unpackOne(b)
		value, b = unpackOne(b)
		text, _ := name.([]byte)
		out[string(text)] = value
	}
	return out, b
}

// unpackOne reads a number or bytes; everything else that memberlist sends has one byte.
func unpackOne(b []byte) (any, []byte) {
	c := b[0]
	wide := func(size int) uint64 {
		var n uint64
		for _, x := range b[1 : 1+size] {
			n = n<<8 | uint64(x)
		}
		return n
	}
	text := func(head, n int) (any, []byte) { return b[head : head+n], b[head+n:] }
	switch {
	case c < 0x80:
		return uint64(c), b[1:]
	case c >= 0xa0 && c < 0xc0:
		return text(1, int(c&0x1f))
	case c == 0xc4 || c == 0xd9:
		return text(2, int(b[1]))
	case c == 0xc5 || c == 0xda:
		return text(3, int(wide(2))) //nolint:gosec // two bytes
	case c >= 0xcc && c <= 0xcf:
		size := 1 << (c - 0xcc)
		return wide(size), b[1+size:]
	case c >= 0xd0 && c <= 0xd3:
		size := 1 << (c - 0xd0)
		return wide(size), b[1+size:]
	}
	return nil, b[1:]
}
