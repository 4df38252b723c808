package wire

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"

	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// domain begins everything that a seal covers.
const domain = "daemonsetd gossip frame 2\x00"

// Places in a sealed frame: kind, the sender's key, the receiver's ID, the sender's count of its frames, the payload,
// the signature.
const (
	keyAt     = 1
	toAt      = keyAt + ed25519.PublicKeySize
	countAt   = toAt + len(record.ID{})
	payloadAt = countAt + 16
	sealed    = payloadAt + ed25519.SignatureSize
)

// Sealer seals the frames of one member of one cluster.
type Sealer struct {
	cluster string
	key     ed25519.PrivateKey
}

// NewSealer makes a sealer; the key is the one that signs the member's records.
func NewSealer(cluster string, key ed25519.PrivateKey) Sealer {
	return Sealer{cluster: cluster, key: key}
}

// Seal makes a frame for one receiver, or for whoever it meets where to is zero. Count is higher than that of every
// frame that the sender has sealed before, in this run and in earlier ones: a receiver takes no frame twice.
func (s Sealer) Seal(kind Kind, to record.ID, count record.Stamp, payload []byte) []byte {
	frame := make([]byte, 0, sealed+len(payload))
	frame = append(frame, byte(kind))
	frame = append(frame, s.key[len(s.key)-ed25519.PublicKeySize:]...)
	frame = append(frame, to[:]...)
	frame = binary.BigEndian.AppendUint64(frame, count.Generation)
	frame = binary.BigEndian.AppendUint64(frame, count.Version)
	frame = append(frame, payload...)
	return append(frame, ed25519.Sign(s.key, covered(s.cluster, frame))...)
}

// covered is what the seal signs: domain and cluster, then the frame so far, whose fields before the payload have fixed
// lengths.
func covered(cluster string, frame []byte) []byte {
	b := make([]byte, 0, len(domain)+binary.MaxVarintLen64+len(cluster)+len(frame))
	b = append(b, domain...)
	b = binary.AppendUvarint(b, uint64(len(cluster)))
	b = append(b, cluster...)
	return append(b, frame...)
}

// Frame is one frame as it came.
type Frame struct {
	Kind Kind
	// From is the sender, and To the receiver that it meant, zero for anybody. Both are zero for what is not sealed.
	From, To record.ID
	// Count is the sender's count of its frames; zero for what is not sealed.
	Count record.Stamp
	// Payload aliases what was opened.
	Payload []byte
	data    []byte
}

// Open takes a frame apart. Nothing is verified: ask Verify before anything of it is believed.
func Open(data []byte) (Frame, error) {
	if len(data) == 0 || len(data) > MaxFrame {
		return Frame{}, fmt.Errorf("%w: %d bytes, want 1 to %d", ErrMalformed, len(data), MaxFrame)
	}
	switch kind := Kind(data[0]); kind {
	case Push, Hint, Pushes:
		return Frame{Kind: kind, Payload: data[1:], data: data}, nil
	case Vector, Heads, Want, Bulk:
		if len(data) < sealed {
			return Frame{}, fmt.Errorf("%w: %s of %d bytes, want %d or more", ErrMalformed, kind, len(data), sealed)
		}
		return Frame{
			Kind: kind, From: record.IDOf(ed25519.PublicKey(data[keyAt:toAt])), To: record.ID(data[toAt:countAt]),
			Count: record.Stamp{
				Generation: binary.BigEndian.Uint64(data[countAt:]),
				Version:    binary.BigEndian.Uint64(data[countAt+8:]),
			},
			Payload: data[payloadAt : len(data)-ed25519.SignatureSize], data: data,
		}, nil
	default:
		return Frame{}, fmt.Errorf("%w: %d", ErrUnknown, data[0])
	}
}

// Verify says whether From sealed the frame for this cluster. Frames that are not sealed have nothing to verify.
func (f Frame) Verify(cluster string) error {
	if f.Kind == Push || f.Kind == Hint || f.Kind == Pushes {
		return nil
	}
	if record.WeakKey(f.data[keyAt:toAt]) {
		return fmt.Errorf("%w: everybody could have sealed %s as %s", ErrForged, f.Kind, f.From)
	}
	end := len(f.data) - ed25519.SignatureSize
	if !ed25519.Verify(ed25519.PublicKey(f.data[keyAt:toAt]), covered(cluster, f.data[:end]), f.data[end:]) {
		return fmt.Errorf("%w: %s is not sealed by %s for cluster %q", ErrForged, f.Kind, f.From, cluster)
	}
	return nil
}
