package member

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"testing/synctest"

	"github.com/rs/zerolog"

	"github.com/daemonsetd/daemonsetd/agent/fleet"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

// TestFaultT7Digests: the digest of a file with Secrets that other hosts are told is none that a guess can be tested
// against quickly, and is the same on all hosts of a cluster and on no other.
func TestFaultT7Digests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sum := sha256.Sum256([]byte("kind: Secret\nstringData: {password: hunter2}\n"))
		plain := fleet.Digest(sum[:8])
		snapshot := func(guard string) *spec.Snapshot {
			s := &spec.Snapshot{Files: []spec.FileStatus{
				{File: "/specs.d/a.yaml", Digest: hex.EncodeToString(sum[:])},
				{File: "/specs.d/b.yaml", Digest: hex.EncodeToString(sum[:])},
				{File: "/specs.d/bad.yaml", Bad: true},
			}}
			source := spec.Source{File: "/specs.d/" + guard}
			if guard == "a.yaml" {
				s.Secrets = []*spec.Secret{{Source: source}}
			} else {
				s.ConfigMaps = []*spec.ConfigMap{{Source: source}}
			}
			return s
		}
		told := func(cluster, guard string) []fleet.SpecFile {
			var d digests
			if _, whole := d.of(snapshot(guard), cluster, zerolog.Nop()); whole {
				t.Error("told before the digest was made")
			}
			synctest.Wait()
			files, whole := d.of(snapshot(guard), cluster, zerolog.Nop())
			if !whole || len(files) != 3 || len(d.made) != 1 {
				t.Fatalf("%+v, %v, %d kept", files, whole, len(d.made))
			}
			if _, whole := d.of(&spec.Snapshot{}, cluster, zerolog.Nop()); !whole || len(d.made) != 0 {
				t.Error("digests of files that are gone are kept")
			}
			return files
		}
		one, same, other, config := told("c", "a.yaml"), told("c", "a.yaml"), told("d", "a.yaml"), told("c", "b.yaml")
		if one[0].Digest == plain || one[0].Digest.IsZero() || one[1].Digest != plain || !one[2].Digest.IsZero() {
			t.Errorf("told %+v, the plain digest is %s", one, plain)
		}
		if one[0] != same[0] {
			t.Error("two hosts with one file tell different digests")
		}
		if one[0].Digest == other[0].Digest {
			t.Error("a guess that was tested for one cluster serves for another")
		}
		if config[0].Digest != plain || config[1].Digest == plain {
			t.Errorf("of a file with a ConfigMap: %+v", config)
		}
	})
}
