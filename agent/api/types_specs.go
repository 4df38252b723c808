package api

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// KindSpecFileList is the kind of a SpecFileList.
const KindSpecFileList = "SpecFileList"

// HostSpecs is what one host has in its specs directory.
type HostSpecs struct {
	// Host is the node's name, State the member's.
	Host  string `json:"host"`
	ID    string `json:"id,omitempty"`
	Self  bool   `json:"self,omitempty"`
	State string `json:"state"`
	// Known is unset for a host that has not told of its files, so that nothing can be said of them.
	Known bool `json:"known"`
	// Digest is that of the whole directory: hosts with the same one have the same files.
	Digest string `json:"digest,omitempty"`
	// ReceivedAt is when this host got to know, by this host's clock.
	ReceivedAt time.Time  `json:"receivedAt,omitzero"`
	Files      []HostFile `json:"files,omitempty"`
	// Omitted is how many files the host has beyond those that it told of.
	Omitted int `json:"omitted,omitempty"`
}

// HostFile is one spec file of a host.
type HostFile struct {
	// File is the base name.
	File string `json:"file"`
	// Digest is that of the content in hex: files with the same one have the same content.
	Digest string `json:"digest"`
	// Bad is set where the host cannot use it.
	Bad bool `json:"bad,omitempty"`
}

// SpecFile is one spec file across the fleet. The lists of hosts are sorted.
type SpecFile struct {
	File string `json:"file"`
	// Digest is that of the content that most hosts have; of several that as many have, the lowest.
	Digest string `json:"digest"`
	// Have is how many hosts have that content, Of how many have told of their files. A host that has not told all of them
	// counts for a file only where it has told of it.
	Have int `json:"have"`
	Of   int `json:"of"`
	// Lack are the hosts without the file.
	Lack []string `json:"lack,omitempty"`
	// Differ are the hosts with another content.
	Differ []HostFileDigest `json:"differ,omitempty"`
	// Bad are the hosts that cannot use the file as it is there.
	Bad []string `json:"bad,omitempty"`
}

// HostFileDigest is a host with the digest of its file.
type HostFileDigest struct {
	Host   string `json:"host"`
	Digest string `json:"digest"`
}

// SameAs tells whether a watch has nothing to say of the way from f to o.
func (f SpecFile) SameAs(o SpecFile) bool {
	return f.File == o.File && f.Digest == o.Digest && f.Have == o.Have && f.Of == o.Of && slices.Equal(f.Lack, o.Lack) &&
		slices.Equal(f.Differ, o.Differ) && slices.Equal(f.Bad, o.Bad)
}

// WatchKey is what a watch knows the file by.
func (f SpecFile) WatchKey() string { return f.File }

// HostSpecsSummary is one host's specs directory against those of the others.
type HostSpecsSummary struct {
	// Host, State, Known, Digest and ReceivedAt are as in HostSpecs.
	Host       string    `json:"host"`
	ID         string    `json:"id,omitempty"`
	Self       bool      `json:"self,omitempty"`
	State      string    `json:"state"`
	Known      bool      `json:"known"`
	Digest     string    `json:"digest,omitempty"`
	ReceivedAt time.Time `json:"receivedAt,omitzero"`
	// Files is how many it has.
	Files int `json:"files"`
	// Lacks are the files that it does not have and at least half of the hosts do; Extra those that it has and fewer than
	// half of the hosts do; Differs those whose content is not that of most hosts; Bad those that it cannot use.
	Lacks   []string `json:"lacks,omitempty"`
	Extra   []string `json:"extra,omitempty"`
	Differs []string `json:"differs,omitempty"`
	Bad     []string `json:"bad,omitempty"`
	// Omitted is as in HostSpecs. Of such a host it cannot be said what it lacks.
	Omitted int `json:"omitted,omitempty"`
}

// SpecFileList answers GET /v1/specs.
type SpecFileList struct {
	metav1.TypeMeta `json:",inline"`
	// Items are sorted by file, Hosts by name and id.
	Items []SpecFile         `json:"items"`
	Hosts []HostSpecsSummary `json:"hosts"`
}
