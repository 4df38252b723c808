package api

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ConfigTree is the files of one ConfigMap, Secret or projected volume as they are laid on this host, without contents.
type ConfigTree struct {
	// DaemonSet is namespace/name, Revision that of the pod that mounts the files.
	DaemonSet string `json:"daemonset"`
	Revision  string `json:"revision"`
	// Volume is the volume's name in the pod.
	Volume string `json:"volume"`
	// Pod is the pod's name as the kubelet has it.
	Pod string `json:"pod"`
	// Secret is set where a Secret is among the sources.
	Secret bool `json:"secret,omitempty"`
	// InMemory is set where the files lie on a file system in memory.
	InMemory bool `json:"inMemory,omitempty"`
	// Path is the directory.
	Path string `json:"path"`
	// Sources are the spec files that the content comes from.
	Sources []string `json:"sources,omitempty"`
	// WrittenAt is when the content was last written.
	WrittenAt time.Time    `json:"writtenAt,omitzero"`
	Files     []ConfigFile `json:"files"`
}

// ConfigFile is one file of a ConfigTree.
type ConfigFile struct {
	// Path is relative to the volume.
	Path string `json:"path"`
	// Mode is octal, such as 0644.
	Mode string `json:"mode"`
	Size int64  `json:"size"`
	// SHA256 is the digest of the content in hex; empty for the content of a Secret.
	SHA256 string `json:"sha256"`
	// Keyed is what a Secret's content has in its place: it changes when the content does, with a key that only the
	// running agent has, so that no guess can be tested against it and nothing compared across hosts or restarts.
	Keyed string `json:"keyed,omitempty"`
}

// ConfigTreeList answers GET /v1/configs.
type ConfigTreeList struct {
	metav1.TypeMeta `json:",inline"`
	Items           []ConfigTree `json:"items"`
}
