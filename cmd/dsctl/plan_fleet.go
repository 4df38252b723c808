package main

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

// fewWaves is how many waves are listed before the rest is counted.
const fewWaves = 5

// printFleetPlan prints what a DaemonSet's change would do to the fleet; in the wide form with all hosts and waves.
func printFleetPlan(p page, ds *api.DaemonSetPlan) {
	f := ds.Fleet
	if f == nil {
		return
	}
	few := fewHosts
	if p.wide {
		few = 0
	}
	p.printf("%s on the hosts of the fleet, were the files on each:\n", ds.DaemonSet)
	for _, group := range []struct {
		what  string
		hosts api.NameList
	}{
		{"gain the pod", f.Gain},
		{"lose it", f.Lose},
		{"replace it", f.Replace},
		{"keep it as it is", f.Keep},
		{"not known", f.Unknown},
	} {
		if group.hosts.Count > 0 {
			p.printf("  %d %s: %s\n", group.hosts.Count, group.what, someOf(group.hosts, few))
		}
	}
	switch {
	case f.Replace.Count == 0:
	case f.Strategy == onDeleteStrategy:
		p.printf("  OnDelete: each host waits for dsctl rollout replace\n")
	default:
		printWaves(p, f, few)
		printObstacles(p, f)
	}
}

func printWaves(p page, f *api.FleetPlan, few int) {
	p.printf("  %s at a time, in %s\n", budgetOf(f), count(len(f.Waves), "wave"))
	for i, wave := range f.Waves {
		if !p.wide && i == fewWaves && len(f.Waves) > fewWaves+1 {
			p.printf("    and %d more\n", len(f.Waves)-i)
			break
		}
		p.printf("    %d: %s\n", i+1, someOf(wave, few))
	}
	if f.Stay.Count > 0 {
		p.printf("  %d stay by daemonsetd.io/partition: %s\n", f.Stay.Count, someOf(f.Stay, few))
	}
	if text := unawaited(f.Unawaited, few); text != "" {
		p.printf("  %s\n", cellText(text))
	}
	if f.SoakSeconds > 0 {
		p.printf("  a new pod has to be ready for %s before the next wave (soak)\n", seconds(f.SoakSeconds))
	}
	p.printf("  takes %s\n", estimate(f))
}

// budgetOf is how many are replaced at a time, and of how many.
func budgetOf(f *api.FleetPlan) string {
	if f.BudgetOf != "" {
		return fmt.Sprintf("%d (%s)", f.Budget, f.BudgetOf)
	}
	return fmt.Sprintf("%d of %d", f.Budget, f.Members)
}

// estimate is how long the replacements would take, or that this is not known.
func estimate(f *api.FleetPlan) string {
	if f.ReplaceSeconds <= 0 {
		return "a time that is not measured yet: no pod of it has been replaced on this host"
	}
	return fmt.Sprintf("about %s, at the %s that the latest replacement on this host took", seconds(f.EstimateSeconds),
		seconds(f.ReplaceSeconds))
}

func seconds(s float64) string {
	return duration.HumanDuration(max(time.Duration(s*float64(time.Second)).Round(time.Second), time.Second))
}

func printObstacles(p page, f *api.FleetPlan) {
	for _, h := range f.Holds {
		p.printf("  held: %s\n", withLeft(cellText(h), time.Now()))
	}
	if len(f.Blockers) == 0 {
		return
	}
	verdict := fmt.Sprintf("in the way, %d of a budget of %d", f.Blocking, f.Budget)
	if f.Blocked {
		verdict = "nothing would be replaced now"
	}
	p.printf("  %s:\n", verdict)
	for i, b := range f.Blockers {
		if !p.wide && i == fewHosts {
			p.printf("    and %d more\n", max(f.Blocking, len(f.Blockers))-i)
			break
		}
		p.printf("    %s\n", cellText(b.Text))
	}
}
