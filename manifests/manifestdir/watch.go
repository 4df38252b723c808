package manifestdir

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
)

// rearmInterval is how often Watch looks whether the directory that it watches is still the one under the path, and
// tries again when there was none. A mount over the directory gives no event.
const rearmInterval = time.Second

var errReplaced = errors.New("the directory was replaced")

// Wake receives when the directory may have changed since the last Scan. It is no more than a hint to scan: several
// changes may give one, and one may come for nothing.
func (s *Store) Wake() <-chan struct{} { return s.wakeup }

func (s *Store) wake() {
	select {
	case s.wakeup <- struct{}{}:
	default:
	}
}

// Watch makes Wake receive, until the context ends. Dot names, changes of mode and what the Store did itself are passed
// over. A directory that is missing, removed or replaced is watched again when it is back.
func (s *Store) Watch(ctx context.Context) {
	var lost bool
	for ctx.Err() == nil {
		err := s.watchOnce(ctx, func() {
			if lost {
				s.log.Info().Str(logfield.Dir, s.dir).Msg("watching the manifests directory again")
			}
			lost = false
		})
		if ctx.Err() != nil {
			return
		}
		if !lost {
			s.log.Warn().Err(err).Str(logfield.Dir, s.dir).Msg("lost the watch on the manifests directory")
		}
		lost = true
		s.wake()
		pause(ctx, s.rearm)
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// watchOnce watches one incarnation of the directory; armed is called once events can no longer be missed.
func (s *Store) watchOnce(ctx context.Context, armed func()) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("open an inotify instance: %w: raise fs.inotify.max_user_instances", err)
	}
	defer w.Close()
	watched, err := s.dirInode()
	if err != nil {
		return err
	}
	if err := w.Add(s.dir); err != nil {
		return fmt.Errorf("watch %q: %w: raise fs.inotify.max_user_watches if there is no space for it", s.dir, err)
	}
	armed()
	s.wake()
	check := time.NewTicker(s.rearm)
	defer check.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-check.C:
			if now, err := s.dirInode(); err != nil || now != watched {
				return errors.Join(errReplaced, err)
			}
		case ev := <-w.Events:
			if filepath.Clean(ev.Name) == s.dir {
				return errReplaced
			}
			s.event(ev)
		case err := <-w.Errors:
			// Which events were lost cannot be known.
			s.log.Warn().Err(err).Str(logfield.Dir, s.dir).Msg("lost events of the manifests directory")
			s.wake()
		}
	}
}

func (s *Store) event(ev fsnotify.Event) {
	name := filepath.Base(ev.Name)
	if strings.HasPrefix(name, ".") || ev.Op == fsnotify.Chmod {
		return
	}
	if s.news(name) {
		s.wake()
	}
}

// news tells whether a file differs from what the last Scan reported or we wrote since.
func (s *Store) news(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, err := s.identity(name)
	known, ok := s.told[name]
	if err != nil || id.Mode.IsDir() {
		return ok
	}
	return !ok || id != known
}

// dirInode identifies the directory under the path.
func (s *Store) dirInode() ([2]uint64, error) {
	info, err := s.sys.stat(s.dir)
	if err != nil {
		return [2]uint64{}, err
	}
	id := identify(info)
	return [2]uint64{id.Dev, id.Ino}, nil
}
