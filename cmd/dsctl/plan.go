package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

type planOptions struct {
	files []string
	brief bool
}

func newPlanCommand(d *deps) *cobra.Command {
	var o planOptions
	cmd := &cobra.Command{
		Use:   "plan -f FILE|DIR|-",
		Short: "Show what spec files would do on this host before they are installed",
		Long: long(`Ask the agent what spec files would do: which DaemonSets would be created, replaced, removed or blocked, why, and
what changes in the manifests, as a unified diff. Nothing is changed. Files that are being written are taken up first.

The plan goes by objects. One that is declared already is updated, whatever the file is called that declares it; the
plan then names that file, in whose place the new one has to be installed. A file that has the name of one in the
specs directory takes its place, so that what that one declares besides goes. What would happen without the files as
well is marked, and is no difference.

While gossip is on it is also said what would come of it were the files on every host: which hosts gain, lose or
replace the pod, in which order and waves, how long that takes at the time that the latest replacement on this host
took, and what would stand in the way now. With -o wide all hosts and waves are named.`,
			comparing("the files would change something", "a file has an error, or it failed")),
		Example: example("dsctl plan -f new/web.yaml", "dsctl plan -f new/ --brief", "kustomize build . | dsctl plan -f -"),
		Args:    noArgs,
		RunE:    d.compares(func(ctx context.Context, _ []string) error { return d.runPlan(ctx, o) }),
	}
	addFileFlags(cmd, &o.files)
	cmd.Flags().BoolVar(&o.brief, "brief", false, "leave out the manifests' differences")
	return cmd
}

func (d *deps) runPlan(ctx context.Context, o planOptions) error {
	raw, err := d.readFiles(o.files)
	if err != nil {
		return err
	}
	if raw, err = readable(raw); err != nil {
		return err
	}
	var req api.PlanRequest
	for _, f := range raw {
		req.Files = append(req.Files, api.PlanFile{Name: f.Path, Data: f.Data})
	}
	c, err := d.settled(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	done := d.progress(fmt.Sprintf("asking the agent what %s would do", count(len(req.Files), "file")))
	res, err := c.Plan(ctx, req)
	done()
	if err != nil {
		return err
	}
	if err := d.print(planView(res, o.brief)); err != nil {
		return err
	}
	return planOutcome(res)
}

// planOutcome is exit code 0 only for files that are good and change nothing. What is wrong with a file has been
// printed.
func planOutcome(res *api.PlanResult) error {
	if !res.Valid {
		return &exitError{code: exitTrouble}
	}
	for _, p := range res.DaemonSets {
		if p.Action != api.PlanNone && !p.Anyway || p.Fleet.Changes() {
			return errDiffers()
		}
	}
	return nil
}

func planView(res *api.PlanResult, brief bool) view {
	v := view{
		object: res,
		rows:   rowsOf(res.DaemonSets),
		text:   func(p page) error { return printPlan(p, res, brief) },
	}
	for _, p := range res.DaemonSets {
		v.names = append(v.names, p.DaemonSet)
	}
	return v
}

func printPlan(p page, res *api.PlanResult, brief bool) error {
	if p.wide {
		printProblems(p, res.Problems)
	} else {
		printProblems(p, tidyProblems(res.Problems))
	}
	t := newTable("DAEMONSET", "ACTION", "FROM", "TO", "REASON")
	counts, anyway := make(map[string]int), 0
	for _, ds := range res.DaemonSets {
		counts[ds.Action]++
		reasons := strings.Join(ds.Reasons, "; ")
		if ds.Anyway {
			anyway++
			reasons = strings.TrimSuffix("without these files too: "+reasons, ": ")
		}
		t.add(ds.DaemonSet, ds.Action, ds.FromRevision, ds.ToRevision, reasons)
	}
	if len(t.rows) > 0 {
		if err := t.write(p, p.width); err != nil {
			return err
		}
	}
	for i := range res.DaemonSets {
		if ds := &res.DaemonSets[i]; ds.InPlaceOf != "" {
			p.printf("%s is declared in %s: install the new file in its place\n", ds.DaemonSet, ds.InPlaceOf)
		}
		printFleetPlan(p, &res.DaemonSets[i])
	}
	if !brief {
		for _, ds := range res.DaemonSets {
			if ds.Anyway {
				continue
			}
			if err := printChanges(p, replacements(ds.Changes)); err != nil {
				return err
			}
		}
	}
	p.printf("plan for node %s: %d to create, %d to replace, %d to remove, %d blocked, %d unchanged", res.Node,
		counts[api.PlanCreate], counts[api.PlanReplace], counts[api.PlanRemove], counts[api.PlanBlocked],
		counts[api.PlanNone])
	if anyway > 0 {
		p.printf("; %d of these without the files too", anyway)
	}
	p.printf("\n")
	return nil
}

// replacements makes one change of a manifest that goes and the one that comes in its place, so that their difference
// is what changes and not all of both.
func replacements(changes []api.FileChange) []api.FileChange {
	var out []api.FileChange
	for _, c := range changes {
		last := len(out) - 1
		if last < 0 || out[last].Old == "" || out[last].New != "" || c.Old != "" || c.New == "" {
			out = append(out, c)
			continue
		}
		was := out[last]
		c.Action, c.Old, c.Reason = api.PlanReplace, was.Old, was.Reason+"; "+c.Reason
		out[last] = c
	}
	return out
}

// printProblems prints problems that came over the wire, one a line: file:line:column: severity: message (hint).
func printProblems(p page, problems []api.Problem) {
	for _, pr := range problems {
		paint := map[string]string{api.SeverityError: red, api.SeverityWarning: yellow}[pr.Severity]
		if paint == "" {
			paint = cyan
		}
		text := pr.Message
		if pr.Hint != "" {
			text += " (" + pr.Hint + ")"
		}
		p.printf("%s%s: %s\n", place(pr), p.paint(paint, pr.Severity), cellText(text))
	}
}

func place(pr api.Problem) string {
	switch {
	case pr.File == "":
		return ""
	case pr.Line == 0:
		return pr.File + ": "
	default:
		return fmt.Sprintf("%s:%d:%d: ", pr.File, pr.Line, pr.Column)
	}
}
