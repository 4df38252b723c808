package manifestdir

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/daemonsetd/daemonsetd/internal/base/atomicfile"
	"github.com/daemonsetd/daemonsetd/internal/base/dirlock"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// identity tells one state of a file from another without reading it.
type identity struct {
	files.ID
	throughSymlink bool
}

func identify(info fs.FileInfo) identity { return identity{ID: files.IDOf(info)} }

// cached is what is known of one file: header when it is ours, foreign when it is not.
type cached struct {
	id      identity
	settled bool
	header  *render.Header
	foreign *ForeignPod
	problem string
}

// errNothing is the outcome for a name that the kubelet passes over: a directory, or a file that went away meanwhile.
var errNothing = errors.New("nothing to look at")

// Scan lists the directory. A file whose identity (device, inode, size, times) has not changed since the last time is
// not read again. Temporary files that a crash left behind are removed. The error is ErrMissing when the directory does
// not exist; it says nothing of what the kubelet runs, which keeps or stops its pods by rules of its own.
func (s *Store) Scan() (Listing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, err := s.scan()
	if err != nil {
		return Listing{}, failed("scan", s.dir, err)
	}
	s.told = make(map[string]identity, len(s.cache))
	for name, c := range s.cache {
		s.told[name] = c.id
	}
	return l, nil
}

func (s *Store) scan() (Listing, error) {
	names, err := s.list()
	if err != nil {
		return Listing{}, err
	}
	if err := s.relock(); err != nil && !errors.Is(err, dirlock.ErrUnsupported) {
		return Listing{}, err
	}
	var l Listing
	fresh := make(map[string]cached, len(names))
	for _, name := range names {
		if strings.HasPrefix(name, ".") {
			l.Problems = append(l.Problems, s.sweep(name)...)
			continue
		}
		c, err := s.look(name)
		if errors.Is(err, errNothing) {
			continue
		}
		fresh[name] = c
		l.add(name, c)
	}
	s.cache = fresh
	l.markConflicts()
	return l, nil
}

func (s *Store) list() ([]string, error) {
	names, err := s.sys.names(s.dir, MaxFiles)
	if _, ok := errors.AsType[*files.TooManyError](err); ok {
		return nil, fmt.Errorf("more than %d entries: is this the kubelet's staticPodPath?", MaxFiles)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, ErrMissing
	case err != nil:
		return nil, err
	}
	s.existed = true
	return names, nil
}

// sweep removes a temporary file of ours that was not prepared. Whoever could be writing it holds the lock that we
// hold.
func (s *Store) sweep(name string) []Problem {
	if !atomicfile.IsTemp(name) || s.owned(name) {
		return nil
	}
	info, err := s.sys.lstat(s.path(name))
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	if err := s.sys.remove(s.path(name)); err != nil {
		return []Problem{{FileName: name, Message: fmt.Sprintf("was left by a crash and cannot be removed: %v", err)}}
	}
	s.log.Info().Str(logfield.File, s.path(name)).Msg("removed a temporary file left by a crash")
	return nil
}

func (l *Listing) add(name string, c cached) {
	switch {
	case c.header != nil && c.header.Pull:
		l.Pulls = append(l.Pulls, Entry{Header: *c.header})
	case c.header != nil:
		l.Ours = append(l.Ours, Entry{Header: *c.header})
	}
	if c.foreign != nil {
		l.Foreign = append(l.Foreign, *c.foreign)
	}
	if c.problem != "" {
		l.Problems = append(l.Problems, Problem{FileName: name, Message: c.problem})
	}
}

// markConflicts finds files that the kubelet would take for the same pod as one of ours, a copy kept as a backup for
// one.
func (l *Listing) markConflicts() {
	ours := make(map[[2]string]string, len(l.Ours))
	for _, e := range l.Ours {
		ours[[2]string{e.Namespace, e.PodName}] = e.FileName
	}
	for _, f := range l.Foreign {
		if own, ok := ours[[2]string{f.Namespace, f.Name}]; ok {
			l.Problems = append(l.Problems, Problem{
				FileName: f.FileName,
				Message: fmt.Sprintf("declares the pod %s/%s, as %q does: the kubelet runs now one and now the other", f.Namespace,
					f.Name, own),
			})
		}
	}
	slices.SortStableFunc(l.Problems, func(a, b Problem) int { return strings.Compare(a.FileName, b.FileName) })
}

// look finds out what one file is, from the cache where its identity allows.
func (s *Store) look(name string) (cached, error) {
	id, err := s.identity(name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && id.Mode.IsDir() {
		return cached{}, errNothing
	}
	if err != nil {
		return unreadable(name, id, err), nil
	}
	if c, ok := s.cache[name]; ok && c.settled && c.id == id {
		return c, nil
	}
	if !id.Mode.IsRegular() {
		return special(name, id), nil
	}
	data, after, err := s.sys.read(s.path(name), readLimit)
	if errors.Is(err, fs.ErrNotExist) {
		return cached{}, errNothing
	}
	if err != nil {
		return unreadable(name, id, err), nil
	}
	c := classify(name, identity{after, id.throughSymlink}, data)
	c.settled = time.Since(time.Unix(0, after.Ctime)) > s.racy
	return c, nil
}

// identity looks through a symbolic link, as the kubelet does.
func (s *Store) identity(name string) (identity, error) {
	info, err := s.sys.lstat(s.path(name))
	if err != nil {
		return identity{}, err
	}
	if info.Mode().Type() != fs.ModeSymlink {
		return identify(info), nil
	}
	target, err := s.sys.stat(s.path(name))
	if err != nil {
		id := identify(info)
		return id, errors.New("symbolic link to nothing: " + files.Cause(err).Error())
	}
	id := identify(target)
	id.throughSymlink = true
	return id, nil
}

func unreadable(name string, id identity, err error) cached {
	reason := "cannot be read: " + files.Cause(err).Error()
	return cached{id: id, foreign: &ForeignPod{FileName: name, Reason: reason}, problem: reason}
}

func special(name string, id identity) cached {
	c := cached{id: id, settled: true, foreign: &ForeignPod{FileName: name, Reason: "is not a regular file"}}
	if id.Mode.Type() == fs.ModeNamedPipe {
		c.problem = "is a named pipe, which can block the kubelet for good: remove it"
	}
	return c
}

// classify tells ours from others by the bytes. A symbolic link is never ours: we write none.
func classify(name string, id identity, data []byte) cached {
	c := cached{id: id}
	h, err := render.Inspect(name, data)
	if err == nil && id.throughSymlink {
		c.foreign = &ForeignPod{
			FileName: name, Namespace: h.Namespace, Name: h.PodName, DaemonSet: h.Key(), Reason: "is a symbolic link",
		}
		return c
	}
	if err == nil {
		c.header = &h
		if id.Mode.Perm()&0o077 != 0 {
			c.problem = fmt.Sprintf("has mode %04o and may be read by others, secrets in it too: chmod 0600", id.Mode.Perm())
		}
		return c
	}
	c.foreign = &ForeignPod{FileName: name, Reason: err.Error()}
	if f, ok := errors.AsType[*render.ForeignError](err); ok {
		c.foreign = &ForeignPod{
			FileName: name, Namespace: f.PodNamespace, Name: f.PodName, DaemonSet: f.DaemonSet, Reason: f.Reason,
		}
		if f.NoPod != nil {
			c.problem = "gives the kubelet no pod: " + f.NoPod.Error()
		}
	}
	return c
}
