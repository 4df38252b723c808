package fleetsim_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/daemonsetd/daemonsetd/test/fleetsim"
)

// TestFaultO9: a canary that is declared while the revision is paused goes first, whichever host it is. Members files
// list all hosts, as those that do not count are waited for by nobody.
func TestFaultO9(t *testing.T) {
	rolls(t, fleetsim.Config{Hosts: 3, MembersFile: true}, plain, func(t *testing.T, f *fleetsim.Fleet) {
		paused := func(is, more string) string {
			return logger("logger:2", fmt.Sprintf(`, daemonsetd.io/paused: "%s"%s`, is, more))
		}
		f.LayAll("logger.yaml", paused("true", ""))
		f.Step(20 * time.Second)
		// The last of the order, which has its ticket by now.
		canary := f.Hosts[0]
		for _, h := range f.Hosts[1:] {
			if onDisk(t, h).Ticket.Above(onDisk(t, canary).Ticket) {
				canary = h
			}
		}
		node := "apiVersion: v1\nkind: Node\nmetadata: {labels: {canary: \"true\"}}\n"
		canary.Stop()
		if err := os.WriteFile(canary.Path("node.yaml"), []byte(node), 0o600); err != nil {
			t.Fatal(err)
		}
		canary.Start()
		const selector = `, daemonsetd.io/canary-selector: canary=true`
		f.LayAll("logger.yaml", paused("true", selector))
		f.Step(time.Minute)
		if n := f.Count(key, "logger:1"); n != 3 {
			t.Fatalf("%d of 3 were left alone while it was paused", n)
		}
		f.LayAll("logger.yaml", paused("false", selector))
		first := ""
		watch(t, f, 1, 5*time.Minute, func() bool {
			for _, h := range f.Hosts {
				if first == "" && !h.Available(key, "") {
					first = h.Name
				}
			}
			return f.Count(key, "logger:2") == 3
		})
		if first != canary.Name {
			t.Errorf("%s was replaced first, the canary is %s", first, canary.Name)
		}
	})
}
