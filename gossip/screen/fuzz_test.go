package screen

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"
)

// withCRC puts memberlist's checksum in front.
func withCRC(b []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{typeCRC}, crc32.ChecksumIEEE(b)), b...)
}

// FuzzPacket: whatever a key opens, checking it ends, and nothing compressed or nested passes.
func FuzzPacket(f *testing.F) {
	for _, seed := range [][]byte{nil, ping(), compound(ping(), ping()), compressed(f, ping()), withCRC(ping()), []byte("\x04\xdf\xff\xff\xff\xff\xa1x\x01")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, plain []byte) {
		if checkPacket(plain) != "" {
			return
		}
		if len(plain) >= 5 && plain[0] == typeCRC {
			plain = plain[5:]
		}
		if plain[0] == typeCompress {
			t.Error("a compressed message passed")
		}
	})
}

// FuzzMessage: as FuzzPacket, for streams; what passes says how much room it needs, and that is no more than was allowed.
func FuzzMessage(f *testing.F) {
	for _, seed := range [][]byte{nil, ping(), userMessage(3, []byte("abc")), pushPull(1, 2, []byte("\x81\xa4Name\xa1xab")), compressed(f, ping())} {
		f.Add(seed)
	}
	limits := Limits{Message: 1 << 16, User: 64, Nodes: 4}
	f.Fuzz(func(t *testing.T, plain []byte) {
		why := limits.checkMessage(plain)
		if why == "" && plain[0] == typePushPull {
			r := reader{rest: plain[1:]}
			if n := r.numbers(); n["Nodes"] > 4 || n["UserStateLen"] > 64 {
				t.Errorf("it passed with %v", n)
			}
		}
		if why == unfinished && limits.checkMessage(append(bytes.Clone(plain), 0)) == Compressed {
			t.Error("it was unfinished, and compressed a byte later")
		}
	})
}
