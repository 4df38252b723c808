package resolve

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
)

// digest hashes a list of texts. Every text is preceded by its length, so that no two lists run together to the same
// bytes. The form must never change: revisions are made of it. The zero value has nothing in it.
type digest struct{ h hash.Hash }

func (d *digest) add(texts ...string) {
	if d.h == nil {
		d.h = sha256.New()
	}
	for _, text := range texts {
		d.h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(text))))
		d.h.Write([]byte(text))
	}
}

// sums is the digest in hex, or nothing when nothing was added.
func (d *digest) sums() []string {
	if d.h == nil {
		return nil
	}
	return []string{hex.EncodeToString(d.h.Sum(nil))}
}
