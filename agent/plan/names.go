package plan

import (
	"cmp"
	"slices"

	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// apart gives manifests whose file name another DaemonSet has a name of their own (render.ApartFileName). The name goes
// to the DaemonSet whose file has it already, and else to the first by key.
func apart(wanted []Wanted, present []Present) []Wanted {
	owners := map[string]string{}
	for _, p := range present {
		owners[p.FileName] = p.Key
	}
	wanted = slices.Clone(wanted)
	slices.SortStableFunc(wanted, func(a, b Wanted) int { return cmp.Compare(a.Key, b.Key) })
	for i := range wanted {
		w := &wanted[i]
		name := func(m render.Manifest) render.Manifest {
			if owner, taken := owners[m.FileName]; taken && owner != w.Key {
				m.FileName = render.ApartFileName(m.Namespace, m.DaemonSet, m.Revision)
			}
			owners[m.FileName] = w.Key
			return m
		}
		w.Manifest = name(w.Manifest)
		if w.Older != nil {
			older := name(*w.Older)
			w.Older = &older
		}
	}
	return wanted
}
