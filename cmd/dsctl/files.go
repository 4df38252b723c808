package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/daemonsetd/daemonsetd/manifests/diag"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

// stdinName is what stands for the standard input in messages; stdinArg asks for it.
const (
	stdinName = "<stdin>"
	stdinArg  = "-"
)

// rawFile is one file as it was read. Err is set when it could not be.
type rawFile struct {
	path string
	data []byte
	err  error
}

// specFile is one file as it was understood.
type specFile struct {
	path   string
	parsed spec.Parsed
}

func (f specFile) bad() bool { return f.parsed.Problems.HasErrors() }

// readFiles reads files and directories, in the order given and each file once. Of a directory it reads the files that
// the agent would read, sorted by name. The error is about what was asked for; a file that cannot be read is in the
// result.
func (d *deps) readFiles(args []string) ([]rawFile, error) {
	paths, err := expandPaths(args)
	if err != nil {
		return nil, err
	}
	var out []rawFile
	for _, p := range paths {
		if p == stdinArg {
			data, err := readLimited(d.in)
			out = append(out, rawFile{stdinName, data, err})
			continue
		}
		data, err := readPath(p)
		out = append(out, rawFile{p, data, err})
	}
	return out, nil
}

func expandPaths(args []string) ([]string, error) {
	var paths []string
	for _, arg := range args {
		info, err := os.Stat(arg)
		if arg == stdinArg || err != nil || !info.IsDir() {
			paths = append(paths, arg)
			continue
		}
		inside, err := specPaths(arg)
		if err != nil {
			return nil, err
		}
		paths = append(paths, inside...)
	}
	paths = unique(paths)
	if len(paths) > spec.MaxFiles {
		return nil, fmt.Errorf("there are %d files, at most %d are read", len(paths), spec.MaxFiles)
	}
	return paths, nil
}

// specPaths lists what the agent would read of a directory.
func specPaths(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the directory: %w", err)
	}
	var out []string
	for _, e := range entries {
		if isSpecName(e.Name()) && !e.IsDir() {
			out = append(out, filepath.Join(dir, e.Name()))
		}
	}
	return out, nil
}

// isSpecName is the rule of the agent's loader.
func isSpecName(name string) bool {
	ext := filepath.Ext(name)
	return !strings.HasPrefix(name, ".") && (ext == ".yaml" || ext == ".yml" || ext == ".json")
}

func unique(paths []string) []string {
	seen := make(map[string]bool, len(paths))
	return slices.DeleteFunc(paths, func(p string) bool {
		again := seen[filepath.Clean(p)]
		seen[filepath.Clean(p)] = true
		return again
	})
}

func readPath(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return readLimited(f)
}

// readLimited reads one byte more than a file may have, so that whoever parses it sees that it is too large.
func readLimited(r io.Reader) ([]byte, error) {
	return io.ReadAll(io.LimitReader(r, spec.MaxFileBytes+1))
}

// loadSpecs reads and parses spec files, and finds objects that stand in two of them.
func (d *deps) loadSpecs(args []string) ([]specFile, error) {
	raw, err := d.readFiles(args)
	if err != nil {
		return nil, err
	}
	out := make([]specFile, len(raw))
	for i, f := range raw {
		if f.err != nil {
			out[i] = specFile{f.path, spec.Parsed{Problems: diag.List{unreadable(f)}}}
			continue
		}
		out[i] = specFile{f.path, spec.Parse(f.path, f.data)}
	}
	markDuplicates(out)
	return out, nil
}

func unreadable(f rawFile) diag.Problem {
	err := f.err
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err
	}
	return diag.Problem{Severity: diag.Error, File: f.path, Message: fmt.Sprintf("cannot be read: %v", err)}
}

// markDuplicates makes a file bad that declares what an earlier one declares: the first by name stays, as for the agent.
func markDuplicates(files []specFile) {
	order := make([]*specFile, len(files))
	for i := range files {
		order[i] = &files[i]
	}
	slices.SortStableFunc(order, func(a, b *specFile) int { return strings.Compare(a.path, b.path) })
	taken := make(map[string]spec.Source)
	for _, f := range order {
		declared := declarations(f.parsed.Objects)
		var clashes diag.List
		for _, o := range declared {
			if first, ok := taken[o.key]; ok {
				clashes = append(clashes, clash(o, first))
			}
		}
		if len(clashes) > 0 {
			f.parsed.Problems = append(slices.Clone(f.parsed.Problems), clashes...)
			f.parsed.Problems.Sort()
			f.parsed.Objects = spec.Objects{}
			continue
		}
		for _, o := range declared {
			taken[o.key] = o.source
		}
	}
}

// declaration is an object's kind, namespace and name with where it stands.
type declaration struct {
	key    string
	source spec.Source
}

func declarations(o spec.Objects) []declaration {
	var out []declaration
	add := func(kind, namespace, name string, source spec.Source) {
		out = append(out, declaration{fmt.Sprintf("%s %q", kind, namespace+"/"+name), source})
	}
	for _, x := range o.DaemonSets {
		add("DaemonSet", x.Object.Namespace, x.Object.Name, x.Source)
	}
	for _, x := range o.ConfigMaps {
		add("ConfigMap", x.Object.Namespace, x.Object.Name, x.Source)
	}
	for _, x := range o.Secrets {
		add("Secret", x.Object.Namespace, x.Object.Name, x.Source)
	}
	for _, x := range o.Services {
		add("Service", x.Object.Namespace, x.Object.Name, x.Source)
	}
	return out
}

func clash(o declaration, first spec.Source) diag.Problem {
	return diag.Problem{
		Severity: diag.Error, File: o.source.File, Line: o.source.Line, Column: o.source.Column, Path: "metadata.name",
		Message: fmt.Sprintf("%s stands at %s:%d already", o.key, first.File, first.Line),
		Hint:    "remove one of the two",
	}
}

// daemonSets are those of the good files, in the order of the files, and how many files are bad.
func daemonSets(files []specFile) (sets []*spec.DaemonSet, bad int) {
	for _, f := range files {
		if f.bad() {
			bad++
		}
		sets = append(sets, f.parsed.DaemonSets...)
	}
	return sets, bad
}

// complain prints the errors of bad files to err, in full, for verbs whose data is something else.
func (d *deps) complain(files []specFile) error {
	for _, f := range files {
		if err := diag.Render(d.err, f.parsed.Problems.Errors(), diag.RenderOptions{}); err != nil {
			return err
		}
	}
	return nil
}
