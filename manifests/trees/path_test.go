package trees

import (
	"testing"

	"github.com/rs/zerolog"
)

func TestPathIsThatOfAStore(t *testing.T) {
	dir := t.TempDir()
	s, err := New(Config{Dir: dir, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	tree := Tree{Namespace: "default", DaemonSet: "web", Revision: "lcv7nc65w8", Volume: "conf"}
	if got, want := Path(dir, tree), dir+"/default/web/lcv7nc65w8/conf"; got != want || s.Path(tree) != want {
		t.Errorf("%q, of the store %q; want %q", got, s.Path(tree), want)
	}
	tree.Volume = "../x"
	if got := Path(dir, tree); got != "" {
		t.Errorf("a name that leads out of the directory: %q", got)
	}
}
