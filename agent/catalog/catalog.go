// Package catalog says what the files of a DaemonSet make of it on this host: the manifest and the files of the
// volumes of the revision that the file asks for, and of the earlier ones that the host has kept; which of them shall
// run; and it brings the files of volumes on disk.
//
//	file ─────► Made ─┐
//	                  ├─► Choose ─► Made ─► Lay, and the manifest
//	history ─► Earlier┘     ▲
//	                        └ Goal: what the rollout has decided
//
// A Catalog, and what it gives out, belong to the goroutine of the agent's loop. Made never changes once it was made,
// so that whoever reads a Snapshot reads it from any goroutine. Choose is pure. What would be, were other objects
// declared, is another value (With), not another state of this one. The catalog knows of no other host: what the
// rollout has decided comes in as a Goal.
package catalog

import (
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/manifests/assemble"
	"github.com/daemonsetd/daemonsetd/manifests/history"
	"github.com/daemonsetd/daemonsetd/manifests/render"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
	"github.com/daemonsetd/daemonsetd/manifests/trees"
)

const (
	// askAgain is how long a revision that could not be had from the history is not looked for again.
	askAgain = 15 * time.Second
	// keepEarlier is how long an earlier revision is remembered after it was last asked for.
	keepEarlier = time.Minute
)

// Config is what a Catalog is made of. All of it is needed.
type Config struct {
	// Node is the name of this node, as the kubelet has it.
	Node string
	// SpecsDir is where people declare what is missing; it is named in what blocks a DaemonSet.
	SpecsDir string
	// Trees is where the files of volumes lie, History the revisions that this host had.
	Trees   *trees.Store
	History *history.Store
}

// Facts is what a round has read, as far as files make something of it. Of two rounds with the same pointers nothing
// is made again.
type Facts struct {
	Now   time.Time
	Specs *spec.Snapshot
	Node  *corev1.Node
	// Standing are the manifests that stand in the kubelet's directory of a DaemonSet, by its key; nil: none does.
	Standing func(key string) []Standing
}

// Standing is a manifest of ours in the kubelet's directory.
type Standing struct {
	render.Header
	// Read gives its bytes.
	Read func() ([]byte, error)
}

// Catalog has what was made for this host, and makes no more of it again than what has changed. Make one with New; it
// belongs to the loop's goroutine.
type Catalog struct {
	*Maker
	// laid are the pods whose files were brought on disk in this round, or failed to be; noted is what was last recorded.
	laid  map[owner]bool
	noted map[string]noted
}

// New makes an empty Catalog; nothing is read.
func New(c Config) *Catalog {
	return &Catalog{Maker: newMaker(c, Facts{}, spec.Objects{}), laid: map[owner]bool{}, noted: map[string]noted{}}
}

// Begin begins a round: from here on everything is made of what it has read. Nothing counts as brought on disk yet.
func (c *Catalog) Begin(f Facts) {
	c.facts, c.objects, c.asm = f, f.Specs.Objects, nil
	c.laid = map[owner]bool{}
}

// With makes as if other objects were declared, on the same node. Nothing that it makes is kept here, and nothing is
// laid.
func (c *Catalog) With(objects spec.Objects) *Maker { return newMaker(c.cfg, c.facts, objects) }

// Forget drops what was made of DaemonSets that are not declared any more, and the earlier revisions that nobody has
// asked for lately.
func (c *Catalog) Forget() {
	if sets := c.facts.Specs.DaemonSets; len(c.made) != len(sets) {
		known := make(map[*spec.DaemonSet]*made, len(sets))
		for _, ds := range sets {
			if m := c.made[ds]; m != nil {
				known[ds] = m
			}
		}
		c.made = known
		declared := make(map[string]bool, len(sets))
		for _, ds := range sets {
			declared[ds.Key()] = true
		}
		maps.DeleteFunc(c.same, func(key string, _ []byte) bool { return !declared[key] })
	}
	maps.DeleteFunc(c.earlier, func(_ earlierKey, e *Earlier) bool { return c.facts.Now.Sub(e.used) > keepEarlier })
}

// Maker makes manifests and files of the same objects for the same node. It belongs to the loop's goroutine.
type Maker struct {
	cfg     Config
	facts   Facts
	objects spec.Objects
	// asm is nil until something has to be made.
	asm     *assemble.Assembler
	made    map[*spec.DaemonSet]*made
	earlier map[earlierKey]*Earlier
	// same are the manifests that stood and were what would be written, by DaemonSet.
	same map[string][]byte
}

func newMaker(c Config, f Facts, objects spec.Objects) *Maker {
	return &Maker{
		cfg: c, facts: f, objects: objects, made: map[*spec.DaemonSet]*made{}, earlier: map[earlierKey]*Earlier{},
		same: map[string][]byte{},
	}
}

// assembler is what makes manifests and files.
func (m *Maker) assembler() *assemble.Assembler {
	if m.asm == nil {
		n := assemble.NodeOf(m.facts.Node)
		n.Name = m.cfg.Node
		m.asm = assemble.New(assemble.Config{Objects: m.objects, Node: n, Path: m.cfg.Trees.Path})
	}
	return m.asm
}
