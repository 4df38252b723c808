package fleet

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"fmt"
)

// slowRounds is how many rounds of PBKDF2 a digest of content costs that others may not test guesses of: some tenths of
// a second of one core for each guess, and for each change of a file.
const slowRounds = 600_000

// SlowDigest is the digest of a file whose content is nobody's business, as one that declares Secrets: whoever has it
// needs as long for each guess of the content as this takes, and for each cluster and file name anew. Sum is the
// SHA-256 of the content. Hosts of a cluster with the same file have the same digest.
func SlowDigest(cluster, name string, sum []byte) (Digest, error) {
	salt := fmt.Sprintf("daemonsetd spec file\x00%s\x00%s", cluster, name)
	raw, err := pbkdf2.Key(sha256.New, string(sum), []byte(salt), slowRounds, len(Digest{}))
	if err != nil {
		return Digest{}, fmt.Errorf("the digest of %q: %w", name, err)
	}
	return Digest(raw), nil
}
