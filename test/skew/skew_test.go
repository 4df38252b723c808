//go:build skew

package skew

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

// patience is how long anything may take before the test fails.
const patience = 3 * time.Minute

// TestUpgradeHostByHost: a fleet of the version before is upgraded one host after the other, and one host goes back. No pod is touched
// by that, all hosts see all, and rollouts go through fleets of both versions with one host down at a time.
func TestUpgradeHostByHost(t *testing.T) {
	commit := os.Getenv("PREVIOUS")
	if commit == "" {
		t.Fatal("PREVIOUS is not set: want the commit or tag of the version before, as make skew sets it")
	}
	before, now := build(t, commit), build(t, "")
	hosts := newHosts(t, 3, before)
	f := fleet{t: t, hosts: hosts}
	for _, h := range hosts {
		h.start(before)
		h.write("specs.d/logger.yaml", logger("logger:1"))
	}
	f.until("logger:1 is ready everywhere", f.runs("logger:1"))
	f.until("all see all", f.met)
	for _, h := range hosts { // all at once: a host that finds the others takes up what it had told them
		h.stop()
	}
	for _, h := range hosts {
		h.passHold()
	}
	for _, h := range hosts {
		h.start(before)
	}
	f.until("all see all", f.met)

	f.restart(hosts[0], now)
	f.roll("logger:2") // one host has this version
	f.restart(hosts[1], now)
	f.restart(hosts[2], now)
	f.roll("logger:3") // all have
	f.restart(hosts[2], before)
	f.roll("logger:4") // one has gone back
	if most := mostDown(hosts); most != 1 {
		t.Errorf("%d hosts were down at once, want 1", most)
	}
}

func logger(image string) string {
	return `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: node-logger}
spec:
  selector: {matchLabels: {app: logger}}
  template:
    metadata: {labels: {app: logger}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: logger
          image: ` + image + `
          readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 1}
`
}

type fleet struct {
	t     *testing.T
	hosts []*host
}

// until waits for what missing no longer finds.
func (f *fleet) until(what string, missing func() []string) {
	f.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(patience); ; {
		found := missing()
		if len(found) == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-end:
			for _, h := range f.hosts {
				out, _ := h.dsctl("rollout", "status", "node-logger", "--watch=false", "-o", "wide")
				f.t.Logf("%s:\n%s", h.name, out)
			}
			f.t.Fatalf("%s: not within %s: %q", what, patience, found)
		}
	}
}

// runs: each host has one pod, ready, with the image.
func (f *fleet) runs(image string) func() []string {
	return func() (missing []string) {
		for _, h := range f.hosts {
			var images []string
			for _, is := range h.running() {
				images = append(images, is)
			}
			if !slices.Equal(images, []string{image}) {
				missing = append(missing, fmt.Sprintf("%s runs %q", h.name, images))
			}
		}
		return missing
	}
}

// met: every host has every other alive and trusted.
func (f *fleet) met() (missing []string) {
	for _, h := range f.hosts {
		out, _ := h.dsctl("members", "-o", "custom-columns=N:.name,S:.state,T:.standing")
		for _, other := range f.hosts {
			lines := strings.Split(out, "\n")
			if !slices.ContainsFunc(lines, func(line string) bool {
				fields := strings.Fields(line)
				return len(fields) == 3 && fields[0] == other.name && fields[1] == "Alive" && fields[2] == "Trusted"
			}) {
				missing = append(missing, fmt.Sprintf("%s sees of %s: %q", h.name, other.name, out))
			}
		}
	}
	return missing
}

// restart replaces the agent of a host by one of a version. No pod notices, and everybody sees everybody again.
func (f *fleet) restart(h *host, of binaries) {
	f.t.Helper()
	before := h.running()
	h.stop()
	h.start(of)
	f.until("all see all", f.met)
	if diff := cmp.Diff(before, h.running()); diff != "" {
		f.t.Errorf("pods of %s after another version of the agent (-before +after):\n%s", h.name, diff)
	}
}

// roll lays the file of an image on all hosts, and waits for it.
func (f *fleet) roll(image string) {
	f.t.Helper()
	for _, h := range f.hosts {
		h.write("specs.d/logger.yaml", logger(image))
	}
	f.until(image+" is ready everywhere", f.runs(image))
}

// mostDown is how many hosts had no ready pod at once, after all had one.
func mostDown(hosts []*host) (most int) {
	type change struct {
		at    time.Time
		host  int
		ready bool
		uid   string
	}
	var changes []change
	for i, h := range hosts {
		for _, e := range h.kubelet.Log() {
			switch e.Kind {
			case kubeletsim.KindReady:
				changes = append(changes, change{e.Time, i, true, string(e.UID)})
			case kubeletsim.KindStopping, kubeletsim.KindStopped, kubeletsim.KindFailed:
				changes = append(changes, change{e.Time, i, false, string(e.UID)})
			}
		}
	}
	slices.SortStableFunc(changes, func(a, b change) int { return a.at.Compare(b.at) })
	ready := make([]map[string]bool, len(hosts))
	begun := false
	for _, c := range changes {
		if ready[c.host] == nil {
			ready[c.host] = map[string]bool{}
		}
		if c.ready {
			ready[c.host][c.uid] = true
		} else {
			delete(ready[c.host], c.uid)
		}
		down := 0
		for _, of := range ready {
			if len(of) == 0 {
				down++
			}
		}
		begun = begun || down == 0
		if begun {
			most = max(most, down)
		}
	}
	return most
}
