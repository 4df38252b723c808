package resolve

import (
	"encoding/json"
	"fmt"
)

// String is one sentence for people, without a full stop; it makes sense without the rest.
func (m Missing) String() string {
	object := m.Kind + " " + m.Name
	if m.Namespace != "" {
		object = m.Kind + " " + m.Namespace + "/" + m.Name
	}
	switch m.Reason {
	case ObjectMissing:
		text := fmt.Sprintf("%s is not declared, and %s needs it", object, m.needs())
		if m.Detail != "" {
			text += ": " + m.Detail
		}
		return text
	case KeyMissing:
		text := fmt.Sprintf("%s has no key %q, which %s needs", object, m.Key, m.Path)
		if m.Detail != "" {
			text += ": " + m.Detail
		}
		return text
	case AddressMissing:
		return fmt.Sprintf("%s has no address of type InternalIP, which %s needs", object, m.Path)
	case BadName, BadValue:
		return fmt.Sprintf("the key %q of %s cannot be used by %s: %s", m.Key, object, m.Path, m.Detail)
	default:
		return fmt.Sprintf("%s cannot be used: %s", m.Path, m.Detail)
	}
}

func (m Missing) needs() string {
	if m.Key == "" {
		return m.Path
	}
	return fmt.Sprintf("%s (key %q)", m.Path, m.Key)
}

// summary is what may be told of a file: everything but the content.
type summary struct {
	Path  string `json:"path"`
	Mode  string `json:"mode"`
	Bytes int    `json:"bytes"`
}

func (f File) summary() summary {
	return summary{Path: f.Path, Mode: fmt.Sprintf("%#o", f.Mode), Bytes: len(f.Data)}
}

// String tells path, mode and size.
func (f File) String() string { return fmt.Sprintf("%s %#o %d bytes", f.Path, f.Mode, len(f.Data)) }

// GoString is String: %#v tells no content either.
func (f File) GoString() string { return f.String() }

// MarshalJSON tells path, mode and size.
func (f File) MarshalJSON() ([]byte, error) { return json.Marshal(f.summary()) }

// String tells the volume, the number of files and the digest.
func (t Tree) String() string {
	return fmt.Sprintf("volume %s: %d files, secret %t, digest %s", t.Volume, len(t.Files), t.Secret, t.Digest)
}

// GoString is String.
func (t Tree) GoString() string { return t.String() }

// MarshalJSON tells everything but the files' contents.
func (t Tree) MarshalJSON() ([]byte, error) {
	files := make([]summary, len(t.Files))
	for i, f := range t.Files {
		files[i] = f.summary()
	}
	return json.Marshal(struct {
		Volume      string    `json:"volume"`
		Secret      bool      `json:"secret"`
		Files       []summary `json:"files"`
		MountPoints []string  `json:"mountPoints,omitempty"`
		FSGroup     *int64    `json:"fsGroup,omitempty"`
		Digest      string    `json:"digest"`
	}{t.Volume, t.Secret, files, t.MountPoints, t.FSGroup, t.Digest})
}

// String tells how much there is of everything, and no content.
func (r Result) String() string {
	return fmt.Sprintf("%d trees, %d missing, %d changes, %d digests", len(r.plans), len(r.Missing), len(r.Changes),
		len(r.Digests))
}

// GoString is String.
func (r Result) GoString() string { return r.String() }
