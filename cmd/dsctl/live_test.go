package main

import (
	"bytes"
	"context"
	"iter"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/client"
)

func TestLiveTable(t *testing.T) {
	table := liveTable{header: []string{"NAME", "V"}}
	var b strings.Builder
	for _, rows := range [][][]string{{{"ab", "1"}, {"ä", ""}}, {{"c", "2\x1b[31m\n"}}, {{"longer", "3"}}, {{"d", "4"}}} {
		if err := table.write(&b, rows...); err != nil {
			t.Fatal(err)
		}
	}
	want := "NAME  V\nab    1\nä     <none>\nc     2 [31m\nlonger  3\nd       4\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	b.Reset()
	table = liveTable{header: []string{"NAME", "V"}, width: 7}
	if err := table.write(&b); err != nil {
		t.Fatal(err)
	}
	if err := table.write(&b, []string{"much too long", "1"}); err != nil {
		t.Fatal(err)
	}
	if want := "NAME  V\nmuch...\n"; b.String() != want {
		t.Errorf("cut: %q, want %q", b.String(), want)
	}
}

// What was printed is not printed again where a watch begins with it, as that of an earlier agent does; and when a watch has to
// begin anew, what has changed, come or gone in between is printed.
func TestAWatchPrintsOnlyNews(t *testing.T) {
	file := func(name string, have int) api.SpecFile { return api.SpecFile{File: name, Have: have} }
	added := func(name string, have int) client.WatchEvent[api.SpecFile] {
		return client.WatchEvent[api.SpecFile]{Type: watch.Added, Object: file(name, have)}
	}
	var out bytes.Buffer
	d := &deps{streams: streams{out: &out}, output: "custom-columns=FILE:.file,HAVE:.have"}
	l, err := newLive(d, specListing(false))
	if err != nil {
		t.Fatal(err)
	}
	w := watchItems(l)
	watches := map[string][]client.WatchEvent[api.SpecFile]{
		"1": {
			added("a", 0), added("b", 1), added("d", 0),
			{Type: watch.Bookmark},
			{Type: watch.Modified, Object: file("a", 2)},
			{Type: watch.Deleted, Object: file("a", 2)},
			added("a", 2), added("c", 0),
		},
		"2": {{Type: watch.Deleted, Object: file("e", 0)}},
	}
	w.events = func(_ context.Context, version string) iter.Seq2[client.WatchEvent[api.SpecFile], error] {
		return func(yield func(client.WatchEvent[api.SpecFile], error) bool) {
			for _, ev := range watches[version] {
				if !yield(ev, nil) {
					return
				}
			}
			if version == "1" {
				yield(client.WatchEvent[api.SpecFile]{}, client.ErrGone)
			}
		}
	}
	w.list = func(context.Context) (itemList[api.SpecFile], error) {
		return itemList[api.SpecFile]{[]api.SpecFile{file("a", 2), file("b", 3), file("e", 0)}, "2"}, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	begin := itemList[api.SpecFile]{[]api.SpecFile{file("a", 0), file("b", 0), file("c", 0)}, "1"}
	if err := w.run(ctx, begin); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"FILE HAVE", "a 0", "b 0", "c 0", // the list
		"b 1", "d 0", "a 2", "a 2", "a 2", // the first watch: b, d, a that changed, went and came
		"b 3", "e 0", "c 0", "d 0", // what became of them before the second list, c and d being gone
		"e 0", // the second watch
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
