package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
	"github.com/daemonsetd/daemonsetd/manifests/strategy"
)

// validation is the result of validate.
type validation struct {
	SchemaVersion int             `json:"schemaVersion"`
	Valid         bool            `json:"valid"`
	Files         []validatedFile `json:"files"`
}

type validatedFile struct {
	File     string        `json:"file"`
	Problems []api.Problem `json:"problems"`
}

// schemaVersion is the version of results that are no daemonsetd.io/v1 objects.
const schemaVersion = 1

func newValidateCommand(d *deps) *cobra.Command {
	return &cobra.Command{
		Use:   "validate FILE|DIR...",
		Short: "Check spec files as the agent and the kubelet would",
		Long: long(`Check spec files: strictly decoded, defaulted and validated by the Kubernetes code, then checked as the
kubelet checks static pods. Every error of every file is shown with its place, then the warnings, each object once for a
file; of what has no effect there is one line a file. -o wide and -o json have everything. ConfigMaps, Secrets and keys
that a DaemonSet needs and none of the files has are warnings. Of a directory, the files are checked that the agent
would read; - is the standard input. No agent is needed.`,
			offline("a file has an error")),
		Example: example("dsctl validate /etc/daemonsetd/specs.d",
			"dsctl validate -o json web.yaml", "helm template . | dsctl validate -"),
		Args:              atLeastOne("a FILE or a DIR"),
		ValidArgsFunction: completeSpecFiles,
		RunE:              d.verb(d.runValidate),
	}
}

func (d *deps) runValidate(_ context.Context, args []string) error {
	loaded, err := d.loadSpecs(args)
	if err != nil {
		return err
	}
	files := withUnresolved(loaded)
	result := validation{SchemaVersion: schemaVersion, Valid: true, Files: []validatedFile{}}
	var names []string
	for _, f := range files {
		problems := api.Problems(f.Problems)
		for i := range problems {
			// The file is named once, around its problems.
			problems[i].File = ""
		}
		result.Files = append(result.Files, validatedFile{f.Path, problems})
		result.Valid = result.Valid && !bad(f)
		names = append(names, f.Path)
	}
	err = d.print(view{
		object: result,
		rows:   rowsOf(result.Files),
		names:  names,
		text:   func(p page) error { return printValidation(p, files, loaded.passedOver) },
	})
	if err == nil && !result.Valid {
		return errDiffers()
	}
	return err
}

// withUnresolved adds to each file what its DaemonSets refer to and no file has. They are warnings: the rest may stand
// in files that were not given.
func withUnresolved(s specFiles) []spec.ParsedFile {
	missing := map[string]diag.List{}
	for _, p := range spec.Unresolved(s.objects) {
		missing[p.File] = append(missing[p.File], p)
	}
	files := slices.Clone(s.files)
	for i := range files {
		if more := append(missing[files[i].Path], canaryHints(files[i])...); len(more) > 0 {
			files[i].Problems = slices.Concat(files[i].Problems, more)
			files[i].Problems.Sort()
		}
	}
	return files
}

// canaryHints says of each DaemonSet with canaries whom the others wait for: which members there are is not known here.
func canaryHints(f spec.ParsedFile) diag.List {
	var out diag.List
	for _, ds := range f.Objects.DaemonSets {
		if st, _ := strategy.Parse(ds.Object); st.Canary == nil || st.OnDelete {
			continue
		}
		out = append(out, diag.Problem{
			Severity: diag.Info, File: f.Path, Line: ds.Source.Line, Column: ds.Source.Column,
			Message: fmt.Sprintf("DaemonSet %q: hosts wait only for canaries that the members file lists or that they have "+
				"known for a day", ds.Key()),
			Hint: "list the canaries in the members file, or on new hosts: dsctl trust NODE",
		})
	}
	return out
}

// printValidation shows errors first, and of what has no effect one line a file. The wide form has everything as it was
// found.
func printValidation(p page, files []spec.ParsedFile, passedOver map[string]bool) error {
	var all diag.List
	var ignored []string
	sum := validationSum{}
	for _, f := range files {
		if !passedOver[f.Path] {
			sum.files++
		}
		problems := f.Problems
		if !p.wide {
			rest, line, n := withoutEffect(problems)
			if problems = rest; n > 0 {
				ignored = append(ignored, f.Path+": "+line)
			}
			sum.ignored += n
		}
		all = append(all, problems...)
		sum.objects += countObjects(f.Objects)
		if bad(f) {
			sum.bad++
		}
	}
	if !p.wide {
		all = tidyList(all)
	}
	if err := diag.Render(p, all, diag.RenderOptions{Color: p.color}); err != nil {
		return err
	}
	if len(all) > 0 {
		p.printf("\n")
	}
	for _, line := range ignored {
		p.printf("%s: %s\n", p.paint(cyan, api.SeverityInfo), cellText(line))
	}
	sum.errors, sum.warnings = all.Count(diag.Error), all.Count(diag.Warning)
	p.printf("%s\n", sum)
	return nil
}

// validationSum is what the last line of validate counts.
type validationSum struct{ files, bad, objects, ignored, errors, warnings int }

// String is one line: "3 files, 1 of them bad: 2 errors, 1 warning". All is good only where there is nothing to say.
func (s validationSum) String() string {
	text := count(s.files, "file")
	switch {
	case s.bad > 0:
		text += fmt.Sprintf(", %d of them bad: %s", s.bad, count(s.errors, "error"))
	case s.objects == 0:
		text += ", no errors, and nothing that the agent uses"
	case s.warnings > 0:
		text += ", no errors: " + count(s.objects, "object")
	default:
		text += ", all good: " + count(s.objects, "object")
	}
	if s.warnings > 0 {
		text += ", " + count(s.warnings, "warning")
	}
	if s.ignored > 0 {
		text += fmt.Sprintf(", %d without effect", s.ignored)
	}
	return text
}

func countObjects(o spec.Objects) int {
	return len(o.DaemonSets) + len(o.ConfigMaps) + len(o.Secrets) + len(o.Services) + len(o.PriorityClasses)
}

func completeSpecFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"yaml", "yml", "json"}, cobra.ShellCompDirectiveFilterFileExt
}
