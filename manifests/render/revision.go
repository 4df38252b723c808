package render

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
)

const (
	// RevisionLength is the number of characters of a revision.
	RevisionLength = 10
	// revisionAlphabet is the one Kubernetes names pods and ReplicaSets with (apimachinery pkg/util/rand): no vowels, so
	// that no word comes out, and no characters that are easily mistaken for each other.
	revisionAlphabet = "bcdfghjklmnpqrstvwxz2456789"
)

// Revision names the content of a pod template. The template is canonical JSON as the user wrote it
// (spec.DaemonSet.Template), not a Go struct, so that no upgrade of a library moves a revision and with it restarts
// pods. The digests are those of configuration values that end up inside the pod; their order does not matter.
//
// It has 27^10 values, about 47.5 bits. Among 10,000 templates of one DaemonSet the odds that any two share a revision
// are 1 in 4 million; two DaemonSets may share one without harm.
func Revision(template []byte, digests ...string) string {
	h := sha256.New()
	part := func(b []byte) {
		// Every part is preceded by its length, so that no two lists of parts run together to the same bytes.
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(b))))
		h.Write(b)
	}
	part(template)
	for _, d := range slices.Sorted(slices.Values(digests)) {
		part([]byte(d))
	}
	n := binary.BigEndian.Uint64(h.Sum(nil))
	out := make([]byte, RevisionLength)
	for i := range out {
		out[i] = revisionAlphabet[n%uint64(len(revisionAlphabet))]
		n /= uint64(len(revisionAlphabet))
	}
	return string(out)
}

// IsRevision tells whether s could be a result of Revision.
func IsRevision(s string) bool {
	return len(s) == RevisionLength && strings.Trim(s, revisionAlphabet) == ""
}
