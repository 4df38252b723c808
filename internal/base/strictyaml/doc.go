// Package strictyaml decodes YAML and JSON files that operators write, and says for everything that is wrong where it
// stands.
//
// Values come from sigs.k8s.io/yaml, so that a file means here what it means to kubectl (YAML 1.1: an unquoted yes is
// a boolean). Places come from the node tree of yaml.v3. Decode walks both in parallel with the Go type and reports
// every unknown field, every value of a wrong type and so on at once; the decoder of sigs.k8s.io/json has the last
// word.
//
// It knows one thing of Kubernetes: what a Secret looks like, because no line of one may ever be shown.
package strictyaml

import "cmp"

// Limits bounds what a file may cost; a limit of 0 is the default one. A file over a limit gives a Problem that says
// so.
type Limits struct {
	// MaxBytes is the size of the file.
	MaxBytes int64
	// MaxDepth is how deep lists and mappings may be nested, aliases followed.
	MaxDepth int
	// MaxDocuments is how many YAML documents or JSON values a file may hold.
	MaxDocuments int
	// MaxNodes is how many keys and values the documents of a file may hold together, each alias counted as what it
	// stands for.
	MaxNodes int
}

// orDefault puts the default in place of every limit that is not set.
func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	return Limits{
		MaxBytes: cmp.Or(l.MaxBytes, d.MaxBytes), MaxDepth: cmp.Or(l.MaxDepth, d.MaxDepth),
		MaxDocuments: cmp.Or(l.MaxDocuments, d.MaxDocuments), MaxNodes: cmp.Or(l.MaxNodes, d.MaxNodes),
	}
}

// DefaultLimits is what this project reads: the kubelet reads no manifest of 10 MiB or more
// (pkg/kubelet/config/common.go), and no sane file comes near the rest.
func DefaultLimits() Limits {
	return Limits{MaxBytes: 10 << 20, MaxDepth: 100, MaxDocuments: 10_000, MaxNodes: 1_000_000}
}
