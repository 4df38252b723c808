package record

import (
	"crypto/ed25519"
	"errors"
	"strconv"
	"strings"
	"testing"
)

// TestWeakKeys makes signatures up, without any private key, for every key of the list, which shows that crypto/ed25519
// takes them and that the list has nothing in it that is no such key; and that Decode refuses them all.
func TestWeakKeys(t *testing.T) {
	for _, weak := range weakKeys {
		forged := false
		for _, sign := range []byte{0, 0x80} {
			key := []byte(weak)
			key[31] |= sign
			forged = forged || madeUp(key)
			encoded := raw(1, 4, "node", uvarint(1), uvarint(1), uvarint(0))
			copy(encoded[keyAt:], key)
			if _, err := Decode(encoded); !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), "everybody could sign") {
				t.Errorf("key %x: got %v", key, err)
			}
		}
		if !forged {
			t.Errorf("key %x: no signature could be made up: is it weak?", weak)
		}
	}
}

// madeUp tries signatures with S = 0 and a point of small order as R: right whenever R = -k*key.
func madeUp(key ed25519.PublicKey) bool {
	for i := range 64 {
		for _, point := range weakKeys {
			for _, sign := range []byte{0, 0x80} {
				signature := make([]byte, ed25519.SignatureSize)
				copy(signature, point)
				signature[31] |= sign
				if ed25519.Verify(key, []byte(strconv.Itoa(i)), signature) {
					return true
				}
			}
		}
	}
	return false
}

func TestKeysAreNotWeak(t *testing.T) {
	for member := range 200 {
		if key := mustSign(t, signer("c", byte(member)), "node", Stamp{1, 1}, nil).Key; WeakKey(key) {
			t.Errorf("member %d: key %x", member, key)
		}
	}
}

func TestWhatIsNoKeyIsWeak(t *testing.T) {
	good := mustSign(t, signer("c", 1), "node", Stamp{1, 1}, nil).Key
	for _, key := range []ed25519.PublicKey{nil, good[:31], append(good, 0)} {
		if !WeakKey(key) {
			t.Errorf("%d bytes pass for a key", len(key))
		}
	}
}
