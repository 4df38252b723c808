package keyring

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

var (
	// ErrUnknownKey is wrapped when a fingerprint is that of no key of the ring.
	ErrUnknownKey = errors.New("no such key")
	// ErrInUse is wrapped when the key that encrypts is to be removed.
	ErrInUse = errors.New("the key is in use")
)

// Ring is the keys of a file, with its comments. The zero value is an empty file. It is not safe for concurrent
// changes.
type Ring struct {
	lines []line
}

// Keys are the keys in the order of the file; the first encrypts.
func (r *Ring) Keys() []Key {
	var keys []Key
	for _, l := range r.lines {
		if l.key != nil {
			keys = append(keys, *l.key)
		}
	}
	return keys
}

// Format writes the fingerprints: fmt would look into unexported fields without asking Key.
func (r *Ring) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "%v", r.Keys()) }

// Bytes is the file: what Parse read, but for blanks around keys and the ends of lines, when nothing was changed.
func (r *Ring) Bytes() []byte {
	var b strings.Builder
	for _, l := range r.lines {
		b.WriteString(l.text())
		b.WriteByte('\n')
	}
	return []byte(b.String())
}

// Comment puts lines of comment at the end.
func (r *Ring) Comment(lines ...string) {
	for _, text := range lines {
		r.lines = append(r.lines, line{rest: comment(text)})
	}
}

// Add puts a key behind all others, with a comment on its line unless that is empty. It decrypts from then on, and
// encrypts only when it is the first. Adding a key that is there changes nothing and returns false.
func (r *Ring) Add(k Key, note string) (bool, error) {
	keys := r.Keys()
	if slices.Contains(keys, k) {
		return false, nil
	}
	if len(keys) >= MaxKeys {
		return false, fmt.Errorf("there are %d keys and may be no more: remove those that no host uses any more", len(keys))
	}
	l := line{key: &k}
	if note != "" {
		l.rest = "  " + comment(note)
	}
	r.lines = append(r.lines, l)
	return true, nil
}

// Use makes the key with the fingerprint the first, which encrypts. It returns false when that is so already.
func (r *Ring) Use(fingerprint string) (bool, error) {
	at, err := r.find(fingerprint)
	if err != nil {
		return false, err
	}
	first := r.first()
	if at == first {
		return false, nil
	}
	l := r.lines[at]
	r.lines = slices.Insert(slices.Delete(r.lines, at, at+1), first, l)
	return true, nil
}

// Remove takes the key with the fingerprint out. The one that encrypts cannot be removed: use another one first, so
// that a slip does not cut the host off.
func (r *Ring) Remove(fingerprint string) error {
	at, err := r.find(fingerprint)
	if err != nil {
		return err
	}
	if at == r.first() {
		return fmt.Errorf("%w: %s encrypts; use another one first (dsctl keyring use)", ErrInUse, r.lines[at].key)
	}
	r.lines = slices.Delete(r.lines, at, at+1)
	return nil
}

// first is the index of the line of the key that encrypts; -1 when there is none.
func (r *Ring) first() int {
	return slices.IndexFunc(r.lines, func(l line) bool { return l.key != nil })
}

// find is the index of the line of a key.
func (r *Ring) find(fingerprint string) (int, error) {
	if r.first() < 0 {
		return -1, fmt.Errorf("%w: there is none yet; make one with dsctl keyring generate", ErrUnknownKey)
	}
	if len(fingerprint) != FingerprintSize {
		// It is not shown: it might be a key.
		return -1, fmt.Errorf("%w: want a fingerprint of %d hexadecimal digits, as dsctl keyring list shows it",
			ErrUnknownKey, FingerprintSize)
	}
	at := -1
	for i, l := range r.lines {
		if l.key == nil || !strings.EqualFold(l.key.Fingerprint(), fingerprint) {
			continue
		}
		if at >= 0 {
			return -1, fmt.Errorf("two keys have the fingerprint %q: edit the file", fingerprint)
		}
		at = i
	}
	if at < 0 {
		return -1, fmt.Errorf("%w: none has the fingerprint %q; dsctl keyring list shows those there are", ErrUnknownKey,
			fingerprint)
	}
	return at, nil
}

// comment is one line of comment, whatever is in the text.
func comment(text string) string {
	if text == "" {
		return ""
	}
	text = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, text)
	return strings.TrimRight("# "+text, " ")
}
