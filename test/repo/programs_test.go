package repo

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// programs says what a program must not link, with what lies below it: what another program alone needs costs every start of
// this one, and is one more thing to keep free of known faults.
var programs = []struct {
	name  string
	never []string
	why   string
}{
	{
		"dsctl",
		[]string{"github.com/hashicorp/memberlist", "github.com/miekg/dns", module + "/gossip/records", module + "/agent/fleet"},
		"dsctl asks the agent and is no member; move what it needs into a package that knows no gossip",
	},
	{
		"daemonsetd",
		[]string{"k8s.io/cli-runtime", "k8s.io/client-go/util/jsonpath", module + "/agent/api/client"},
		"printers and the API's client are for dsctl",
	},
}

// TestDsctlAndTheAgentLinkOnlyTheirOwn looks at what is linked in the end, other people's packages too.
func TestDsctlAndTheAgentLinkOnlyTheirOwn(t *testing.T) {
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "./cmd/"+p.name)
			cmd.Dir = root(t)
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%s: %v", cmd, err)
			}
			linked := strings.Fields(string(out))
			if !slices.Contains(linked, module+"/cmd/"+p.name) {
				t.Fatalf("%s does not name the program itself, but:\n%s", cmd, out)
			}
			for _, name := range linked {
				if slices.ContainsFunc(p.never, func(tree string) bool { return below(name, tree) }) {
					t.Errorf("cmd/%s links %s: %s", p.name, name, p.why)
				}
			}
		})
	}
}
