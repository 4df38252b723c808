// Package catalog says what a DaemonSet's files make of it on this host.
package catalog

import (
	"github.com/daemonsetd/daemonsetd/agent/placement"
	"github.com/daemonsetd/daemonsetd/manifests/render"
	"github.com/daemonsetd/daemonsetd/manifests/trees"
)

// Made is what one revision of a DaemonSet comes to on this node. It is never changed once it was made.
type Made struct {
	// Compiled decides whether the DaemonSet belongs on a node.
	Compiled *placement.Compiled
	// Manifest is the pod; where Blocked is set, perhaps no more than its revision.
	Manifest render.Manifest
	// Fleet is the revision that hosts with the same files share.
	Fleet string
	// Trees are the files of its volumes.
	Trees []trees.Tree
	// Blocked says why the manifest may not be written; empty: it may.
	Blocked string
}
