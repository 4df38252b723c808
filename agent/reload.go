package agent

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/backend"
	"github.com/daemonsetd/daemonsetd/agent/config"
	"github.com/daemonsetd/daemonsetd/agent/reconcile"
	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
)

// Reload reads the configuration, the kubelet's configuration, the node files and the spec files again, and returns
// when the agent has acted on them. Everything that can fail comes before anything is taken over; a configuration that
// cannot be used is an error and changes nothing.
func (a *Agent) Reload(ctx context.Context) (*api.ReloadResult, error) {
	next, problems, err := a.reread()
	if err != nil {
		a.metrics.ReloadSuccessful.Set(0)
		a.opts.Notifier.Status("reload failed, everything stays as it was: " + err.Error())
		return nil, api.Errorf(api.CodeInvalid, "%v", err).
			WithRemedy("correct the configuration; the agent goes on with the old one")
	}
	res := &api.ReloadResult{Changed: []string{}, Problems: api.Problems(problems)}
	before := a.rounds.Latest()
	err = a.ask(ctx, func(ctx context.Context) {
		// From within the loop, so that it comes after the first READY.
		a.opts.Notifier.Reloading()
		a.takeOver(ctx, next, problems, res)
	})
	// Whatever came of it, the unit must not stay in the state "reloading".
	defer func() { a.opts.Notifier.Ready(a.currentLine()) }()
	if err == nil {
		// A reload tells of the files that were copied just before it.
		_, err = a.settled(ctx)
	}
	if err != nil {
		return nil, err
	}
	after := a.rounds.Latest()
	problems = append(slices.Clone(after.Config), after.Origins.Problems...)
	for _, f := range after.Specs.Files {
		problems = append(problems, f.Problems...)
	}
	res.Problems = api.Problems(problems)
	res.Changed = append(res.Changed, changes(before, after)...)
	res.At = time.Now()
	a.metrics.ReloadSuccessful.Set(float64(one(!problems.HasErrors())))
	if !problems.HasErrors() {
		a.metrics.ReloadTimestamp.Set(float64(res.At.Unix()))
	}
	a.log.Info().Int(logfield.Count, len(res.Changed)).Msg("reloaded")
	return res, nil
}

// settled waits until no spec or node file is being written any more, for api.SettleLimit at most, and gives the paths
// of those that still are. It has the loop look first: what was written before the call need not have been noticed yet.
func (a *Agent) settled(ctx context.Context) (pending []string, err error) {
	limit := time.NewTimer(api.SettleLimit)
	defer limit.Stop()
	for {
		// This also waits until what the last round came to has been published to everybody.
		if err := a.ask(ctx, func(context.Context) {}); err != nil {
			return nil, err
		}
		over := a.changed.Next()
		if pending = a.rounds.Latest().Pending(); len(pending) == 0 {
			return nil, nil
		}
		select {
		case <-over:
		case <-limit.C:
			return pending, nil
		case <-a.ended:
			return nil, backend.ErrStopping
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (a *Agent) reread() (config.Config, diag.List, error) {
	if a.opts.Reread == nil {
		return a.cfg, nil, nil
	}
	return a.opts.Reread()
}

// takeOver is the part of a reload that the loop does.
func (a *Agent) takeOver(ctx context.Context, next config.Config, problems diag.List, res *api.ReloadResult) {
	if a.member.SetGossip(next.Gossip) {
		a.cfg.Gossip = next.Gossip // it begins with the new ones
	}
	for _, key := range config.Changed(a.cfg, next) {
		if key == "log.level" && a.opts.SetLevel != nil && a.opts.SetLevel(next.Log.Level) == nil {
			a.cfg.Log.Level = next.Log.Level
			res.Changed = append(res.Changed, "log level is now "+next.Log.Level)
			continue
		}
		if key == config.KeyPurgeManifests {
			// The package's scripts read the file; there is nothing to take over and nothing to restart for.
			a.cfg.PurgeManifests = next.PurgeManifests
			continue
		}
		res.RestartRequired = append(res.RestartRequired, key)
	}
	a.opts.ConfigProblems = problems
	if a.kubelet.Refresh(ctx, true) {
		res.Changed = append(res.Changed, "the kubelet's settings")
	}
	changed, _ := a.member.Refresh(true) // the next round tells its problems
	res.Changed = append(res.Changed, changed...)
	a.nodes.Reload()
	a.loader.Confirm()
	a.ledger.Acknowledge() // the operator has seen what there was to see
	a.rounds.TryAgain()
}

// currentLine is the status line of the last round.
func (a *Agent) currentLine() string {
	if v := a.rounds.Latest(); v != nil {
		return v.Line
	}
	return "starting"
}

// changes says what is different between two rounds, one sentence each.
func changes(before, after *reconcile.Snapshot) []string {
	if before == nil {
		return nil
	}
	var out []string
	was := map[string]string{}
	for _, ds := range before.Specs.DaemonSets {
		was[ds.Key()] = string(ds.Template)
	}
	for _, ds := range after.Specs.DaemonSets {
		template, known := was[ds.Key()]
		switch {
		case !known:
			out = append(out, fmt.Sprintf("DaemonSet %s is new", ds.Key()))
		case template != string(ds.Template):
			out = append(out, fmt.Sprintf("DaemonSet %s has another template", ds.Key()))
		}
		delete(was, ds.Key())
	}
	for _, ds := range before.Specs.DaemonSets {
		if _, gone := was[ds.Key()]; gone {
			out = append(out, fmt.Sprintf("DaemonSet %s is gone", ds.Key()))
		}
	}
	digests := map[string]string{}
	for _, f := range before.Specs.Files {
		digests[f.File] = f.Digest
	}
	for _, f := range after.Specs.Files {
		if f.Digest != digests[f.File] {
			out = append(out, fmt.Sprintf("%s has changed", f.File))
		}
	}
	if before.Node != after.Node {
		out = append(out, "the node's labels, taints or conditions")
	}
	return out
}
