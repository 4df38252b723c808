package roster

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/strictyaml"
)

// check goes through one document and gathers what is wrong with it.
type check struct {
	doc  *strictyaml.Document
	list diag.Collector
	// names, keys and gone have the path of the first entry with each name, key and forgotten id.
	names map[string]string
	keys  map[record.ID]string
	gone  map[record.ID]string
}

func newCheck(doc *strictyaml.Document) *check {
	return &check{doc: doc, names: map[string]string{}, keys: map[record.ID]string{}, gone: map[record.ID]string{}}
}

// roster is what the document says, as far as it is right.
func (c *check) roster() *records.Roster {
	var f file
	c.list.Add(c.doc.Decode(&f)...)
	if c.list.HasErrors() {
		// What was left out of f would be told again as missing.
		return nil
	}
	if !c.present(f) {
		return nil
	}
	r := &records.Roster{}
	for i, m := range f.Members {
		r.Members = append(r.Members, records.RosterMember{Name: m.Name, Key: c.member(fmt.Sprintf("members[%d]", i), m)})
	}
	for i, text := range f.Forgotten {
		if id, ok := c.forgotten(fmt.Sprintf("forgotten[%d]", i), text); ok {
			r.Forgotten = append(r.Forgotten, id)
		}
	}
	return r
}

// present refuses lists that say nothing and may be meant to say much: a template over an empty list must not open the
// fleet to everybody.
func (c *check) present(f file) bool {
	_, members := c.doc.Value("members")
	_, forgotten := c.doc.Value("forgotten")
	switch {
	case !members && !forgotten:
		c.fail("", "wanted members or forgotten", "what the file said last stays in effect; remove it to take that back")
	case members && len(f.Members) == 0:
		c.fail("members", "members is empty: nobody would count",
			"list every host of the fleet, or leave members out to pin keys when they are first seen")
	case len(f.Members) > MaxMembers:
		c.fail("members", fmt.Sprintf("%d members, at most %d can be listed", len(f.Members), MaxMembers), "")
	case len(f.Forgotten) > MaxMembers:
		c.fail("forgotten", fmt.Sprintf("%d ids, at most %d can be listed", len(f.Forgotten), MaxMembers),
			"leave out those of hosts that are long gone")
	default:
		return true
	}
	return false
}

// member checks one entry and gives its key, nil when it has none.
func (c *check) member(path string, m member) ed25519.PublicKey {
	c.name(path, m.Name)
	if _, given := c.doc.Value(path + ".key"); !given {
		return nil
	}
	key, err := parseKey(m.Key)
	if err != nil {
		c.fail(path+".key", err.Error(), "copy it from dsctl members, or leave the key out to have it pinned when it is "+
			"first seen")
		return nil
	}
	if first, twice := c.keys[record.IDOf(key)]; twice {
		c.fail(path+".key", fmt.Sprintf("the key of line %d again, and a key is one host's alone", c.line(first)),
			"two hosts made from one image: remove the state directory's identity.key on one of them")
		return key
	}
	c.keys[record.IDOf(key)] = path + ".key"
	return key
}

func (c *check) name(path, name string) {
	if name == "" {
		c.fail(path, "an entry without a name", "give the node's name, as dsctl members shows it")
		return
	}
	if first, twice := c.names[name]; twice {
		c.fail(path+".name", fmt.Sprintf("%s is listed twice, first in line %d", name, c.line(first)), "remove one of them")
		return
	}
	if len(validation.IsDNS1123Subdomain(name)) > 0 {
		c.fail(path+".name", fmt.Sprintf("%.64q is no node's name: want lower-case letters, digits, dashes and dots", name),
			lowerCase(name))
		return
	}
	c.names[name] = path + ".name"
}

// lowerCase is the hint for names that are right but for their case.
func lowerCase(name string) string {
	if lower := strings.ToLower(name); lower != name && len(validation.IsDNS1123Subdomain(lower)) == 0 {
		return fmt.Sprintf("did you mean %q?", lower)
	}
	return ""
}

func (c *check) forgotten(path, text string) (record.ID, bool) {
	id, err := record.ParseID(text)
	if err != nil {
		c.fail(path, err.Error(), "")
		return id, false
	}
	if first, twice := c.gone[id]; twice {
		c.warn(path, fmt.Sprintf("%s is listed twice, first in line %d", id, c.line(first)), "remove one of them")
		return id, false
	}
	c.gone[id] = path
	if listed, ok := c.keys[id]; ok {
		c.fail(path, fmt.Sprintf("%s is the id of the key in line %d", id, c.line(listed)),
			"a host is a member or forgotten; remove it from one of the lists")
	}
	return id, true
}

// parseKey reads a public key as dsctl members shows it.
func parseKey(text string) (ed25519.PublicKey, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	// The length of the text, too: the decoder skips ends of lines.
	if err != nil || len(raw) != ed25519.PublicKeySize ||
		len(text) != base64.StdEncoding.EncodedLen(ed25519.PublicKeySize) {
		return nil, fmt.Errorf("%.64q is no public key: want %d bytes in base64, which are %d characters",
			text, ed25519.PublicKeySize, base64.StdEncoding.EncodedLen(ed25519.PublicKeySize))
	}
	if record.WeakKey(raw) {
		return nil, fmt.Errorf("%q is no host's key: everybody could sign with it", text)
	}
	return raw, nil
}

func (c *check) fail(path, message, hint string) { c.add(diag.Error, path, message, hint) }

func (c *check) warn(path, message, hint string) { c.add(diag.Warning, path, message, hint) }

func (c *check) add(s diag.Severity, path, message, hint string) {
	if c.list.Full(s) {
		c.list.Add(diag.Problem{Severity: s})
		return
	}
	c.list.Add(c.doc.Problem(s, path, message, hint))
}

// line is the line of a field, from 1.
func (c *check) line(path string) int { return c.doc.Problem(diag.Info, path, "", "").Line }
