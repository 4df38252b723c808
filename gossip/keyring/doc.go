// Package keyring is the file of the keys that all members of a fleet share: who has none of them can neither read nor
// say anything.
//
// The file has one key a line, 32 bytes in base64. The first encrypts what is sent; every one of them decrypts, so that
// keys can be changed while the fleet runs: add the new key on every host, then use it on every host, then remove the
// old one on every host. What follows a # is a comment. An edit keeps every comment: one behind a key goes where the
// key goes, and a line of its own stays where it is.
//
// A key is never shown, neither by this package's errors nor by fmt or encoding/json: what they give is its
// fingerprint.
package keyring
