package backend

import (
	"cmp"
	"maps"
	"slices"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/fleet"
	"github.com/daemonsetd/daemonsetd/gossip"
)

// maxNames is how many names of files are listed for one host.
const maxNames = 100

// specFileList holds the specs directories of the fleet against each other.
func specFileList(v *fleet.View) *api.SpecFileList {
	c := fleet.Compare(v.Specs())
	out := &api.SpecFileList{Told: c.Hosts, Dropped: c.Dropped, Items: []api.SpecFile{}, Hosts: []api.HostSpecs{}}
	for _, f := range c.Files {
		out.Items = append(out.Items, specFile(f))
	}
	for _, m := range v.Counted() {
		if m.State != gossip.StateLeft {
			out.Hosts = append(out.Hosts, hostSpecs(m, c))
		}
	}
	return out
}

func specFile(f fleet.FileAcross) api.SpecFile {
	out := api.SpecFile{
		File: f.Name, Digest: f.Digest.String(), Have: f.Have, Lack: nameList(f.Lack), Bad: nameList(f.Bad),
		Differ: api.HostDigests{Count: f.Differ.Count},
	}
	for _, d := range f.Differ.Hosts {
		out.Differ.Hosts = append(out.Differ.Hosts, api.HostDigest{Host: d.Host, Digest: d.Digest.String()})
	}
	return out
}

func nameList(l fleet.HostList) api.NameList { return api.NameList{Count: l.Count, Names: l.Names} }

// hostSpecs is one host's directory held against what most have.
func hostSpecs(m fleet.Member, c fleet.Comparison) api.HostSpecs {
	out := api.HostSpecs{Host: m.Name, Self: m.Self, State: memberState(m.State), ReceivedAt: m.SpecsAt}
	if !m.ID.IsZero() {
		out.ID = m.ID.String()
	}
	specs := m.Specs()
	if specs == nil {
		return out
	}
	out.Told, out.Digest, out.Unreadable = true, specs.Digest.String(), specs.Unreadable
	out.Files, out.LeftOut = len(specs.Files)+specs.LeftOut, specs.LeftOut
	for _, across := range c.Files {
		file, found, complete := specs.Find(across.Name)
		switch {
		case found && across.Rare():
			add(&out.Extra, across.Name)
		case found && file.Digest != across.Digest:
			add(&out.Differs, across.Name)
		case !found && complete && !across.Rare():
			add(&out.Lacks, across.Name)
		}
		if found && file.Bad {
			add(&out.Bad, across.Name)
		}
	}
	return out
}

func add(l *api.NameList, name string) {
	l.Count++
	if len(l.Names) < maxNames {
		l.Names = append(l.Names, name)
	}
}

// sortedKeys are the keys of a map in order.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
