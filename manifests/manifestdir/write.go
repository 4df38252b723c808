package manifestdir

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"

	"github.com/daemonsetd/daemonsetd/internal/base/files"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// Write puts a manifest into the directory, unless the same bytes are there already. A file of ours under that name is
// replaced, whether it drifted or not: writing what Render gave once more is how an edit by hand is undone.
//
// It refuses with ErrForeignFile when the name is taken by a file that is not this DaemonSet's, with ErrForeignPod when
// a foreign file declares the same pod, and with ErrMissing when there is no directory. On any error the old file, if
// there was one, still has its old bytes, except that a failed last step (the sync of the directory) leaves the new
// ones in place: the next Write then makes up for the sync. What was prepared for the name (Prepare) is used up.
func (s *Store) Write(m render.Manifest) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return failed("write", s.path(m.FileName), s.write(m))
}

func (s *Store) write(m render.Manifest) error {
	old, err := s.check(m)
	if err != nil {
		return err
	}
	if old != nil && bytes.Equal(old.data, m.Data) {
		return s.sync()
	}
	if err := s.replace(m.FileName, m.Data); err != nil {
		return err
	}
	s.log.Debug().Str(logfield.File, s.path(m.FileName)).Str(logfield.DaemonSet, m.Namespace+"/"+m.DaemonSet).
		Str(logfield.Revision, m.Revision).Msg("wrote a manifest")
	return s.sync()
}

// check says whether a manifest may be written, and gives the file of ours that it would replace; nil: there is none.
func (s *Store) check(m render.Manifest) (*ownFile, error) {
	if err := checkManifest(m); err != nil {
		return nil, err
	}
	if err := s.checkPod(m); err != nil {
		return nil, err
	}
	old, err := s.own(m.FileName)
	if err != nil {
		return nil, err
	}
	if old != nil && old.header.Key() != m.Namespace+"/"+m.DaemonSet {
		return nil, fmt.Errorf("%w: it is the manifest of DaemonSet %s, whose names give the same file name", ErrForeignFile,
			old.header.Key())
	}
	return old, nil
}

// checkManifest lets nothing pass but what Render gave: a file that the kubelet cannot read stops the pod.
func checkManifest(m render.Manifest) error {
	h, err := render.Inspect(m.FileName, m.Data)
	if err != nil {
		return err
	}
	want := render.Header{
		Namespace: m.Namespace, DaemonSet: m.DaemonSet, Revision: m.Revision, FileName: m.FileName, PodName: m.PodName,
		Source: m.Source, GracePeriodSeconds: m.GracePeriodSeconds, Pull: m.Pull, Intact: true,
	}
	if h != want {
		return fmt.Errorf("the manifest is not as it was rendered: got %+v, want %+v", h, want)
	}
	return nil
}

// checkPod looks for a foreign file with the same pod.
func (s *Store) checkPod(m render.Manifest) error {
	l, err := s.scan()
	if err != nil {
		return err
	}
	for _, f := range l.Foreign {
		if f.Namespace == m.Namespace && f.Name == m.PodName {
			return fmt.Errorf("%w: %q has %s/%s", ErrForeignPod, s.path(f.FileName), f.Namespace, f.Name)
		}
	}
	return nil
}

// ownFile is a file of ours as it is at this moment.
type ownFile struct {
	header render.Header
	data   []byte
}

// own reads a file that must be ours, without the cache; nil when there is none.
func (s *Store) own(name string) (*ownFile, error) {
	info, err := s.sys.lstat(s.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %w", ErrForeignFile, &files.IrregularError{Path: s.path(name), Mode: info.Mode()})
	}
	data, _, err := s.sys.read(s.path(name), readLimit)
	if err != nil {
		return nil, err
	}
	h, err := render.Inspect(name, data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForeignFile, err)
	}
	return &ownFile{header: h, data: data}, nil
}

// replace brings the bytes under the name in one step: those that were prepared, or else a new temporary file.
func (s *Store) replace(name string, data []byte) error {
	done, err := s.publish(name, data)
	if err != nil {
		return err
	}
	if !done {
		if err := s.writeThrough(name, data); err != nil {
			return err
		}
	}
	s.unsynced = true
	s.remember(name)
	return nil
}

func (s *Store) writeThrough(name string, data []byte) error {
	temp, err := s.writeTemp(data)
	if err != nil {
		return err
	}
	if err := s.sys.rename(s.path(temp), s.path(name)); err != nil {
		// What cannot be removed now is removed by a later scan.
		return withoutPath(errors.Join(err, ignoreMissing(s.sys.remove(s.path(temp)))))
	}
	return nil
}

func fill(f tempFile, data []byte) error {
	_, err := f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// sync brings the directory to the disk when that is due.
func (s *Store) sync() error {
	if !s.unsynced {
		return nil
	}
	if err := s.sys.syncDir(s.dir); err != nil {
		return err
	}
	s.unsynced = false
	return nil
}

// remember keeps Watch from waking anyone for what we did ourselves.
func (s *Store) remember(name string) {
	delete(s.cache, name)
	delete(s.told, name)
	if id, err := s.identity(name); err == nil {
		s.told[name] = id
	}
}

func isOurName(name string) bool { return render.IsFileName(name) || render.IsPullFileName(name) }

// Remove takes a manifest out of the directory, if the file bears our mark at this moment; else the error is
// ErrForeignFile. A file that is not there, or no longer, is no error. The pod may run on for its grace period.
func (s *Store) Remove(fileName string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return failed("remove", s.path(fileName), s.remove(fileName))
}

func (s *Store) remove(name string) error {
	if !isOurName(name) {
		return fmt.Errorf("%w: it is not named as our files are", ErrForeignFile)
	}
	old, err := s.own(name)
	if err != nil {
		return err
	}
	if old == nil {
		return s.sync()
	}
	if err := ignoreMissing(s.sys.remove(s.path(name))); err != nil {
		return err
	}
	s.unsynced = true
	s.remember(name)
	s.log.Debug().Str(logfield.File, s.path(name)).Str(logfield.DaemonSet, old.header.Key()).
		Str(logfield.Revision, old.header.Revision).Msg("removed a manifest")
	return s.sync()
}

// Read gives the bytes of a file of ours as they are on disk. The error is fs.ErrNotExist when there is none,
// ErrForeignFile when it is not ours.
func (s *Store) Read(fileName string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !isOurName(fileName) {
		return nil, failed("read", s.path(fileName), fmt.Errorf("%w: it is not named as our files are", ErrForeignFile))
	}
	f, err := s.own(fileName)
	if err == nil && f == nil {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, failed("read", s.path(fileName), err)
	}
	return f.data, nil
}

// Ensure makes the directory, with its parents and mode 0755, if this Store has never seen it. A directory that was
// there and went away is not made again, since the kubelet would not notice the new one until it is started anew, and
// since what is missing may be a mount: that is ErrMissing. An existing directory is left as it is.
func (s *Store) Ensure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.list()
	if errors.Is(err, ErrMissing) && !s.existed {
		err = s.sys.mkdirAll(s.dir, dirMode)
		s.existed = err == nil
		if err == nil {
			s.log.Info().Str(logfield.Dir, s.dir).Msg("created the manifests directory")
		}
	}
	return failed("create", s.dir, err)
}
