package fleet

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// SpecFile is one file of a specs directory.
type SpecFile struct {
	// Name is the base name.
	Name string
	// Digest is that of the content.
	Digest Digest
	// Bad: the host cannot use the file as it is, and goes by what was there before.
	Bad bool
}

// Specs is what a host tells of its specs directory. One that was decoded is shared: nobody may change it.
type Specs struct {
	// Files are sorted by name, each name once.
	Files []SpecFile
	// Digest is that of the whole directory (DigestOfFiles), also of what Files lacks.
	Digest Digest
	// Unreadable: the host cannot read the directory; Files is what it last saw.
	Unreadable bool
	// LeftOut is how many files behind the last of Files, by name, are not told.
	LeftOut int
	// UnknownKeys is how many things this version does not understand; they were skipped.
	UnknownKeys int
}

// DigestOfFiles is the digest of a directory with these files: their names and contents, whatever their order.
func DigestOfFiles(files []SpecFile) Digest {
	sum := sha256.New()
	for _, f := range sortedFiles(files) {
		head := binary.BigEndian.AppendUint32(nil, uint32(len(f.Name)))
		sum.Write(head)
		sum.Write([]byte(f.Name))
		sum.Write(f.Digest[:])
	}
	return Digest(sum.Sum(nil)[:len(Digest{})])
}

func sortedFiles(files []SpecFile) []SpecFile {
	sorted := slices.Clone(files)
	slices.SortStableFunc(sorted, compareFiles)
	return slices.CompactFunc(sorted, func(a, b SpecFile) bool { return a.Name == b.Name })
}

func compareFiles(a, b SpecFile) int { return cmp.Compare(a.Name, b.Name) }

// Find is the file of a name. When it is not among the files, complete says whether that means that the host does not
// have it.
func (s *Specs) Find(name string) (file SpecFile, found, complete bool) {
	i, found := slices.BinarySearchFunc(s.Files, name, func(f SpecFile, name string) int {
		return cmp.Compare(f.Name, name)
	})
	if found {
		return s.Files[i], true, true
	}
	return SpecFile{}, false, s.LeftOut == 0 || i < len(s.Files)
}

// The wire form of the specs section. The numbers are the format: never change one, never use one again.
type wireSpecs struct {
	Files      []wireFile `cbor:"1,keyasint,omitempty"`
	Digest     []byte     `cbor:"2,keyasint,omitempty"`
	Unreadable bool       `cbor:"3,keyasint,omitempty"`
	LeftOut    uint32     `cbor:"4,keyasint,omitempty"`
}

type wireFile struct {
	Name   string `cbor:"1,keyasint"`
	Digest []byte `cbor:"2,keyasint"`
	Bad    bool   `cbor:"3,keyasint,omitempty"`
}

func specsShape() shape { return shape{1: {1: nil, 2: nil, 3: nil}, 2: nil, 3: nil, 4: nil} }

// EncodeSpecs is the body of the specs section for the files of a directory, given in any order. Of two files of one
// name the first counts. What does not fit into MaxSection is left out from the end, by name, so that all hosts tell of
// the same files; its number is told, and the names are the second result. A name that no terminal could show is left
// out too.
//
// The error is for what cannot happen: that the encoder refuses the wire structs.
func EncodeSpecs(files []SpecFile, unreadable bool) (body []byte, left []string, err error) {
	c, err := theCodec()
	if err != nil {
		return nil, nil, err
	}
	t := teller{enc: c.Enc, room: MaxSection - roomHeads}
	wire := wireSpecs{Digest: DigestOfFiles(files).wire(), Unreadable: unreadable}
	full := false
	for _, f := range sortedFiles(files) {
		w := wireFile{Name: f.Name, Digest: f.Digest[:], Bad: f.Bad}
		size := t.size(w)
		full = full || size > t.room || len(wire.Files) == MaxFiles
		if full || !isFileName(f.Name) {
			left = append(left, f.Name)
			continue
		}
		t.room -= size
		wire.Files = append(wire.Files, w)
	}
	wire.LeftOut = number(left)
	body, err = c.Enc.Marshal(wire)
	if err = cmp.Or(err, t.err); err != nil {
		return nil, nil, fmt.Errorf("encode the specs section: %w", err)
	}
	return body, left, nil
}

func isFileName(s string) bool {
	return s != "" && len(s) <= maxFileName && s == scrub(s) && !strings.Contains(s, "/")
}

// DecodeSpecs reads a specs section. The error is ErrMalformed and says what is wrong with it. The result does not
// refer to body.
func DecodeSpecs(body []byte) (*Specs, error) {
	wire, unknown, err := decode[wireSpecs](body, specsShape)
	if err != nil {
		return nil, err
	}
	digest, err := digestFrom(wire.Digest)
	if err != nil {
		return nil, err
	}
	specs := &Specs{Digest: digest, Unreadable: wire.Unreadable, LeftOut: int(wire.LeftOut), UnknownKeys: unknown}
	if len(wire.Files) > 0 {
		specs.Files = make([]SpecFile, 0, len(wire.Files))
	}
	for i, w := range wire.Files {
		switch {
		case !isFileName(w.Name):
			return nil, malformed("%q is no name of a file", w.Name)
		case i > 0 && w.Name <= wire.Files[i-1].Name:
			return nil, malformed("the file %q stands behind %q", w.Name, wire.Files[i-1].Name)
		case len(w.Digest) != len(Digest{}):
			return nil, malformed("the digest of %q has %d bytes, want %d", w.Name, len(w.Digest), len(Digest{}))
		}
		specs.Files = append(specs.Files, SpecFile{Name: w.Name, Digest: Digest(w.Digest), Bad: w.Bad})
	}
	return specs, nil
}
