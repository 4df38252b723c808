package member

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/daemonsetd/daemonsetd/gossip/keyring"
)

// TestKeyFileIsTakenWhole: half of a key file that is being written is not read, and one that is lost leaves the keys in use.
func TestKeyFileIsTakenWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gossip.key")
	m := &Member{}
	if _, _, err := m.readKeys(path, false); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("without a file: %v", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	key := keyring.Generate()
	line := key.Encode() + "\n"
	for _, half := range []string{line[:20], line[20:]} {
		if _, err := f.WriteString(half); err != nil {
			t.Fatal(err)
		}
		if _, _, err := m.readKeys(path, false); err == nil || !strings.Contains(err.Error(), "are being written") {
			t.Errorf("while it is being written: %v", err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	keys, prints, err := m.readKeys(path, false)
	if err != nil || len(keys) != 1 || string(keys[0]) != string(key[:]) || prints[0] != key.Fingerprint() {
		t.Errorf("%d keys, %v, %v; want %s", len(keys), prints, err, key)
	}
}
