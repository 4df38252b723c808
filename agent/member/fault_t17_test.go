package member

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/daemonsetd/daemonsetd/agent/config"
)

// TestFaultT17MembersFile: a members file that the operator named has to exist, since without it every holder of the
// gossip key would be a member. Help and the configuration file say so, and what keeps gossip off says what to do.
func TestFaultT17MembersFile(t *testing.T) {
	const says = "a file at another path than the default has to exist"
	manual, err := os.ReadFile(filepath.Join("..", "..", "packaging", "daemonsetd.yaml"))
	if err != nil || !strings.Contains(string(manual), says) {
		t.Errorf("daemonsetd.yaml does not say %q (%v)", says, err)
	}
	dir := t.TempDir()
	m := &Member{cfg: Config{StateDir: dir, MembersFile: filepath.Join(dir, "other.yaml")}}
	_, err = m.newNode(config.Gossip{}, config.GossipMode{}, true)
	if err == nil {
		t.Fatal("gossips without the members file that was named")
	}
	for _, want := range []string{m.cfg.MembersFile, "does not exist", "take membersFile out of the configuration"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in: %v", want, err)
		}
	}
	def := &Member{cfg: Config{StateDir: dir, MembersFile: config.Default().MembersFile}}
	if r := look(def.rosterFile(), true); !removed(r) && !r.Known {
		t.Errorf("at the default path: %+v", r)
	}
}
