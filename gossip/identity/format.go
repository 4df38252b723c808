package identity

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// maxFile is the most bytes that the file may have.
const maxFile = 4 << 10

// kind begins the file's one line that counts; the number is the version of the form.
const kind = "daemonsetd-identity-1"

const header = `# The private key of this member of the fleet. Who has it can write this host's records.
# Do not copy it to another host, and remove it from an image that hosts are made of.
# It is made anew where it is missing, and the host is then another member.
`

// format is the file's content: a comment, then kind, the ID and the seed in base64. The ID follows from the seed; it
// stands there so that a damaged seed is noticed, and so that an operator can tell which member it is.
func format(i Identity) []byte {
	line := strings.Join([]string{kind, i.ID.String(), base64.StdEncoding.EncodeToString(i.Private.Seed())}, " ")
	return []byte(header + line + "\n")
}

// parse reads what format wrote. No error quotes anything that may be a part of the key.
func parse(data []byte) (Identity, error) {
	line, err := onlyLine(data)
	if err != nil {
		return Identity{}, err
	}
	fields := strings.Fields(line)
	if len(fields) != 3 || fields[0] != kind {
		return Identity{}, fmt.Errorf("want one line of %q, an id and a key", kind)
	}
	id, err := record.ParseID(fields[1])
	if err != nil {
		return Identity{}, errors.New("its second word is not a member's id")
	}
	seed, err := base64.StdEncoding.Strict().DecodeString(fields[2])
	if err != nil || len(seed) != ed25519.SeedSize {
		return Identity{}, fmt.Errorf("its third word is not the base64 of %d bytes", ed25519.SeedSize)
	}
	identity := fromSeed(seed)
	if identity.ID != id {
		return Identity{}, fmt.Errorf("its key belongs to id %s, but it says %s", identity.ID, id)
	}
	return identity, nil
}

// onlyLine is the one line that is neither empty nor a comment.
func onlyLine(data []byte) (string, error) {
	var lines []string
	for line := range bytes.Lines(data) {
		text := strings.TrimSpace(string(line))
		if text != "" && !strings.HasPrefix(text, "#") {
			lines = append(lines, text)
		}
	}
	switch len(lines) {
	case 0:
		return "", errors.New("there is no key in it")
	case 1:
		return lines[0], nil
	}
	return "", fmt.Errorf("it has %d lines beside comments, want one", len(lines))
}
