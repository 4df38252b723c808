package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
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
kubelet checks static pods. Every problem of every file is shown with its place. ConfigMaps, Secrets and keys that a
DaemonSet needs and none of the files has are warnings. Of a directory, the files are checked that the agent would
read; - is the standard input. No agent is needed.`,
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
		text:   func(p page) error { return printValidation(p, files) },
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
		if more := missing[files[i].Path]; len(more) > 0 {
			files[i].Problems = slices.Concat(files[i].Problems, more)
			files[i].Problems.Sort()
		}
	}
	return files
}

func printValidation(p page, files []spec.ParsedFile) error {
	var all diag.List
	var objects, nBad int
	for _, f := range files {
		all = append(all, f.Problems...)
		objects += countObjects(f.Objects)
		if bad(f) {
			nBad++
		}
	}
	if err := diag.Render(p, all, diag.RenderOptions{Color: p.color}); err != nil {
		return err
	}
	if len(all) > 0 {
		p.printf("\n")
	}
	p.printf("%s\n", summary(len(files), nBad, objects, all))
	return nil
}

// summary is one line: "3 files, 1 of them bad: 2 errors, 1 warning".
func summary(files, bad, objects int, all diag.List) string {
	text := count(files, "file")
	if bad > 0 {
		text += fmt.Sprintf(", %d of them bad: %s", bad, count(all.Count(diag.Error), "error"))
	} else {
		text += fmt.Sprintf(", all good: %s", count(objects, "object"))
	}
	if n := all.Count(diag.Warning); n > 0 {
		text += ", " + count(n, "warning")
	}
	return text
}

func countObjects(o spec.Objects) int {
	return len(o.DaemonSets) + len(o.ConfigMaps) + len(o.Secrets) + len(o.Services)
}

func completeSpecFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"yaml", "yml", "json"}, cobra.ShellCompDirectiveFilterFileExt
}
