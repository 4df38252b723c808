package records

import (
	"crypto/ed25519"

	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// outside are identities that the roster excludes, with what the last of them has said of itself. It is what an
// operator needs to add a host that was left out, or one that was installed anew. It is not verified, bounded, in
// memory alone, and counts nowhere.
type outside map[record.ID]outsider

type outsider struct {
	key  [ed25519.PublicKeySize]byte
	name string
}

// maxOutside is how many are remembered; one of them gives way to another.
const maxOutside = 128

func (o outside) add(rec record.Record, name string) {
	if _, ok := o[rec.Owner]; !ok && len(o) >= maxOutside {
		for id := range o { // any
			delete(o, id)
			break
		}
	}
	o[rec.Owner] = outsider{key: [ed25519.PublicKeySize]byte(rec.Key), name: name}
}

// Outsider gives the name and the key of an identity that the roster excludes, as somebody has claimed them: nothing of
// it was verified but that the key is the id's. They are empty where nothing is remembered of it.
func (t *Table) Outsider(id record.ID) (name string, key ed25519.PublicKey) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if o, ok := t.outside[id]; ok {
		return o.name, o.key[:]
	}
	return "", nil
}
