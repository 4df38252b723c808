package main

import (
	"context"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

func newDiffCommand(d *deps) *cobra.Command {
	return &cobra.Command{
		Use:   "diff",
		Short: "Show what the agent would change in the manifests directory now",
		Long: long(`Show as a unified diff what the agent would write, remove or restore in the kubelet's manifests directory if
it acted now. Nothing is changed. On a host at rest there is nothing to show.`, comparing("there are differences", "")),
		Args: noArgs,
		RunE: d.compares(d.runDiff),
	}
}

func (d *deps) runDiff(ctx context.Context, _ []string) error {
	c, err := d.settled(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	list, err := c.Diff(ctx)
	if err != nil {
		return err
	}
	v := view{
		object: list,
		rows:   rowsOf(list.Items),
		text:   func(p page) error { return printChanges(p, list.Items) },
	}
	for _, change := range list.Items {
		v.names = append(v.names, change.File)
	}
	if err := d.print(v); err != nil {
		return err
	}
	if len(list.Items) > 0 {
		return errDiffers()
	}
	d.notef("no differences")
	return nil
}

func printChanges(p page, changes []api.FileChange) error {
	for _, c := range changes {
		p.printf("%s\n", p.paint(bold, "# "+c.Action+" "+c.File+": "+cellText(c.Reason)))
		p.printDiff(textOf{oldName(c), c.Old}, textOf{newName(c), c.New})
	}
	return nil
}

// textOf is a text with its name.
type textOf struct{ name, text string }

// printDiff prints a unified diff; nothing where both are the same.
func (p page) printDiff(before, after textOf) {
	text := diff.Diff(before.name, []byte(before.text), after.name, []byte(after.text))
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "diff ") {
			continue
		}
		p.printf("%s\n", p.paintDiff(strings.TrimSuffix(line, "\n")))
	}
}

// oldName and newName are the names that a patch program wants: /dev/null for a file that is not there.
func oldName(c api.FileChange) string {
	if c.Old == "" {
		return "/dev/null"
	}
	return c.File
}

func newName(c api.FileChange) string {
	if c.New == "" {
		return "/dev/null"
	}
	return c.File
}

func (p page) paintDiff(line string) string {
	switch {
	case strings.HasPrefix(line, "---"), strings.HasPrefix(line, "+++"):
		return p.paint(bold, line)
	case strings.HasPrefix(line, "@@"):
		return p.paint(cyan, line)
	case strings.HasPrefix(line, "-"):
		return p.paint(red, line)
	case strings.HasPrefix(line, "+"):
		return p.paint(green, line)
	default:
		return line
	}
}
