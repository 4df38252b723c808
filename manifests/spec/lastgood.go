package spec

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"github.com/daemonsetd/daemonsetd/internal/base/atomicfile"
	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
)

// A kept copy is a file named as its spec file, in a directory of its own: one line that says what it is and the
// digest of the rest, then the bytes as they were. The line is a YAML comment, so that an operator who has lost the
// original can copy the file back.
const (
	keptPrefix    = "# daemonsetd last good version, format 1, sha256 "
	keptHeaderLen = len(keptPrefix) + 2*sha256.Size + 1
	// dirFile holds a dirRecord; no spec file's name starts with a dot.
	dirFile = ".directory.json"
	// maxDirRecord is how many bytes that may be.
	maxDirRecord = 16 << 20
)

var errKeptFormat = errors.New("it is not a last good version written by daemonsetd")

func encodeKept(digest string, data []byte) []byte {
	out := make([]byte, 0, keptHeaderLen+len(data))
	out = append(out, keptPrefix...)
	out = append(out, digest...)
	out = append(out, '\n')
	return append(out, data...)
}

// keptDigest reads the header alone.
func keptDigest(header []byte) (string, error) {
	if len(header) < keptHeaderLen || !bytes.HasPrefix(header, []byte(keptPrefix)) || header[keptHeaderLen-1] != '\n' {
		return "", errKeptFormat
	}
	digest := string(header[len(keptPrefix) : keptHeaderLen-1])
	if _, err := hex.DecodeString(digest); err != nil || strings.ToLower(digest) != digest {
		return "", errKeptFormat
	}
	return digest, nil
}

// decodeKept returns the spec file's bytes after comparing them with their digest.
func decodeKept(copied []byte) (digest string, data []byte, err error) {
	if digest, err = keptDigest(copied); err != nil {
		return "", nil, err
	}
	data = copied[keptHeaderLen:]
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != digest {
		return "", nil, fmt.Errorf("its bytes have not the digest %s that it was written with", digest)
	}
	return digest, data, nil
}

// dirRecord is what is kept of the specs directory as a whole.
type dirRecord struct {
	dirID
	// Without is, by base name, what files declare that others keep out of effect, by objectKey.record. Which of two
	// Services or PriorityClasses was in effect does not follow from the files' last good versions.
	Without map[string][]string `json:"without,omitempty"`
	// Copies are the base names of the spec files of which a copy is kept, sorted: one that is gone was lost.
	Copies []string `json:"copies,omitempty"`
}

func (d dirRecord) equal(o dirRecord) bool {
	return d.dirID == o.dirID && maps.EqualFunc(d.Without, o.Without, slices.Equal) && slices.Equal(d.Copies, o.Copies)
}

// keptFiles is the directory of kept copies. Its fields are guarded by Loader.mu.
type keptFiles struct {
	dir string
	// saved is the digest of each copy on disk by the spec file's base name; empty where the copy is unusable.
	saved map[string]string
	// doomed names copies whose spec file was removed.
	doomed   map[string]bool
	savedDir dirRecord
	hasDir   bool
	// expected are the spec files of which a former process kept a copy. verified says that the copies were looked at,
	// lost what was found.
	expected []string
	verified bool
	lost     []LostCopy
}

// LostCopy says that something that a former process kept is damaged or gone.
type LostCopy struct {
	// File is the path of what was kept.
	File string
	// What happened to it, to follow its name, and Todo what an operator has to do.
	What, Todo string
}

// open makes the directory private (spec files may hold Secrets), clears what a crash left, and lists the copies.
func (k *keptFiles) open() error {
	k.saved, k.doomed = map[string]string{}, map[string]bool{}
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return err
	}
	if err := os.Chmod(k.dir, 0o700); err != nil {
		return err
	}
	if err := atomicfile.RemoveTemps(k.dir); err != nil {
		return err
	}
	found, err := readDir(k.dir, defaultLimits().entries)
	if err != nil {
		return err
	}
	for _, name := range found.names {
		header, err := readKept(filepath.Join(k.dir, name), int64(keptHeaderLen))
		if err == nil {
			k.saved[name], err = keptDigest(header)
		}
		if err != nil {
			k.saved[name] = ""
		}
	}
	return nil
}

// lastDir returns what a former process wrote down of the specs directory. Without a usable one an empty
// directory is not believed, which errs to the side of what runs.
func (k *keptFiles) lastDir(log zerolog.Logger) (dirRecord, bool) {
	path := filepath.Join(k.dir, dirFile)
	data, err := readKept(path, maxDirRecord)
	if errors.Is(err, fs.ErrNotExist) {
		return dirRecord{}, false
	}
	if err == nil {
		err = json.Unmarshal(data, &k.savedDir)
	}
	if err != nil {
		log.Warn().Str(logfield.File, path).AnErr(logfield.Error, err).Msg("cannot read which specs directory was read last")
		k.savedDir = dirRecord{}
		k.lost = append(k.lost, LostCopy{
			File: path, What: fmt.Sprintf("cannot be used: %v", files.Cause(err)),
			Todo: "nothing has to be done: it is written again; see that the disk is well",
		})
		return dirRecord{}, false
	}
	k.hasDir, k.expected = true, k.savedDir.Copies
	return k.savedDir, true
}

// readKept reads at most limit bytes of a copy.
func readKept(path string, limit int64) ([]byte, error) {
	data, _, err := files.ReadWith(path, files.ReadOptions{Limit: limit, Head: true, NoFollow: true})
	return data, err
}

// doom marks the copy of a removed spec file for removal. It must go even if the file comes back bad, since its
// objects are gone by then.
func (k *keptFiles) doom(name string) { k.doomed[name] = true }

// spare is called when a new version of the file took effect: Persist will write over whatever copy there is.
func (k *keptFiles) spare(name string) { delete(k.doomed, name) }

// loadKept makes the copy that a former process kept the entry's good version, now that it is needed.
func (l *Loader) loadKept(e *entry) {
	if e.good != nil || e.keptDigest == "" {
		return
	}
	want := e.keptDigest
	e.keptDigest = ""
	path := filepath.Join(l.kept.dir, filepath.Base(e.path))
	copied, err := readKept(path, int64(keptHeaderLen)+MaxFileBytes+1)
	if err != nil {
		e.keptProblem = keptProblem(e.path, path, files.Cause(err))
		return
	}
	digest, data, err := decodeKept(copied)
	if err == nil && digest != want {
		err = errors.New("it was changed by another program")
	}
	if err != nil {
		e.keptProblem = keptProblem(e.path, path, err)
		return
	}
	parsed := l.parse(e.path, data)
	if parsed.Problems.HasErrors() {
		e.keptProblem = keptProblem(e.path, path, errors.New("this version of daemonsetd does not accept it"))
		return
	}
	e.good = &version{digest: digest, parsed: parsed}
}

func keptProblem(file, path string, err error) diag.List {
	return diag.List{{
		Severity: diag.Warning, File: file,
		Message: fmt.Sprintf("the last good version kept in %q cannot be used: %v", path, err),
		Hint:    "repair the spec file; pods that were started from it are left alone until then",
	}}
}
