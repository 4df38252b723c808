package screen

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"sync"
)

// version1 is the encryption of memberlist's protocol 2 and later: this byte, 12 bytes of nonce, ciphertext, 16 bytes
// of tag.
const version1, nonceSize, tagSize = 1, 12, 16

// minSealed is the length of an encrypted message of no bytes.
const minSealed = 1 + nonceSize + tagSize

// ciphers keeps what has to be computed of each key once.
type ciphers struct {
	keys func() [][]byte

	mu    sync.Mutex
	known [][]byte
	made  []cipher.AEAD
}

// current are the ciphers of the keys that are in use now.
func (c *ciphers) current() []cipher.AEAD {
	keys := c.keys()
	c.mu.Lock()
	defer c.mu.Unlock()
	if equal(keys, c.known) {
		return c.made
	}
	made := make([]cipher.AEAD, 0, len(keys))
	for _, key := range keys {
		if aead, err := newAEAD(key); err == nil { // a keyring has no others
			made = append(made, aead)
		}
	}
	c.known, c.made = keys, made
	return made
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func equal(a, b [][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

// seal encrypts a message of the same length again, with the first key.
func (c *ciphers) seal(plain, also []byte) ([]byte, bool) {
	aeads := c.current()
	if len(aeads) == 0 {
		return nil, false
	}
	head := make([]byte, 1+nonceSize, minSealed+len(plain))
	head[0] = version1
	_, _ = rand.Read(head[1:]) // it never fails
	return aeads[0].Seal(head, head[1:], plain, also), true
}

// open gives the plaintext of a message, in room where it fits, and whether a key has opened it.
func (c *ciphers) open(room, sealed, also []byte) ([]byte, bool) {
	if len(sealed) < minSealed || sealed[0] != version1 {
		return nil, false
	}
	nonce, text := sealed[1:1+nonceSize], sealed[1+nonceSize:]
	for _, aead := range c.current() {
		if plain, err := aead.Open(room[:0], nonce, text, also); err == nil {
			return plain, true
		}
	}
	return nil, false
}
