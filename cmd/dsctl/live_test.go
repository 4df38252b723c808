package main

import (
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

// What was listed is not printed again when the watch begins with it; what has gone between the two is.
func TestFollowerHasOnlyNews(t *testing.T) {
	f := follower[api.SpecFile]{printed: map[string]api.SpecFile{}, unseen: map[string]bool{}}
	for _, name := range []string{"a", "b", "c"} {
		f.printed[name], f.unseen[name] = api.SpecFile{File: name}, true
	}
	var got []string
	for _, ev := range []client.WatchEvent[api.SpecFile]{
		{Type: watch.Added, Object: api.SpecFile{File: "a"}},
		{Type: watch.Added, Object: api.SpecFile{File: "b", Have: 1}},
		{Type: watch.Added, Object: api.SpecFile{File: "d"}},
		{Type: watch.Bookmark},
		{Type: watch.Modified, Object: api.SpecFile{File: "a", Have: 2}},
		{Type: watch.Deleted, Object: api.SpecFile{File: "a", Have: 2}},
		{Type: watch.Added, Object: api.SpecFile{File: "a", Have: 2}},
		{Type: watch.Added, Object: api.SpecFile{File: "c"}},
	} {
		for _, news := range f.news(ev) {
			got = append(got, string(news.Type)+" "+news.Object.File)
		}
	}
	want := []string{"ADDED b", "ADDED d", "DELETED c", "MODIFIED a", "DELETED a", "ADDED a", "ADDED c"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
