package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/apitest"
)

// overTheFleet is a plan that has something of everything.
func overTheFleet() *api.FleetPlan {
	f := &api.FleetPlan{
		Gain: names("edge-20"), Lose: names("edge-21", "edge-22"), Keep: names("edge-23"), Unknown: names("edge-24"),
		Strategy: "RollingUpdate", Budget: 2, Members: 16, Stay: names("edge-15", "edge-16"), ReplaceSeconds: 12.4, EstimateSeconds: 86.8,
		Blockers: []api.RolloutBlocker{
			{Host: "edge-7", Text: "edge-7 is down"}, {Host: "edge-8", Text: "edge-8 is being updated"}, {Host: "edge-9", Text: "edge-9 is down"}, {Host: "edge-10", Text: "edge-10 is down"},
		},
		Blocking: 4, Blocked: true, Holds: []string{"paused by its annotation daemonsetd.io/paused"},
	}
	for i := range 14 {
		host := fmt.Sprintf("edge-%d", i+1)
		f.Replace.Names, f.Replace.Count = append(f.Replace.Names, host), i+1
		if i%2 == 0 {
			f.Waves = append(f.Waves, api.NameList{})
		}
		last := &f.Waves[len(f.Waves)-1]
		last.Names, last.Count = append(last.Names, host), last.Count+1
	}
	return f
}

func TestPlanOverTheFleet(t *testing.T) {
	file := filepath.Join(t.TempDir(), "web.yaml")
	if err := os.WriteFile(file, []byte("spec"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		edit func(*api.FleetPlan)
	}{
		{"fleet", nil, nil},
		{"fleet-wide", []string{"-o", "wide"}, nil},
		{"fleet-free", nil, func(f *api.FleetPlan) {
			f.Blocked, f.Blockers, f.Blocking, f.Holds, f.Stay, f.ReplaceSeconds = false, f.Blockers[:1], 1, nil, api.NameList{}, 0
		}},
		{"fleet-percent", nil, func(f *api.FleetPlan) {
			f.BudgetOf, f.Members, f.Uncounted, f.SoakSeconds = "25% of 6 members; 3 newer than a day are not counted", 6, 3, 10
		}},
		{"fleet-canaries", nil, func(f *api.FleetPlan) { f.Unawaited = names("edge-1", "edge-2") }},
		{"fleet-ondelete", nil, func(f *api.FleetPlan) { f.Strategy = onDeleteStrategy }},
		{"fleet-gain", nil, func(f *api.FleetPlan) { *f = api.FleetPlan{Gain: names("edge-1", "edge-2")} }},
		{"fleet-path", []string{"-o", "jsonpath={.daemonsets[0].fleet.waves[0].names} {.daemonsets[1].fleet}"}, nil},
	} {
		b := filled()
		fleet := overTheFleet()
		if c.edit != nil {
			c.edit(fleet)
		}
		b.PlanAnswer.DaemonSets[0].Fleet = fleet
		got := invoke(t, apitest.Serve(t, b, nil), append([]string{"plan", "--brief", "-f", file}, c.args...)...)
		if got.code != exitFailed || withoutVersionWarning(got.err) != "" {
			t.Errorf("%s: exit %d, %s", c.name, got.code, got.err)
		}
		golden(t, "agent/plan-"+c.name+".txt", got.out)
	}
}

// What changes on other hosts alone is a difference, too.
func TestPlanThatChangesOtherHosts(t *testing.T) {
	for want, fleet := range map[int]*api.FleetPlan{exitFailed: {Lose: names("edge-2")}, exitOK: {Keep: names("edge-2"), Unknown: names("edge-3")}} {
		res := &api.PlanResult{Valid: true, DaemonSets: []api.DaemonSetPlan{{Action: api.PlanNone, Fleet: fleet}}}
		if got := exitCode(planOutcome(res)); got != want {
			t.Errorf("%+v: %d, want %d", fleet, got, want)
		}
	}
}
