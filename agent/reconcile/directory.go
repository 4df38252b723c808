package reconcile

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/health"
	"github.com/daemonsetd/daemonsetd/internal/base/atomicfile"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
	"github.com/daemonsetd/daemonsetd/manifests/manifestdir"
)

const (
	// maxFormer is how many directories are remembered that were used before, maxDirectoryBytes bounds the file of it.
	maxFormer         = 8
	maxDirectoryBytes = 64 << 10
)

// Directory is what is remembered, on disk, of the kubelet's directory of static pods: what the kubelet says of it
// (/configz) is not known before the kubelet answers, and wins over what its configuration file says.
type Directory struct {
	// Version is 1.
	Version int `json:"version"`
	// Configured is what the file said when the kubelet said that it reads Reads. As long as it says the same, Reads is
	// where to begin.
	Configured string `json:"configured,omitempty"`
	Reads      string `json:"reads,omitempty"`
	// Former are directories that were used before, the latest first.
	Former []string `json:"former,omitempty"`
}

// LoadDirectory reads it. A file that is missing says nothing, and one that cannot be used is set aside and is the
// error: all that is lost is where to begin until the kubelet answers, and which directories were used before.
func LoadDirectory(stateDir string) (Directory, error) {
	var d Directory
	data, err := files.Load(directoryFile(stateDir), maxDirectoryBytes, time.Now(), func(data []byte) error {
		if err := json.Unmarshal(data, &d); err != nil {
			return err
		}
		if d.Version != 1 {
			return fmt.Errorf("version %d: this agent reads version 1", d.Version)
		}
		return nil
	})
	if data == nil {
		d = Directory{Version: 1}
	}
	return d, err
}

// Begin is the directory to begin with where the kubelet's file says configured.
func (d *Directory) Begin(configured string) string {
	if d.Reads != "" && d.Configured == configured {
		return d.Reads
	}
	return configured
}

func directoryFile(stateDir string) string { return filepath.Join(stateDir, "kubelet-directory.json") }

// leave remembers that a directory is left for another.
func (d *Directory) leave(dir, next, configured string) {
	former := slices.DeleteFunc(slices.Clone(d.Former), func(f string) bool { return f == dir || f == next })
	former = append([]string{dir}, former...)
	d.Configured, d.Reads, d.Former = configured, next, former[:min(len(former), maxFormer)]
}

func (d *Directory) save(stateDir string) error {
	data, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("encoding the kubelet's directory: %w", err)
	}
	if err := atomicfile.WriteFile(directoryFile(stateDir), data, 0o600); err != nil {
		return fmt.Errorf("saving the kubelet's directory: %w", err)
	}
	return nil
}

// sameDir says whether two paths lead to one directory.
func sameDir(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	first, err := filepath.EvalSymlinks(a)
	second, errSecond := filepath.EvalSymlinks(b)
	return err == nil && errSecond == nil && first == second
}

// follow goes over to the directory that the kubelet says it reads, unless the configuration of the agent names one.
// What stands in the one before is left as it is: no kubelet reads it, and somebody may want to see it.
func (r *Reconciler) follow() {
	set := r.cfg.Kubelet.Settings()
	reads, known := r.cfg.Kubelet.Latest().StaticPodPath(set)
	if !known || reads == "" || !r.cfg.KubeletsDir || r.cfg.Move == nil || sameDir(reads, r.cfg.Store.Dir()) {
		return
	}
	store, err := r.cfg.Move(reads)
	if err != nil {
		r.cfg.Log.Error().Err(err).Str(logfield.Dir, reads).Msg("cannot go over to the directory that the kubelet reads")
		return
	}
	r.directory.leave(r.cfg.Store.Dir(), reads, set.StaticPodPath)
	if err := r.directory.save(r.cfg.StateDir); err != nil {
		r.cfg.Log.Error().Err(err).Msg("the kubelet's directory is known only until the next start")
	}
	r.cfg.Store, r.former = store, nil
}

// checkDirectories tells where the kubelet reads another directory than its file, or this agent's, says, and of our
// manifests that stand where nobody reads them.
func (r *Reconciler) checkDirectories(s *Snapshot) {
	dir, text := r.cfg.Store.Dir(), ""
	file := r.cfg.Kubelet.Settings()
	reads, known := s.Kubelet.StaticPodPath(file)
	switch {
	case !known:
	case reads == "":
		text = "the kubelet reads no static pods from a directory, whatever stands in " + dir
	case !sameDir(reads, dir) && !r.cfg.KubeletsDir:
		text = fmt.Sprintf("the kubelet reads %s, and manifestsDir of this agent is %s", reads, dir)
	case !sameDir(reads, dir):
		text = fmt.Sprintf("the kubelet reads %s, and this agent writes %s", reads, dir)
	case r.cfg.KubeletsDir && !sameDir(file.StaticPodPath, reads):
		text = fmt.Sprintf("the kubelet reads %s, where manifests are written; its configuration %s says %s", reads,
			file.ConfigFile, file.StaticPodPath)
	}
	r.cfg.Board.When(text != "", health.KubeletDirectory, text)
	left := r.leftBehind(file.StaticPodPath)
	r.cfg.Board.When(len(left) > 0, health.ManifestsLeftBehind, fmt.Sprintf(
		"the kubelet does not read %s of this agent: %s", count(len(left), "manifest"), strings.Join(left, ", ")))
}

// maxLeft is how many manifests that were left behind are named.
const maxLeft = 20

// leftBehind are our manifests in directories that were used before, or that the kubelet's file names.
func (r *Reconciler) leftBehind(configured string) []string {
	var left []string
	dirs := r.directory.Former
	if r.cfg.KubeletsDir && configured != "" && !slices.Contains(dirs, configured) {
		dirs = append(slices.Clone(dirs), configured)
	}
	for _, dir := range dirs {
		if sameDir(dir, r.cfg.Store.Dir()) {
			continue
		}
		store := r.former[dir]
		if store == nil {
			var err error
			if store, err = manifestdir.New(manifestdir.Config{Dir: dir, Logger: r.cfg.Log}); err != nil {
				continue
			}
			if r.former == nil {
				r.former = map[string]*manifestdir.Store{}
			}
			r.former[dir] = store
		}
		list, err := store.Scan()
		if err != nil {
			continue // it is gone, and what stood there with it
		}
		for _, e := range slices.Concat(list.Ours, list.Pulls) {
			left = append(left, filepath.Join(dir, e.FileName))
		}
	}
	slices.Sort(left)
	return left[:min(len(left), maxLeft)]
}
