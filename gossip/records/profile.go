package records

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/daemonsetd/daemonsetd/internal/base/sectionwire"
)

// SectionMember is the section in which a member says who and where it is. Its body is a Profile.
const SectionMember = "member"

// Limits of a Profile.
const (
	// MaxName is the most characters that a name may have, as in a node's name in Kubernetes (RFC 1123).
	MaxName = 253
	// MaxProfile is the most bytes that an encoded Profile may have. Fields of later versions fit.
	MaxProfile = 1024
)

// Profile is what a member says of itself in section "member".
type Profile struct {
	// Name is what operators call it, the node's name: letters, digits, ".", "-" and "_".
	Name string
	// Address is where its gossip can be reached; invalid when it does not say. It has no zone: a zone means something on
	// one host only.
	Address netip.AddrPort
	// Left: it has left for good, of its own accord.
	Left bool
}

// profileWire is the CBOR form. Fields are added, never renumbered; unknown ones are ignored.
type profileWire struct {
	Name    string `cbor:"1,keyasint"`
	Address string `cbor:"2,keyasint,omitempty"`
	Left    bool   `cbor:"3,keyasint,omitempty"`
}

// EncodeProfile gives the body of the record. It refuses what DecodeProfile would not read.
func EncodeProfile(p Profile) ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("encode the member's profile: %w", err)
	}
	w := profileWire{Name: p.Name, Left: p.Left}
	if p.Address.IsValid() {
		w.Address = p.Address.String()
	}
	codec, err := sectionwire.New(profileLimits())
	if err != nil {
		return nil, fmt.Errorf("encode the member's profile: %w", err)
	}
	body, err := codec.Enc.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("encode the member's profile: %w", err)
	}
	return body, nil
}

// DecodeProfile reads the body of a record of section "member". What comes out is safe to be printed.
func DecodeProfile(body []byte) (Profile, error) {
	if len(body) > MaxProfile {
		return Profile{}, fmt.Errorf("decode a member's profile: %d bytes, at most %d are possible", len(body), MaxProfile)
	}
	var w profileWire
	codec, err := sectionwire.New(profileLimits())
	if err == nil {
		err = codec.Dec.Unmarshal(body, &w)
	}
	if err != nil {
		return Profile{}, fmt.Errorf("decode a member's profile: %w", err)
	}
	p := Profile{Name: w.Name, Left: w.Left}
	if w.Address != "" {
		if p.Address, err = netip.ParseAddrPort(w.Address); err != nil {
			return Profile{}, fmt.Errorf("decode a member's profile: address %.64q: want an IP address and a port", w.Address)
		}
	}
	if err := p.check(); err != nil {
		return Profile{}, fmt.Errorf("decode a member's profile: %w", err)
	}
	return p, nil
}

// profileLimits allow what EncodeProfile writes and flat fields of later versions.
func profileLimits() sectionwire.Limits {
	return sectionwire.Limits{Elements: 64, Pairs: 64, Nesting: 4}
}

func (p Profile) check() error {
	if err := checkName(p.Name); err != nil {
		return err
	}
	if p.Address.Addr().Zone() != "" {
		return fmt.Errorf("address %.64q has a zone: want an address that other hosts can use", p.Address)
	}
	return nil
}

// checkName lets nothing pass that would disturb a terminal, a log or a file name.
func checkName(name string) error {
	if name == "" {
		return errors.New("the name is empty: want the node's name")
	}
	if len(name) > MaxName {
		return fmt.Errorf("the name has %d characters, at most %d are possible", len(name), MaxName)
	}
	for i := range len(name) {
		if !nameByte(name[i]) {
			return fmt.Errorf("name %.64q has byte %q at %d: want letters, digits, \".\", \"-\" and \"_\"", name, name[i], i)
		}
	}
	return nil
}

func nameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_'
}
