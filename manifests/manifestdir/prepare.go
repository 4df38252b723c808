package manifestdir

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/daemonsetd/daemonsetd/internal/base/atomicfile"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// prepared is a manifest whose bytes are on the disk of the directory, under a temporary name that the kubelet passes
// over.
type prepared struct {
	// temp is the base name of the temporary file.
	temp string
	// key is the DaemonSet's namespace/name.
	key  string
	data []byte
}

// Prepare brings the bytes of a manifest on the disk of the directory, where the kubelet does not see them yet. The
// Write of the same bytes is then a rename, which needs no space: whoever takes an old manifest away to have this one
// follow prepares it first, so that a full or read-only disk is found out while the old pod still runs.
//
// It refuses what Write refuses, and changes nothing that the kubelet sees. What was prepared stays until it is
// written, prepared anew with other bytes, or released.
func (s *Store) Prepare(m render.Manifest) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return failed("write", s.path(m.FileName), s.prepare(m))
}

func (s *Store) prepare(m render.Manifest) error {
	if s.isPrepared(m.FileName, m.Data) {
		return s.sync()
	}
	if _, err := s.check(m); err != nil {
		return err
	}
	key := m.Namespace + "/" + m.DaemonSet
	temp, err := s.writeTemp(m.Data)
	if noSpace(err) && s.releaseOf(key) {
		// What was prepared before is not wanted any more, and may have been what filled the disk.
		temp, err = s.writeTemp(m.Data)
	}
	if err != nil {
		return err
	}
	s.release(m.FileName)
	s.prepared[m.FileName] = prepared{temp: temp, key: key, data: m.Data}
	s.unsynced = true
	return s.sync()
}

func noSpace(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// isPrepared says whether the bytes stand ready under a temporary name, which somebody else may have removed.
func (s *Store) isPrepared(fileName string, data []byte) bool {
	p, ok := s.prepared[fileName]
	if !ok || !bytes.Equal(p.data, data) {
		return false
	}
	info, err := s.sys.lstat(s.path(p.temp))
	return err == nil && info.Mode().IsRegular() && info.Size() == int64(len(data))
}

// Release removes what was prepared and is not wanted any more. What cannot be removed is left to the next Scan.
func (s *Store) Release(wanted func(fileName string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.prepared {
		if !wanted(name) {
			s.release(name)
		}
	}
}

// releaseOf releases what was prepared for one DaemonSet, and says whether there was something.
func (s *Store) releaseOf(key string) bool {
	released := false
	for name, p := range s.prepared {
		if p.key == key {
			s.release(name)
			released = true
		}
	}
	return released
}

func (s *Store) release(fileName string) {
	p, ok := s.prepared[fileName]
	if !ok {
		return
	}
	delete(s.prepared, fileName)
	if err := ignoreMissing(s.sys.remove(s.path(p.temp))); err != nil {
		s.log.Debug().Err(err).Str(logfield.File, s.path(p.temp)).Msg("a prepared manifest cannot be removed yet")
	}
}

// Recover takes over what another process had prepared when it ended, perhaps between the removal of an old manifest
// and the write of its successor. It belongs before the first Scan, which removes temporary files that nobody owns. A
// file that was not written to its end, or is not as it was rendered, is left to that Scan. A directory that is missing
// is no error.
func (s *Store) Recover() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	names, err := s.sys.names(s.dir, MaxFiles)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return failed("scan", s.dir, err)
	}
	for _, name := range names {
		if !atomicfile.IsTemp(name) {
			continue
		}
		data, _, err := s.sys.read(s.path(name), readLimit)
		if err != nil {
			continue
		}
		if h, ok := render.InspectUnnamed(data); ok {
			s.release(h.FileName)
			s.prepared[h.FileName] = prepared{temp: name, key: h.Key(), data: data}
		}
	}
	return nil
}

// owned says whether a temporary file is one that was prepared.
func (s *Store) owned(temp string) bool {
	for _, p := range s.prepared {
		if p.temp == temp {
			return true
		}
	}
	return false
}

// publish renames what was prepared to its name; false: it was not prepared, or is gone.
func (s *Store) publish(name string, data []byte) (bool, error) {
	p, ok := s.prepared[name]
	if !ok || !bytes.Equal(p.data, data) {
		return false, nil
	}
	err := s.sys.rename(s.path(p.temp), s.path(name))
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		delete(s.prepared, name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, withoutPath(err)
}

// writeTemp makes a temporary file with the bytes, synced, and gives its base name. Where it fails there is none.
func (s *Store) writeTemp(data []byte) (string, error) {
	f, err := s.sys.createTemp(s.dir)
	if err != nil {
		return "", withoutPath(err)
	}
	temp := f.Name()
	if err := fill(f, data); err != nil {
		// What cannot be removed now is removed by a later scan.
		return "", withoutPath(errors.Join(err, ignoreMissing(s.sys.remove(temp))))
	}
	return filepath.Base(temp), nil
}

// withoutPath takes the temporary file's name, which is another one with every try, out of an error.
func withoutPath(err error) error {
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.Err
	}
	return files.Cause(err)
}
