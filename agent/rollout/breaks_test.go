package rollout

import (
	"strings"
	"testing"
)

// TestForgottenTicket: a ticket that was told must be on disk.
func TestForgottenTicket(t *testing.T) {
	sc := scenario{k: 1, yields: 1, late: "c", unfinished: true, scripts: scripts(file("B"), file("B"), []step{{kind: stepForget}, {stepFile, "B"}})}
	if _, found := newSearch(sc, without{}).run(); !strings.HasPrefix(found, "2 pods are down") {
		t.Errorf("a ticket was forgotten and nothing went wrong: %q", found)
	}
	sc.scripts[2] = sc.scripts[2][1:]
	if _, found := newSearch(sc, without{}).run(); found != "" {
		t.Errorf("the same without forgetting: %s", found)
	}
}

// TestForgottenMember: a known member must not be dropped because it is not heard of.
func TestForgottenMember(t *testing.T) {
	for seed := range uint64(20000) {
		if s := chaos(seed, without{}, true, false); strings.Contains(s.found, "pods are down") {
			t.Logf("seed %d: %s", seed, s.found)
			return
		}
	}
	t.Error("members were forgotten and nothing went wrong")
}
