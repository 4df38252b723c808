package record

import (
	"crypto/ed25519"
	"encoding/hex"
	"slices"
)

// weakKeys are the y coordinates of the eight points of small order, with both spellings of those that have two, the
// sign bit (the highest of the last byte) left out. Under such a key a signature can be made up without a private key:
// all bytes zero as key and signature fit every fourth message. RFC 8032 leaves it to the user of ed25519 to refuse
// them.
//
// They are the solutions of 8*P = 0 on the curve: y is 0, 1, -1 or one of two square roots, and 0 and 1 may also be
// written as p and p+1, p being 2^255-19.
var weakKeys = [...]string{
	decodeHex("0000000000000000000000000000000000000000000000000000000000000000"),
	decodeHex("0100000000000000000000000000000000000000000000000000000000000000"),
	decodeHex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
	decodeHex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
	decodeHex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
	decodeHex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
	decodeHex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
}

// decodeHex gives the bytes of a constant; TestWeakKeys sees whether it was one.
func decodeHex(text string) string {
	b, _ := hex.DecodeString(text)
	return string(b)
}

// WeakKey says whether everybody can sign under this public key, or it has not the 32 bytes of one. Decode refuses
// records with such a key; whoever verifies anything else under a key that came from outside asks here first.
func WeakKey(key ed25519.PublicKey) bool {
	if len(key) != ed25519.PublicKeySize {
		return true
	}
	y := [ed25519.PublicKeySize]byte(key)
	y[len(y)-1] &= 0x7f
	return slices.Contains(weakKeys[:], string(y[:]))
}
