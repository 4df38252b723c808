package spec

import (
	"time"

	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// stillFor is how long a file that is written in place must stay unchanged before it is read, and how long a file must
// be gone before it counts as removed.
const stillFor = files.StillFor

// maxAbsence is how long a removal waits at most for other files to be still.
const maxAbsence = 8 * stillFor

// maxLinks is how many symbolic links may lead to a spec file, one after the other. A file of NixOS or stow takes two
// or three; a chain that is longer than this goes in circles.
const maxLinks = 16

// rules are how spec files are followed. The watch tells which were renamed into place.
func rules() files.Rules { return files.Rules{Limit: MaxFileBytes, MaxLinks: maxLinks} }

// soonest is the shortest of the waits added to it, 0 when there was none.
type soonest time.Duration

func (s *soonest) add(wait time.Duration) {
	if wait > 0 && (*s == 0 || wait < time.Duration(*s)) {
		*s = soonest(wait)
	}
}
