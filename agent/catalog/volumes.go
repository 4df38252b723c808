package catalog

import (
	"cmp"
	"errors"
	"slices"

	"github.com/daemonsetd/daemonsetd/manifests/trees"
)

// owner is whose files trees are.
type owner struct{ daemonSet, revision string }

// Failures are why the files of pods could not be brought on disk.
type Failures map[owner]string

// Of is why that is so of the pod of a DaemonSet (namespace/name) and a revision; empty: its files are there, or it
// has none.
func (f Failures) Of(daemonSet, revision string) string { return f[owner{daemonSet, revision}] }

// Lay brings files of volumes on disk, and notes whose are there now. Wrote are those of want that were not as they
// are now. Of each pod that they could not be brought for it gives the first reason; the error has all of them.
func (c *Catalog) Lay(want []trees.Tree) (wrote []trees.Tree, _ Failures, _ error) {
	paths, err := c.cfg.Trees.Apply(want)
	if len(paths) > 0 {
		wrote = slices.DeleteFunc(slices.Clone(want), func(t trees.Tree) bool {
			return !slices.Contains(paths, c.cfg.Trees.Path(t))
		})
	}
	failed := Failures{}
	list, _ := errors.AsType[trees.Errors](err)
	for _, e := range list {
		o := owner{e.Namespace + "/" + e.DaemonSet, e.Revision}
		failed[o] = cmp.Or(failed[o], e.Error())
	}
	all := err != nil && len(failed) == 0
	for _, t := range want {
		o := owner{t.Namespace + "/" + t.DaemonSet, t.Revision}
		if all {
			failed[o] = err.Error() // it is about all of them
		}
		c.laid[o] = failed[o] == ""
	}
	return wrote, failed, err
}

// Laid says whether the files of a pod were brought on disk in this round.
func (c *Catalog) Laid(daemonSet, revision string) bool { return c.laid[owner{daemonSet, revision}] }

// Keep removes the files of volumes that no pod uses.
func (c *Catalog) Keep(used func(namespace, daemonSet, revision string) bool) error {
	return c.cfg.Trees.Keep(used)
}
