package history

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/daemonsetd/daemonsetd/internal/base/files"
	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// A file is one line that says what it is and the digest of the rest, and then JSON.
const (
	prefix    = "# daemonsetd revision, format 1, sha256 "
	headerLen = len(prefix) + 2*sha256.Size + 1
)

var errFormat = errors.New("it is not a revision that this version of daemonsetd has written")

// fileJSON is the JSON of a file. Its fields are never renamed; a change that an older agent would misread is another
// format.
type fileJSON struct {
	Revision    string            `json:"revision"`
	Number      uint64            `json:"number"`
	ChangeCause string            `json:"changeCause,omitempty"`
	First       time.Time         `json:"first"`
	Last        time.Time         `json:"last"`
	Source      string            `json:"source"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Template    json.RawMessage   `json:"template"`
}

// encode gives the bytes of a revision's file.
func encode(r Revision) ([]byte, error) {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	// The revision is a digest of the template's bytes, so not one of them may be written otherwise.
	enc.SetEscapeHTML(false)
	err := enc.Encode(fileJSON{
		Revision: r.Fleet, Number: r.Number, ChangeCause: r.ChangeCause, First: r.First.UTC(), Last: r.Last.UTC(),
		Source: r.Source, Annotations: r.Annotations, Template: r.Template,
	})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body.Bytes())
	out := make([]byte, 0, headerLen+body.Len())
	out = append(out, prefix...)
	out = hex.AppendEncode(out, sum[:])
	out = append(out, '\n')
	out = append(out, body.Bytes()...)
	if len(out) > MaxFileBytes {
		return nil, fmt.Errorf("it has %d bytes, at most %d are kept", len(out), MaxFileBytes)
	}
	return out, nil
}

// decode is the opposite of encode.
func decode(data []byte) (Revision, error) {
	if len(data) < headerLen || !bytes.HasPrefix(data, []byte(prefix)) || data[headerLen-1] != '\n' {
		return Revision{}, errFormat
	}
	digest, body := data[len(prefix):headerLen-1], data[headerLen:]
	if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != string(digest) {
		return Revision{}, errors.New("its bytes have not the digest that it was written with")
	}
	return decodeBody(body)
}

func decodeBody(body []byte) (Revision, error) {
	var f fileJSON
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return Revision{}, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Revision{}, errors.New("there is something after its end")
	}
	switch {
	case !render.IsRevision(f.Revision):
		return Revision{}, fmt.Errorf("%q is no name of a revision", f.Revision)
	case f.Number == 0:
		return Revision{}, errors.New("it has no number")
	case len(f.ChangeCause) > MaxChangeCause:
		return Revision{}, fmt.Errorf("its change-cause has %d bytes, at most %d are kept", len(f.ChangeCause),
			MaxChangeCause)
	case len(f.Template) == 0 || f.Template[0] != '{':
		return Revision{}, errors.New("it has no template")
	}
	return Revision{
		Fleet: f.Revision, Number: f.Number, ChangeCause: f.ChangeCause, First: f.First, Last: f.Last,
		Source: f.Source, Annotations: f.Annotations, Template: f.Template,
	}, nil
}

// read reads a file, no more of it than one may have. What is no such file is errFormat.
func read(path string) ([]byte, error) {
	data, _, err := files.ReadWith(path, files.ReadOptions{Limit: MaxFileBytes, NoFollow: true})
	if _, ok := errors.AsType[*files.IrregularError](err); ok {
		return nil, fmt.Errorf("%w: %w", errFormat, err)
	}
	if _, ok := errors.AsType[*files.TooLargeError](err); ok {
		return nil, fmt.Errorf("%w: %w", errFormat, err)
	}
	return data, err
}
