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

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

// stdinName is what stands for the standard input in messages; stdinArg asks for it.
const (
	stdinName = "<stdin>"
	stdinArg  = "-"
)

// fileReader reads files and directories, each file once.
type fileReader struct {
	in   io.Reader
	seen map[string]bool
	out  []spec.DirFile
}

// readFiles reads files and directories, in the order given and each file once. Of a directory it reads the files that
// the agent would read, by its rules and sorted by name. The error is about what was asked for; a file that cannot be
// read is in the result with a problem.
func (d *deps) readFiles(args []string) ([]spec.DirFile, error) {
	r := fileReader{in: d.in, seen: map[string]bool{}}
	for _, arg := range args {
		if err := r.read(arg); err != nil {
			return nil, err
		}
	}
	if n := len(r.out); n > spec.MaxFiles {
		return nil, fmt.Errorf("there are %d spec files in %s; at most %d are read: put several objects into one file, "+
			"divided by ---", n, strings.Join(args, " "), spec.MaxFiles)
	}
	return r.out, nil
}

func (r *fileReader) read(arg string) error {
	info, err := os.Stat(arg)
	switch {
	case arg == stdinArg:
		if r.first(arg) {
			data, err := readLimited(r.in)
			r.add(stdinName, data, err)
		}
	case err == nil && info.IsDir():
		files, err := spec.ReadDir(arg)
		if err != nil {
			return fmt.Errorf("reading the directory: %w", err)
		}
		if !slices.ContainsFunc(files, func(f spec.DirFile) bool { return !f.PassedOver }) {
			passed := ""
			if len(files) > 0 {
				passed = fmt.Sprintf("%s: %s; ", files[0].Path, files[0].Problem.Message)
			}
			return &exitError{
				code: exitFailed, err: fmt.Errorf("there is no spec file in %q", arg),
				hint: passed + "spec files end with .yaml, .yml or .json and do not begin with a dot; directories below it are " +
					"not read",
			}
		}
		for _, f := range files {
			if r.first(f.Path) {
				r.out = append(r.out, f)
			}
		}
	case r.first(arg):
		data, err := readPath(arg)
		r.add(arg, data, err)
	}
	return nil
}

func (r *fileReader) first(path string) bool {
	path = filepath.Clean(path)
	seen := r.seen[path]
	r.seen[path] = true
	return !seen
}

func (r *fileReader) add(path string, data []byte, err error) {
	f := spec.DirFile{Path: path, Data: data}
	if err != nil {
		if pe, ok := errors.AsType[*fs.PathError](err); ok {
			err = pe.Err
		}
		f.Problem = &diag.Problem{Severity: diag.Error, File: path, Message: fmt.Sprintf("cannot be read: %v", err)}
	}
	r.out = append(r.out, f)
}

// readable leaves out what is no file, and fails on the first file that cannot be read.
func readable(files []spec.DirFile) ([]spec.DirFile, error) {
	var out []spec.DirFile
	for _, f := range files {
		switch {
		case f.Problem == nil:
			out = append(out, f)
		case f.Problem.Severity == diag.Error:
			return nil, &exitError{code: exitFailed, err: fmt.Errorf("%s: %s", f.Path, f.Problem.Message), hint: f.Problem.Hint}
		}
	}
	return out, nil
}

// readPath reads whatever the path leads to, which may be a pipe of the shell.
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

// specFiles is what was read of the command line's files.
type specFiles struct {
	// files are in the order of the command line.
	files []spec.ParsedFile
	// objects is what the good ones declare.
	objects spec.Objects
	// passedOver are those of files that look like spec files and are none.
	passedOver map[string]bool
}

// loadSpecs reads and parses spec files, and holds them against each other.
func (d *deps) loadSpecs(args []string) (specFiles, error) {
	raw, err := d.readFiles(args)
	if err != nil {
		return specFiles{}, err
	}
	parsed := make([]spec.ParsedFile, len(raw))
	passedOver := map[string]bool{}
	for i, f := range raw {
		passedOver[f.Path] = f.PassedOver
		parsed[i].Path = f.Path
		if f.Problem != nil {
			parsed[i].Problems = diag.List{*f.Problem}
		} else {
			parsed[i].Parsed = spec.Parse(f.Path, f.Data)
		}
	}
	files, objects := spec.Combine(parsed)
	return specFiles{files, objects, passedOver}, nil
}

func bad(f spec.ParsedFile) bool { return f.Problems.HasErrors() }

// daemonSets are those of the good files, in the order of the files, and how many files are bad.
func (s specFiles) daemonSets() (sets []*spec.DaemonSet, nBad int) {
	for _, f := range s.files {
		if bad(f) {
			nBad++
		}
		sets = append(sets, f.DaemonSets...)
	}
	return sets, nBad
}

// complain prints the errors of bad files to err, in full, for verbs whose data is something else.
func (d *deps) complain(s specFiles) error {
	for _, f := range s.files {
		if err := diag.Render(d.err, f.Problems.Errors(), diag.RenderOptions{}); err != nil {
			return err
		}
	}
	return nil
}
