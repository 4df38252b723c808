package api

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SpecFileList answers GET /v1/specs: what every trusted host has in its specs directory, held against the others.
type SpecFileList struct {
	metav1.TypeMeta `json:",inline"`
	// ListMeta has the resource version from which a watch misses nothing.
	metav1.ListMeta `json:"metadata,omitzero"`
	// Told is how many hosts have told of their files.
	Told int `json:"told"`
	// Items are sorted by file, Hosts by name and id.
	Items []SpecFile  `json:"items"`
	Hosts []HostSpecs `json:"hosts"`
	// Dropped is how many files were not compared because there are too many different names.
	Dropped int `json:"dropped,omitempty"`
}

// SpecFile is one spec file across the fleet. A host that has not told of all its files counts for a file only where it
// is certain whether it has it.
type SpecFile struct {
	// File is the base name.
	File string `json:"file"`
	// Digest is that of the content that most hosts have; of several that as many have, the lowest. Files with the same
	// one have the same content.
	Digest string `json:"digest"`
	// Have is how many hosts have that content.
	Have int `json:"have"`
	// Lack are the hosts without the file, Differ those with another content, Bad those that cannot use theirs, whatever
	// its content.
	Lack   NameList    `json:"lack"`
	Differ HostDigests `json:"differ"`
	Bad    NameList    `json:"bad"`
}

// NameList is some names of hosts or of files.
type NameList struct {
	// Count is how many there are.
	Count int `json:"count"`
	// Names are the first of them, sorted; all, unless there are many.
	Names []string `json:"names,omitempty"`
}

// Equal tells whether both are the same.
func (l NameList) Equal(o NameList) bool { return l.Count == o.Count && slices.Equal(l.Names, o.Names) }

// HostDigests is some hosts, each with the digest of its file.
type HostDigests struct {
	// Count is how many there are.
	Count int `json:"count"`
	// Hosts are the first of them by name; all, unless there are many.
	Hosts []HostDigest `json:"hosts,omitempty"`
}

// HostDigest is a host with the digest of its file.
type HostDigest struct {
	Host   string `json:"host"`
	Digest string `json:"digest"`
}

// SameAs tells whether a watch has nothing to say of the way from f to o.
func (f SpecFile) SameAs(o SpecFile) bool {
	return f.File == o.File && f.Digest == o.Digest && f.Have == o.Have && f.Lack.Equal(o.Lack) && f.Bad.Equal(o.Bad) &&
		f.Differ.Count == o.Differ.Count && slices.Equal(f.Differ.Hosts, o.Differ.Hosts)
}

// WatchKey is what a watch knows the file by.
func (f SpecFile) WatchKey() string { return f.File }

// HostSpecs is the specs directory of one host, held against those of the others.
type HostSpecs struct {
	// Host is the node's name, State the member's.
	Host  string `json:"host"`
	ID    string `json:"id,omitempty"`
	Self  bool   `json:"self,omitempty"`
	State string `json:"state"`
	// Told is unset for a host that has not told of its files, so that nothing can be said of them.
	Told bool `json:"told"`
	// ReceivedAt is when this host got to know, by this host's clock.
	ReceivedAt time.Time `json:"receivedAt,omitzero"`
	// Digest is that of the whole directory: hosts with the same one have the same files with the same contents.
	Digest string `json:"digest,omitempty"`
	// Unreadable is set where the host cannot read the directory; the files are those that it last saw.
	Unreadable bool `json:"unreadable,omitempty"`
	// Files is how many it has, LeftOut how many of them it has not told of.
	Files   int `json:"files"`
	LeftOut int `json:"leftOut,omitempty"`
	// Lacks are the files that it does not have and at least half of the hosts do; Extra those that it has and fewer than
	// half of the hosts do; Differs those whose content is not that of most hosts; Bad those that it cannot use.
	Lacks   NameList `json:"lacks"`
	Extra   NameList `json:"extra"`
	Differs NameList `json:"differs"`
	Bad     NameList `json:"bad"`
}

// AsMost tells whether nothing is to be said of the host.
func (h *HostSpecs) AsMost() bool {
	return h.Told && !h.Unreadable && h.LeftOut == 0 && h.Lacks.Count+h.Extra.Count+h.Differs.Count+h.Bad.Count == 0
}

// SettleLimit is how long Settle waits at most. A file is taken up when it has been still for 250 ms, and the removal
// of one waits for up to 2 s for files that are being written at the same time.
const SettleLimit = 3 * time.Second

// Settled answers GET /v1/settled.
type Settled struct {
	metav1.TypeMeta `json:",inline"`
	// Pending are the paths of the files that were still being written at the end of SettleLimit, in no order that means
	// something; what they said before is in effect. It is empty where every file was taken up.
	Pending []string `json:"pending"`
}
