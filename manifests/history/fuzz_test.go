package history

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// FuzzDecode: no bytes make it panic, and what it accepts is written and read again as the same.
func FuzzDecode(f *testing.F) {
	good, err := encode(Revision{
		Fleet: "lcv7nc65w8", Number: 3, ChangeCause: "c", First: time.Unix(1, 2), Last: time.Unix(3, 4), Source: "/s",
		Annotations: map[string]string{"a": "b"}, Template: []byte(`{"a":"<>"}`),
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, false)
	f.Add(good[headerLen:], true)
	f.Add([]byte(`{"revision":"lcv7nc65w8","number":1,"template":{}} {}`), true)
	f.Add([]byte(`{"revision":"../../x","number":1,"template":{}}`), true)
	f.Add([]byte(prefix), false)
	f.Fuzz(func(t *testing.T, data []byte, sum bool) {
		if sum { // a digest that is right, which no fuzzer finds by itself
			digest := sha256.Sum256(data)
			data = append(hex.AppendEncode([]byte(prefix), digest[:]), append([]byte("\n"), data...)...)
		}
		r, err := decode(data)
		if err != nil {
			return
		}
		again, err := encode(r)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		back, err := decode(again)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		r.First, r.Last = r.First.UTC(), r.Last.UTC()
		// White space within the template is the one thing that is not kept, and none that this package has written has any.
		if compact := bytes.Join(bytes.Fields(r.Template), nil); len(compact) == len(r.Template) {
			if diff := cmp.Diff(r, back); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}
