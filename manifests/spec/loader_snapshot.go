package spec

import (
	"slices"
	"strings"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
)

// Undecided says whether it is unknown what the spec file at path last declared. That is so for a file that exists, or
// may exist, but of which this process has not read one usable version: it is bad, it is still being written, or it has
// only just vanished. The last good version that a former process kept is in effect then, but the manifests of that
// process may be newer. A file that is not known may exist until the directory has been listed for 250 ms since this
// process started; an empty directory of which there is no record does not count as listed.
//
// Therefore a manifest is neither removed, for want of its object, nor replaced by another revision while the file it
// was made from, or the file in its object's Source, is undecided. Placement applies all the same, and an object that
// has no manifest yet gets one.
func (s *Snapshot) Undecided(path string) bool {
	if _, found := s.undecided[path]; found {
		return true
	}
	_, known := slices.BinarySearchFunc(s.Files, path, func(f FileStatus, path string) int {
		return strings.Compare(f.File, path)
	})
	return s.unlisted && !known
}

func (s *Snapshot) undecide(path string) {
	if s.undecided == nil {
		s.undecided = map[string]struct{}{}
	}
	s.undecided[path] = struct{}{}
}

// equal compares objects by pointer.
func (s *Snapshot) equal(o *Snapshot) bool {
	return s.DirProblem == o.DirProblem && s.unlisted == o.unlisted && slices.Equal(s.PassedOver, o.PassedOver) &&
		slices.Equal(s.DaemonSets, o.DaemonSets) && slices.Equal(s.ConfigMaps, o.ConfigMaps) &&
		slices.Equal(s.Secrets, o.Secrets) && slices.Equal(s.Services, o.Services) &&
		slices.Equal(s.PriorityClasses, o.PriorityClasses) &&
		slices.EqualFunc(s.Files, o.Files, FileStatus.equal) && sameKeys(s.undecided, o.undecided)
}

func (f FileStatus) equal(o FileStatus) bool {
	return f.File == o.File && f.Digest == o.Digest && f.Bad == o.Bad && f.LastGood == o.LastGood &&
		f.Pending == o.Pending && f.Objects == o.Objects && slices.Equal(f.Problems, o.Problems)
}

func sameKeys(a, b map[string]struct{}) bool {
	for k := range a {
		if _, ok := b[k]; !ok {
			return false
		}
	}
	return len(a) == len(b)
}

// publish makes what is in effect now the current Snapshot, or keeps the one there is when nothing changed.
func (l *Loader) publish(dirProblem error, others diag.List) *Snapshot {
	next := l.resolve(dirProblem != nil)
	next.PassedOver = others
	next.unlisted = !l.surveyed
	if dirProblem != nil {
		next.DirProblem = dirProblem.Error()
	}
	if next.equal(l.snap) {
		return l.snap
	}
	l.report(l.snap, next)
	l.snap = next
	return next
}

// report logs what went from good to bad or back. It names places and counts, and the first error's message, which
// parsers keep free of secrets.
func (l *Loader) report(from, to *Snapshot) {
	switch {
	case to.DirProblem != "" && to.DirProblem != from.DirProblem:
		l.cfg.Logger.Warn().Str(logfield.Dir, l.cfg.Dir).Str(logfield.Error, to.DirProblem).
			Msg("specs directory cannot be used")
	case to.DirProblem == "" && from.DirProblem != "":
		l.cfg.Logger.Info().Str(logfield.Dir, l.cfg.Dir).Msg("specs directory can be used again")
	}
	before := make(map[string]FileStatus, len(from.Files))
	for _, f := range from.Files {
		before[f.File] = f
	}
	for _, p := range to.PassedOver {
		if !slices.Contains(from.PassedOver, p) {
			l.cfg.Logger.Info().Str(logfield.File, p.File).Str(logfield.Error, p.Message).Str(logfield.Hint, p.Hint).
				Msg("a file that looks like a spec file is passed over")
		}
	}
	for _, f := range to.Files {
		l.reportFile(before[f.File], f)
		delete(before, f.File)
	}
	for file, f := range before {
		l.cfg.Logger.Info().Str(logfield.File, file).Int(logfield.Count, f.Objects).Msg("spec file was removed")
	}
}

func (l *Loader) reportFile(from, to FileStatus) {
	switch {
	case to.Bad && (!from.Bad || !slices.Equal(from.Problems, to.Problems)):
		errs := to.Problems.Errors()
		l.cfg.Logger.Warn().Str(logfield.File, to.File).Int(logfield.Line, errs[0].Line).Int(logfield.Column, errs[0].Column).
			Int(logfield.Count, len(errs)).Str(logfield.Error, errs[0].Message).Str(logfield.Hint, errs[0].Hint).
			Msg("spec file cannot be used; what was in effect from it stays")
	case !to.Bad && from.Bad && !to.Pending:
		l.cfg.Logger.Info().Str(logfield.File, to.File).Msg("spec file can be used again")
	}
}
