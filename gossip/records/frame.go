package records

import (
	"encoding/binary"
	"hash/crc32"
	"time"

	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// The file is a header and frames:
//
//	header  8 bytes magic and version, 8 bytes marker, 4 bytes CRC-32C of both
//	frame   8 bytes marker, 4 bytes CRC-32C of what follows, 4 bytes length of the payload, 1 byte kind, payload
//
// all of it little endian. The marker is random and the same in the whole file: after damage the next frame is found by
// it, as in Hadoop's sequence files. Nobody outside of this host knows it, so no record that another member wrote can
// have in its body what would then be taken for a frame.
const (
	magic      = "dsdmemb\x01"
	markerSize = 8
	headerSize = len(magic) + markerSize + 4
	frameHead  = markerSize + 4 + 4 + 1
	// maxPayload is more than the largest frame of a record has.
	maxPayload = 32 << 10
)

// Kinds of frames.
const (
	// kindCluster has the cluster's label. It is the first frame.
	kindCluster byte = 1
	// kindRecord has 8 bytes with the unix time at which the record came, and the record.
	kindRecord byte = 2
	// kindPin has the 16 bytes of an id, and the name that is pinned to it.
	kindPin byte = 3
	// kindTombstone has the 16 bytes of an id, and 8 bytes with the generation up to which it is forgotten.
	kindTombstone byte = 4
	// kindKnown has the 16 bytes of an id, 8 bytes with the unix time at which its first record came, and a byte of
	// knownFlags.
	kindKnown byte = 5
	// kindClosed has a byte, 1 where the name after it is closed, and 0 where it is open again.
	kindClosed byte = 6
)

type marker [markerSize]byte

// frame is one entry of the file; its payload is head, then tail.
type frame struct {
	kind       byte
	head, tail []byte
}

func clusterFrame(label string) frame { return frame{kind: kindCluster, tail: []byte(label)} }

func recordFrame(received time.Time, encoded []byte) frame {
	return frame{kind: kindRecord, head: binary.LittleEndian.AppendUint64(nil, uint64(received.Unix())), tail: encoded}
}

func pinFrame(name string, id record.ID) frame {
	return frame{kind: kindPin, head: id[:], tail: []byte(name)}
}

func tombstoneFrame(id record.ID, up uint64) frame {
	return frame{kind: kindTombstone, head: id[:], tail: binary.LittleEndian.AppendUint64(nil, up)}
}

func knownFrame(id record.ID, k known) frame {
	tail := binary.LittleEndian.AppendUint64(nil, uint64(k.since)) //nolint:gosec // a time
	return frame{kind: kindKnown, head: id[:], tail: append(tail, byte(k.flags))}
}

func closedFrame(name string, closed bool) frame {
	f := frame{kind: kindClosed, head: []byte{0}, tail: []byte(name)}
	if closed {
		f.head[0] = 1
	}
	return f
}

// append adds the frame to b.
func (f frame) append(b []byte, m marker) []byte {
	b = append(b, m[:]...)
	crcAt := len(b)
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(f.head)+len(f.tail)))
	b = append(b, f.kind)
	b = append(b, f.head...)
	b = append(b, f.tail...)
	binary.LittleEndian.PutUint32(b[crcAt:], checksum(b[crcAt+4:]))
	return b
}

func appendHeader(b []byte, m marker) []byte {
	at := len(b)
	b = append(b, magic...)
	b = append(b, m[:]...)
	return binary.LittleEndian.AppendUint32(b, checksum(b[at:]))
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }
