package main

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestTable(t *testing.T) {
	tab := newTable("NAME", "VALUE", "LAST")
	tab.add("a", "", "x")
	tab.add("longer", "tab\there", "line\nbreak \x1b[31m")
	var b strings.Builder
	if err := tab.write(&b, 0); err != nil {
		t.Fatal(err)
	}
	want := "NAME    VALUE     LAST\na       <none>    x\nlonger  tab here  line break  [31m\n"
	if b.String() != want {
		t.Errorf("got\n%q\nwant\n%q", b.String(), want)
	}
	b.Reset()
	if err := tab.write(&b, 12); err != nil {
		t.Fatal(err)
	}
	if want := "NAME    V...\na       <...\nlonger  t...\n"; b.String() != want {
		t.Errorf("cut: %q, want %q", b.String(), want)
	}
}

// Whatever stands in the cells, a table has one line for each row, and no control characters.
func TestTableKeepsItsLines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tab := newTable("A", "B")
		rows := rapid.SliceOfN(rapid.SliceOfN(rapid.String(), 2, 2), 0, 5).Draw(t, "rows")
		for _, r := range rows {
			tab.add(r...)
		}
		var b strings.Builder
		if err := tab.write(&b, rapid.IntRange(0, 40).Draw(t, "width")); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(b.String(), "\n"); n != len(rows)+1 {
			t.Fatalf("%d lines for %d rows: %q", n, len(rows), b.String())
		}
		if strings.ContainsAny(b.String(), "\x1b\t\r") {
			t.Fatalf("control characters: %q", b.String())
		}
	})
}

func TestColumnsAreRelaxed(t *testing.T) {
	for path, want := range map[string]string{
		"name": "{.name}", ".name": "{.name}", "{.name}": "{.name}", "{name}": "{.name}", "[0].x": "{[0].x}",
	} {
		if got := relaxed(path); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}

func FuzzParseFormat(f *testing.F) {
	for _, s := range []string{"json", "jsonpath={.x}", "custom-columns=A:.a,B:{.b[*]}", "name=", "custom-columns=A:", "custom-columns=A:{{"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parseFormat(s)
		if err != nil {
			if exitCode(err) != exitUsage {
				t.Errorf("%q: exit code %d", s, exitCode(err))
			}
			return
		}
		if p.kind == formatColumns {
			_, _ = parseColumns(p.template)
		}
	})
}
