package roster

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
	"github.com/daemonsetd/daemonsetd/internal/base/strictyaml"
)

// key is a public key that differs from those of other numbers.
func key(n int) ed25519.PublicKey {
	seed := bytes.Repeat([]byte{byte(n), byte(n >> 8)}, ed25519.SeedSize/2)
	return ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
}

func encoded(n int) string { return base64.StdEncoding.EncodeToString(key(n)) }

func TestGoodFiles(t *testing.T) {
	gone := record.IDOf(key(9))
	tests := map[string]struct {
		text string
		want records.Roster
	}{
		"all of it": {
			"# site A\nmembers:\n- name: edge-1\n  key: " + encoded(1) + "\n- {name: edge-2.example}\nforgotten:\n- " + gone.String() + "\n",
			records.Roster{Members: []records.RosterMember{{Name: "edge-1", Key: key(1)}, {Name: "edge-2.example"}}, Forgotten: []record.ID{gone}},
		},
		"forgotten only": {"forgotten: [" + gone.String() + "]\n", records.Roster{Forgotten: []record.ID{gone}}},
		"none forgotten": {"members: [{name: a}]\nforgotten: []\n", records.Roster{Members: []records.RosterMember{{Name: "a"}}}},
		"JSON":           {`{"members": [{"name": "a"}]}`, records.Roster{Members: []records.RosterMember{{Name: "a"}}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, problems := Parse("members.yaml", []byte(tt.text))
			if got == nil || len(problems) > 0 {
				t.Fatal(got, problems)
			}
			if diff := cmp.Diff(tt.want, *got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBadFiles(t *testing.T) {
	id := record.IDOf(key(1)).String()
	tests := map[string]struct {
		text string
		// want is place and beginning of each problem, and a part of its hint.
		want []string
	}{
		"empty":             {"# nothing\n", []string{"1:1 the file is empty|remove the file"}},
		"no list":           {"{}\n", []string{"1:1 wanted members or forgotten|remove it"}},
		"no object":         {"- edge-1\n", []string{"1:1 |"}},
		"unknown field":     {"member: []\n", []string{`1:1 unknown field "member"|did you mean "members"?`}},
		"unknown in entry":  {"members:\n- nmae: a\n", []string{`2:3 unknown field "nmae"|did you mean "name"?`}},
		"wrong type":        {"members: edge-1\n", []string{"1:10 members wants a list|"}},
		"number":            {"members:\n- name: 1\n", []string{"2:9 name wants a string|quote it"}},
		"no members":        {"members: []\n", []string{"1:1 members is empty: nobody would count|leave members out"}},
		"null members":      {"members:\nforgotten: [" + id + "]\n", []string{"1:1 members is empty: nobody would count|leave members out"}},
		"no name":           {"members:\n- key: " + encoded(1) + "\n", []string{"2:3 an entry without a name|dsctl members"}},
		"null entry":        {"members:\n- name: a\n-\n", []string{"3:2 an entry without a name|"}},
		"upper case":        {"members:\n- name: Edge-1\n", []string{`2:9 "Edge-1" is no node's name|did you mean "edge-1"?`}},
		"bad name":          {"members:\n- name: a_b\n", []string{"2:9 \"a_b\" is no node's name|"}},
		"name twice":        {"members:\n- name: a\n- name: b\n- name: a\n", []string{"4:9 a is listed twice, first in line 2|remove one"}},
		"key of two":        {"members:\n- {name: a, key: " + encoded(1) + "}\n- {name: b, key: " + encoded(1) + "}\n", []string{"3:18 the key of line 2 again|identity.key"}},
		"short key":         {"members:\n- name: a\n  key: AAAA\n", []string{`3:8 "AAAA" is no public key: want 32 bytes|leave the key out`}},
		"long key":          {"members:\n- name: a\n  key: " + strings.Repeat("A", 44) + "\n", []string{"3:8 |"}},
		"key on two lines":  {"members:\n- name: a\n  key: \"" + encoded(1)[:40] + "\\n" + encoded(1)[40:] + "\"\n", []string{"3:8 |"}},
		"weak key":          {"members:\n- name: a\n  key: " + strings.Repeat("A", 43) + "=\n", []string{`3:8 "` + strings.Repeat("A", 43) + `=" is no host's key: everybody could sign with it|leave the key out`}},
		"empty key":         {"members:\n- name: a\n  key:\n", []string{`3:3 "" is no public key|leave the key out`}},
		"bits behind a key": {"members:\n- name: a\n  key: " + strings.Repeat("A", 42) + "B=\n", []string{"3:8 |"}},
		"bad id":            {"forgotten: [edge-1]\n", []string{`1:13 "edge-1" is not a member's id|`}},
		"both":              {"members:\n- {name: a, key: " + encoded(1) + "}\nforgotten:\n- " + id + "\n", []string{"4:3 " + id + " is the id of the key in line 2|one of the lists"}},
		"two documents":     {"members: [{name: a}]\n---\nforgotten: []\n", []string{"3:1 a second document|remove it"}},
		"several":           {"members:\n- name: a\n- name: a\n- name: B\nforgotten: [x]\n", []string{"3:9 a is listed twice|", "4:9 \"B\" is no node's name|", `5:13 "x" is not|`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, problems := Parse("members.yaml", []byte(tt.text))
			if got != nil {
				t.Errorf("a bad file gives %+v", got)
			}
			if len(problems) != len(tt.want) {
				t.Fatalf("problems %v, want %q", problems, tt.want)
			}
			for i, want := range tt.want {
				p := problems[i]
				text, hint, _ := strings.Cut(want, "|")
				if have := fmt.Sprintf("%d:%d %s", p.Line, p.Column, p.Message); !strings.HasPrefix(have, text) || !strings.Contains(p.Hint, hint) || p.Severity != diag.Error {
					t.Errorf("problem %q with hint %q, want %q", have, p.Hint, want)
				}
			}
		})
	}
}

// The example that operators are shown is a good file, also with the ids in it.
func TestDocumentedExample(t *testing.T) {
	text, err := os.ReadFile("../../docs/gossip.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, found := strings.Cut(string(text), "```yaml\nmembers:\n")
	example, _, ended := strings.Cut(example, "```")
	if !found || !ended {
		t.Fatal("docs/gossip.md has no example of a members file")
	}
	r, problems := Parse("gossip.md", []byte("members:\n"+example))
	if len(problems) > 0 || len(r.Members) != 2 || len(r.Forgotten) != 1 {
		t.Errorf("%+v, %v", r, problems)
	}
}

func TestForgottenTwiceIsAWarning(t *testing.T) {
	id := record.IDOf(key(1))
	got, problems := Parse("members.yaml", fmt.Appendf(nil, "forgotten: [%s, %s]\n", id, id))
	if problems.Count(diag.Warning) != 1 || problems.HasErrors() {
		t.Errorf("problems %v", problems)
	}
	if diff := cmp.Diff(&records.Roster{Forgotten: []record.ID{id}}, got); diff != "" {
		t.Error(diff)
	}
}

// TestRead: a file that is missing or too large, and a directory, make no roster.
func TestRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "members.yaml")
	read := func(path string) (*records.Roster, diag.List) {
		got := Follow(path, "", true).Force(time.Now())
		return got.Value, got.Problems
	}
	if got := Follow(path, "", true).Force(time.Now()); got.Known || (got.State != files.Gone && got.State != files.Away) {
		t.Errorf("no file: %+v", got)
	}
	if r, problems := read(dir); r != nil || !problems.HasErrors() {
		t.Errorf("a directory: %+v, %v", r, problems)
	}
	if err := os.WriteFile(path, []byte("members: [{name: a}]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if r, problems := read(path); len(problems) > 0 || r == nil || len(r.Members) != 1 {
		t.Errorf("%+v, %v", r, problems)
	}
	if err := os.WriteFile(path, bytes.Repeat([]byte("#\n"), MaxBytes/2+1), 0o644); err != nil {
		t.Fatal(err)
	}
	if r, problems := read(path); r != nil || !problems.HasErrors() {
		t.Errorf("a file that is too large: %+v, %v", r, problems)
	}
}

// The largest roster is taken, within the limits of the parser.
func TestMostMembers(t *testing.T) {
	var b strings.Builder
	b.WriteString("members:\n")
	for i := range MaxMembers {
		fmt.Fprintf(&b, "- name: host-%d.rack-7.site-a.example.org\n  key: %s\n", i, base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%032d", i)))
	}
	got, problems := Parse("members.yaml", []byte(b.String()))
	if got == nil || len(got.Members) != MaxMembers {
		t.Fatalf("problems %v", problems)
	}
}

func TestTooManyEntries(t *testing.T) {
	docs, _ := strictyaml.Parse("members.yaml", []byte("members: [{name: a}]\nforgotten: [x]\n"), limits())
	some := []member{{Name: "a"}}
	for want, f := range map[string]file{
		"20001 members, at most 20000 can be listed": {Members: make([]member, MaxMembers+1)},
		"20001 ids, at most 20000 can be listed":     {Members: some, Forgotten: make([]string, MaxMembers+1)},
		"":                                           {Members: some, Forgotten: make([]string, MaxMembers)},
	} {
		c := newCheck(docs[0])
		good := c.present(f)
		if list := c.list.List(); good != (want == "") || !good && (len(list) != 1 || list[0].Message != want) {
			t.Errorf("%v, %v; want %q", good, list, want)
		}
	}
}

// What is written comes back, whatever the names, keys and ids are.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]([a-z0-9-]{0,6}[a-z0-9])?`), 1, 8, rapid.ID).Draw(t, "names")
		want := &records.Roster{}
		var b strings.Builder
		b.WriteString("members:\n")
		for i, name := range names {
			m := records.RosterMember{Name: name}
			fmt.Fprintf(&b, "- name: %q\n", name)
			if rapid.Bool().Draw(t, "has key") {
				m.Key = key(i)
				fmt.Fprintf(&b, "  key: %s\n", encoded(i))
			}
			want.Members = append(want.Members, m)
		}
		b.WriteString("forgotten:\n")
		for i := range rapid.IntRange(0, 4).Draw(t, "forgotten") {
			id := record.IDOf(key(100 + i))
			want.Forgotten = append(want.Forgotten, id)
			fmt.Fprintf(&b, "- %s\n", id)
		}
		got, problems := Parse("members.yaml", []byte(b.String()))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

// FuzzParse: a roster or errors that stand inside of the file, never both, never neither; and a roster keeps its promises.
func FuzzParse(f *testing.F) {
	f.Add([]byte("members:\n- name: edge-1\n  key: " + encoded(1) + "\n- {name: edge-2}\nforgotten:\n- " + record.IDOf(key(2)).String() + "\n"))
	f.Add([]byte("members: [{name: a}, {name: a}, {name: A, key: x}]\nforgotten: [x]\n---\n{}\n"))
	f.Add([]byte("members: &m [*m]\n"))
	f.Add([]byte(`{"members": null, "forgotten": [1]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, problems := Parse("members.yaml", data)
		if (r == nil) != problems.HasErrors() {
			t.Fatalf("roster %+v with problems %v", r, problems)
		}
		for _, p := range problems {
			if p.Message == "" || p.Line < 1 || p.Column < 1 || p.File != "members.yaml" {
				t.Errorf("problem %+v", p)
			}
		}
		if r == nil {
			return
		}
		names, ids := map[string]bool{}, map[record.ID]bool{}
		for _, m := range r.Members {
			if names[m.Name] || m.Name == "" || m.Key != nil && (len(m.Key) != ed25519.PublicKeySize || ids[record.IDOf(m.Key)]) {
				t.Errorf("member %+v", m)
			}
			names[m.Name] = true
			if m.Key != nil {
				ids[record.IDOf(m.Key)] = true
			}
		}
		for _, id := range r.Forgotten {
			if ids[id] {
				t.Errorf("%s is a member or listed twice", id)
			}
			ids[id] = true
		}
	})
}
