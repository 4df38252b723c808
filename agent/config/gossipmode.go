package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/daemonsetd/daemonsetd/gossip/keyring"
)

// GossipMode says whether this host gossips, and how.
type GossipMode struct {
	// On is set when the host has a key file or hosts to join.
	On bool
	// Keyed is set when there is a key file. Without one, what is sent can be read and faked by everybody who gets at
	// the port, so only loopback may be bound.
	Keyed bool
	// Why is a sentence for the operator: why it is off, or what is wrong with being on without a key.
	Why string
}

// ErrNoKey is wrapped when gossip is wanted on a network and there is no key.
var ErrNoKey = errors.New("no gossip key")

// Mode looks whether there is a key file and says what follows from that and from a valid configuration. The file
// is not read. It is an error to want gossip on other addresses than loopback without a key, and to name a key file
// that is not there; only the default one may be missing.
func (g Gossip) Mode() (GossipMode, error) {
	keyed, err := g.hasKeyFile()
	if err != nil {
		return GossipMode{}, err
	}
	if keyed {
		return GossipMode{On: true, Keyed: true}, nil
	}
	if len(g.Join) == 0 {
		return GossipMode{Why: g.noKey() + ", and no host to join (gossip.join): this host is alone"}, nil
	}
	bind, err := g.BindAddress()
	if err != nil {
		return GossipMode{}, err
	}
	if !bind.Addr().IsLoopback() {
		return GossipMode{}, fmt.Errorf("%w: gossip.join is set, but %s, and without a key only a loopback address may be "+
			"bound, not gossip.bind %q: "+
			"make a key for all hosts with dsctl keyring generate, or bind 127.0.0.1", ErrNoKey, g.noKey(), g.Bind)
	}
	return GossipMode{On: true, Why: g.noKey() + ": only a loopback address is bound, and nothing is encrypted"}, nil
}

func (g Gossip) hasKeyFile() (bool, error) {
	path := g.KeyFile
	if path == "" {
		return false, nil
	}
	_, err := os.Stat(path)
	switch {
	case err == nil:
		return true, nil
	case !errors.Is(err, fs.ErrNotExist):
		return false, fmt.Errorf("looking for the gossip keys: %w", err)
	case path != keyring.DefaultPath:
		return false, fmt.Errorf("%w: gossip.keyFile is %q and there is no such file: make it with dsctl keyring generate "+
			"--key-file %s, or correct the path", ErrNoKey, path, path)
	}
	return false, nil
}

// noKey says why there is no key.
func (g Gossip) noKey() string {
	if g.KeyFile == "" {
		return "gossip.keyFile is empty"
	}
	return fmt.Sprintf("there is no key file %q", g.KeyFile)
}
