package member

import (
	"encoding/hex"
	"path/filepath"
	"sync"

	"github.com/rs/zerolog"

	"github.com/daemonsetd/daemonsetd/agent/fleet"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

// digests are those of spec files as the others are told. Those of files with Secrets or ConfigMaps are slow to make
// (fleet.SlowDigest): a goroutine makes them, one after the other, and what was told before stays meanwhile.
type digests struct {
	mu   sync.Mutex
	made map[slowKey]fleet.Digest
	busy bool
}

// slowKey is the name of a file and the SHA-256 of its content.
type slowKey struct{ name, sum string }

// of are the spec files as other hosts are told of them; whole says that none of their digests is still being made.
func (d *digests) of(s *spec.Snapshot, cluster string, log zerolog.Logger) (files []fleet.SpecFile, whole bool) {
	guarded := guardedFiles(s)
	wanted := map[slowKey]bool{}
	files = make([]fleet.SpecFile, 0, len(s.Files))
	d.mu.Lock()
	defer d.mu.Unlock()
	whole = true
	for _, f := range s.Files {
		file := fleet.SpecFile{Name: filepath.Base(f.File), Bad: f.Bad}
		raw, err := hex.DecodeString(f.Digest)
		switch {
		case err != nil || len(raw) == 0:
		case guarded[f.File]:
			key := slowKey{file.Name, string(raw)}
			wanted[key] = true
			digest, known := d.made[key]
			file.Digest, whole = digest, whole && known
		default:
			copy(file.Digest[:], raw)
		}
		files = append(files, file)
	}
	kept := make(map[slowKey]fleet.Digest, len(wanted))
	var missing []slowKey
	for key := range wanted {
		if digest, known := d.made[key]; known {
			kept[key] = digest
		} else {
			missing = append(missing, key)
		}
	}
	d.made = kept
	if len(missing) > 0 && !d.busy {
		d.busy = true
		go d.make(missing, cluster, log)
	}
	return files, whole
}

// make makes those that are missing.
func (d *digests) make(missing []slowKey, cluster string, log zerolog.Logger) {
	for _, key := range missing {
		digest, err := fleet.SlowDigest(cluster, key.name, []byte(key.sum))
		if err != nil {
			log.Error().Err(err).Msg("the digest of a spec file cannot be made; other hosts cannot compare it")
		}
		d.mu.Lock()
		d.made[key] = digest
		d.mu.Unlock()
	}
	d.mu.Lock()
	d.busy = false
	d.mu.Unlock()
}

// guardedFiles are the files that declare a Secret or a ConfigMap.
func guardedFiles(s *spec.Snapshot) map[string]bool {
	out := map[string]bool{}
	for _, x := range s.Secrets {
		out[x.Source.File] = true
	}
	for _, x := range s.ConfigMaps {
		out[x.Source.File] = true
	}
	return out
}
