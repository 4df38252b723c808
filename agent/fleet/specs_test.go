package fleet

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func encodeSpecs(t testing.TB, files []SpecFile, unreadable bool) ([]byte, []string) {
	t.Helper()
	body, left, err := EncodeSpecs(files, unreadable)
	if err != nil {
		t.Fatal(err)
	}
	return body, left
}

func decodeSpecsOK(t testing.TB, body []byte) *Specs {
	t.Helper()
	specs, err := DecodeSpecs(body)
	if err != nil {
		t.Fatal(err)
	}
	return specs
}

func exampleFiles() []SpecFile {
	return []SpecFile{
		{Name: "cni.yaml", Digest: digestOf([]byte("cni"))},
		{Name: "logger.yaml", Digest: digestOf([]byte("logger")), Bad: true},
		{Name: "node-exporter.yml", Digest: digestOf(nil)},
	}
}

func TestSpecsRoundTrip(t *testing.T) {
	for _, unreadable := range []bool{false, true} {
		body, left := encodeSpecs(t, exampleFiles(), unreadable)
		if len(left) > 0 {
			t.Errorf("left out %q", left)
		}
		want := &Specs{Files: exampleFiles(), Digest: DigestOfFiles(exampleFiles()), Unreadable: unreadable}
		if diff := cmp.Diff(want, decodeSpecsOK(t, body)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestSpecsGolden(t *testing.T) {
	body, _ := encodeSpecs(t, exampleFiles(), true)
	golden(t, "specs.hex", body)
}

// TestSpecsOrder: the order in which a directory is read changes nothing.
func TestSpecsOrder(t *testing.T) {
	want, _ := encodeSpecs(t, exampleFiles(), false)
	files := exampleFiles()
	slices.Reverse(files)
	if got, _ := encodeSpecs(t, files, false); !bytes.Equal(got, want) {
		t.Error("other bytes for another order")
	}
	if cmp.Diff(exampleFiles(), []SpecFile{files[2], files[1], files[0]}) != "" {
		t.Error("the caller's files were changed")
	}
}

func TestDigestOfFiles(t *testing.T) {
	base := DigestOfFiles(exampleFiles())
	bad := exampleFiles()
	bad[0].Bad = true
	if DigestOfFiles(bad) != base {
		t.Error("the digest is one of contents: whether a host can use them does not count")
	}
	seen := map[Digest]string{base: "all", DigestOfFiles(nil): "none"}
	for name, change := range map[string]func([]SpecFile) []SpecFile{
		"one less": func(f []SpecFile) []SpecFile { return f[1:] },
		"renamed":  func(f []SpecFile) []SpecFile { f[0].Name = "cni.yml"; return f },
		"changed":  func(f []SpecFile) []SpecFile { f[0].Digest[7]++; return f },
		"swapped":  func(f []SpecFile) []SpecFile { f[0].Digest, f[1].Digest = f[1].Digest, f[0].Digest; return f },
	} {
		d := DigestOfFiles(change(exampleFiles()))
		if other, ok := seen[d]; ok {
			t.Errorf("%s has the digest of %s", name, other)
		}
		seen[d] = name
	}
}

func TestDigestText(t *testing.T) {
	d := digestOf([]byte("x"))
	text, err := d.MarshalText()
	if err != nil || string(text) != d.String() || len(text) != 16 {
		t.Errorf("%q, %v", text, err)
	}
	var back Digest
	if err := back.UnmarshalText(text); err != nil || back != d {
		t.Errorf("%v, %v", back, err)
	}
	for _, bad := range []string{"", "zz", "0123456789abcde", strings.Repeat("a", 18)} {
		if err := back.UnmarshalText([]byte(bad)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q gave %v", bad, err)
		}
	}
}

// TestSpecsTooMany: what is told is the first files by name, so that what a host is known not to have is certain.
func TestSpecsTooMany(t *testing.T) {
	var files []SpecFile
	for i := range 2000 {
		name := fmt.Sprintf("%04d-%s.yaml", i, strings.Repeat("n", i%60))
		files = append(files, SpecFile{Name: name, Digest: digestOf([]byte(name))})
	}
	body, left := encodeSpecs(t, files, false)
	specs := decodeSpecsOK(t, body)
	if len(body) > MaxSection || len(body) < MaxSection-roomHeads-128 {
		t.Errorf("%d bytes, want nearly %d", len(body), MaxSection)
	}
	if len(specs.Files)+specs.LeftOut != len(files) || specs.LeftOut != len(left) || specs.LeftOut == 0 {
		t.Errorf("%d told, %d said to be left out, %d named", len(specs.Files), specs.LeftOut, len(left))
	}
	if specs.Digest != DigestOfFiles(files) {
		t.Error("the directory's digest is not that of all files")
	}
	if !slices.IsSorted(append([]string{specs.Files[len(specs.Files)-1].Name}, left...)) {
		t.Error("a file before the last one told was left out")
	}
	for _, c := range []struct {
		name            string
		found, complete bool
	}{{files[0].Name, true, true}, {"0000-a.yaml", false, true}, {files[1999].Name, false, false}} {
		if _, found, complete := specs.Find(c.name); found != c.found || complete != c.complete {
			t.Errorf("%q: found %v, complete %v", c.name, found, complete)
		}
	}
}

func TestSpecsOddNames(t *testing.T) {
	files := []SpecFile{{Name: "a.yaml"}, {Name: "a.yaml", Bad: true}, {Name: "b\x1b.yaml"}, {Name: ""}, {Name: "d/e.yaml"}, {Name: "\xff"}, {Name: strings.Repeat("l", 256)}}
	body, left := encodeSpecs(t, files, false)
	specs := decodeSpecsOK(t, body)
	if len(specs.Files) != 1 || specs.Files[0].Bad || specs.LeftOut != 5 || len(left) != 5 {
		t.Errorf("told %+v, left out %q", specs, left)
	}
}

func TestSpecsMalformed(t *testing.T) {
	d := make([]byte, 8)
	file := func(name string, digest []byte) map[int]any { return map[int]any{1: name, 2: digest} }
	for name, c := range map[string]struct {
		body []byte
		want string
	}{
		"no map":       {[]byte{0x80}, "array"},
		"no name":      {marshal(t, map[int]any{1: []any{map[int]any{2: d}}}), "name"},
		"path":         {marshal(t, map[int]any{1: []any{file("../x", d)}}), "../x"},
		"escape":       {marshal(t, map[int]any{1: []any{file("a\x1b", d)}}), "a\\x1b"},
		"unsorted":     {marshal(t, map[int]any{1: []any{file("b", d), file("a", d)}}), "behind"},
		"twice":        {marshal(t, map[int]any{1: []any{file("a", d), file("a", d)}}), "behind"},
		"short digest": {marshal(t, map[int]any{1: []any{file("a", d[:7])}}), "7 bytes"},
		"long digest":  {marshal(t, map[int]any{2: make([]byte, 9)}), "9 bytes"},
		"negative":     {marshal(t, map[int]any{4: -1}), "unmarshal"},
		"huge":         {marshal(t, map[int]any{4: uint64(1) << 40}), "unmarshal"},
	} {
		t.Run(name, func(t *testing.T) {
			if specs, err := DecodeSpecs(c.body); !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %+v, %v; want ErrMalformed that says %q", specs, err, c.want)
			}
		})
	}
	later := marshal(t, map[int]any{1: []any{map[int]any{1: "a", 2: d, 9: 1}}, 3: true, 8: "x"})
	if specs := decodeSpecsOK(t, later); specs.UnknownKeys != 2 || !specs.Unreadable || len(specs.Files) != 1 {
		t.Errorf("%+v", specs)
	}
}

func anyFiles() *rapid.Generator[[]SpecFile] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) SpecFile {
		return SpecFile{
			Name:   rapid.OneOf(rapid.StringMatching(`[a-d]\.yaml`), rapid.String(), rapid.StringN(0, 300, -1)).Draw(t, "name"),
			Digest: digestOf([]byte{rapid.Byte().Draw(t, "content")}), Bad: rapid.Bool().Draw(t, "bad"),
		}
	}), 0, 120)
}

func TestSpecsAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		files := anyFiles().Draw(t, "files")
		body, left, err := EncodeSpecs(files, false)
		if err != nil {
			t.Fatal(err)
		}
		if len(body) > MaxSection {
			t.Fatalf("%d bytes", len(body))
		}
		specs, err := DecodeSpecs(body)
		if err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{}
		for _, f := range files {
			names[f.Name] = true
		}
		if len(specs.Files)+len(left) != len(names) || specs.LeftOut != len(left) {
			t.Fatalf("%d told, %d left out, of %d", len(specs.Files), len(left), len(names))
		}
		again, _, err := EncodeSpecs(specs.Files, false)
		if err != nil {
			t.Fatal(err)
		}
		specs2, err := DecodeSpecs(again)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(specs.Files, specs2.Files); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

// FuzzDecodeSpecs: no bytes break the decoder, and whatever it takes can be told again.
func FuzzDecodeSpecs(f *testing.F) {
	body, _ := encodeSpecs(f, exampleFiles(), true)
	f.Add(body)
	f.Add([]byte{0xa0})
	f.Fuzz(func(t *testing.T, body []byte) {
		specs, err := DecodeSpecs(body)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("%v is not ErrMalformed", err)
			}
			return
		}
		again, left, err := EncodeSpecs(specs.Files, specs.Unreadable)
		if err != nil || len(specs.Files) < 200 && len(left) > 0 && len(body) < MaxSection/2 {
			t.Fatalf("told again: %v, left out %q", err, left)
		}
		if _, err := DecodeSpecs(again); err != nil {
			t.Fatalf("told again it is refused: %v", err)
		}
	})
}
