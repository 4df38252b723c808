package render

import "slices"

// WithChecksumOf is a manifest with the checksum of another one. It is for showing a manifest in which something is
// hidden: taken for a file of the agent, it would be known as one that was edited. Where there is no checksum the
// manifest stays as it is.
func WithChecksumOf(manifest, of []byte) []byte {
	at, ok := checksumAt(manifest)
	from, has := checksumAt(of)
	if !ok || !has {
		return manifest
	}
	out := slices.Clone(manifest)
	copy(out[at:at+checksumChars], of[from:])
	return out
}
