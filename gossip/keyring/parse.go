package keyring

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// Limits of the file.
const (
	// MaxKeys is how many keys a file may have. Each packet that none of the first ones decrypts is tried with all of
	// them, and a rotation needs two.
	MaxKeys = 16
	// MaxBytes is the size of the file, most of which can only be comments.
	MaxBytes = 64 << 10
)

var (
	// ErrNoKeys is wrapped by the error for a file in which there is no key.
	ErrNoKeys = errors.New("no key")
	// ErrInvalid is wrapped by every error about what is in the file.
	ErrInvalid = errors.New("invalid key file")
)

// Parse reads the content of a key file; path is only for messages. All that is wrong is told, each with its line, and
// no error shows anything of a line that should be a key.
func Parse(path string, data []byte) (*Ring, error) {
	r, err := parse(path, data)
	if err != nil {
		return nil, err
	}
	if r.first() < 0 {
		return nil, fmt.Errorf("%w %q: %w in it: make one with dsctl keyring generate", ErrInvalid, path, ErrNoKeys)
	}
	return r, nil
}

// parse is Parse for files that may have no key yet.
func parse(path string, data []byte) (*Ring, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("%w %q: more than %d bytes", ErrInvalid, path, MaxBytes)
	}
	p := parser{path: path, seen: map[Key]int{}}
	for text := range bytes.Lines(data) {
		p.line(strings.TrimRight(string(text), "\r\n"))
	}
	if len(p.errs) > 0 {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, errors.Join(p.errs...))
	}
	return &Ring{lines: p.lines}, nil
}

// parser goes over the lines of one file.
type parser struct {
	path  string
	lines []line
	// seen has the line of each key.
	seen map[Key]int
	errs []error
}

func (p *parser) line(text string) {
	// Of which any number may end a line, and one would be lost each time it is written and read.
	text = strings.TrimRight(text, "\r")
	n := len(p.lines) + 1
	l, err := parseLine(text)
	p.lines = append(p.lines, l)
	if err == nil && l.key != nil {
		err = p.keep(*l.key, n)
	}
	if err == nil || len(p.errs) > MaxKeys {
		return
	}
	if len(p.errs) == MaxKeys {
		err = errors.New("and more; only so many are told")
	}
	p.errs = append(p.errs, fmt.Errorf("%s:%d: %w", p.path, n, err))
}

func (p *parser) keep(k Key, n int) error {
	if first, twice := p.seen[k]; twice {
		return fmt.Errorf("the key of line %d again: remove one of them", first)
	}
	if len(p.seen) == MaxKeys {
		return fmt.Errorf("one key too many: at most %d, remove those that no host uses any more", MaxKeys)
	}
	p.seen[k] = n
	return nil
}

// line is one line of the file. What is no key is a comment or nothing.
type line struct {
	key *Key
	// rest is the whole line, or what follows the key.
	rest string
}

func parseLine(text string) (line, error) {
	code, _, _ := strings.Cut(text, "#")
	word := strings.TrimSpace(code)
	if word == "" {
		return line{rest: text}, nil
	}
	k, err := ParseKey(word)
	if err != nil {
		return line{}, err
	}
	return line{key: &k, rest: strings.TrimRight(text[strings.Index(text, word)+len(word):], " \t\r")}, nil
}

// text is the line as it stands in the file.
func (l line) text() string {
	if l.key == nil {
		return l.rest
	}
	return l.key.Encode() + l.rest
}
