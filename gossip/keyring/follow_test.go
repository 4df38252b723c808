package keyring

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// TestFollow: a key file that is open to others, bad, or gone is told, and the keys before stay in use.
func TestFollow(t *testing.T) {
	path, now := filepath.Join(t.TempDir(), "gossip.key"), time.Now()
	f := Follow(path)
	key := Generate()
	put := func(content string, mode os.FileMode) {
		t.Helper()
		temp := path + ".new"
		write(t, temp, content, mode)
		if err := os.Rename(temp, path); err != nil {
			t.Fatal(err)
		}
	}
	look := func(known bool, says string) {
		t.Helper()
		r := f.Look(now)
		text := ""
		if len(r.Problems) > 0 {
			text = r.Problems[0].Message
		}
		if r.Known != known || !strings.Contains(text, says) || (says == "") != (text == "") {
			t.Errorf("known %v, problems %v; want %v and %q", r.Known, r.Problems, known, says)
		}
		if known && r.Value.Keys()[0] != key {
			t.Errorf("keys %v, want %v", r.Value.Keys(), key)
		}
	}
	f.Look(now)
	now = now.Add(files.StillFor)
	look(false, "reading the gossip keys: file does not exist")
	put(key.Encode()+"\n", 0o600)
	look(true, "")
	put(Generate().Encode()+"\n", 0o640)
	look(true, "are too open")
	put("no key\n", 0o600)
	look(true, path)
	put(strings.Repeat("#\n", MaxBytes), 0o600)
	look(true, "more than the")
	put(key.Encode()+"\n", 0o600)
	look(true, "")
}
