package fleet

import (
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/agent/nodecolumns"
)

// Told is what a member tells, as the other hosts must see it. It is the same pointer from View to View while nothing
// of it changes. It holds the sections as they came and not what they decode to, which is several times as large: with
// ten thousand members that is tens of megabytes.
type Told struct {
	// Facts are of the node section; nil when nothing could be decoded. FactsAt is when this host got it, by its clock.
	Facts   *Facts
	FactsAt time.Time
	// SpecsAt is when this host got the specs section, by its clock; zero when nothing could be decoded.
	SpecsAt time.Time
	// Lost is since when the member is unreachable; zero when it is not.
	Lost time.Time

	name        string
	left        bool
	node, specs body
}

// body is the newest section that could be decoded; problem is why one that is newer still could not.
type body struct {
	bytes   []byte
	problem error
}

// Problem is a section that cannot be decoded.
type Problem struct {
	Section string
	// Err is ErrMalformed.
	Err error
}

// Problems are the sections of which the newest cannot be decoded, sorted. What was told before then stays in effect,
// as far as this run of the agent has seen it.
func (t *Told) Problems() []Problem {
	var all []Problem
	for _, p := range []Problem{{SectionNode, t.node.problem}, {SectionSpecs, t.specs.problem}} {
		if p.Err != nil {
			all = append(all, p)
		}
	}
	return all
}

// Node makes the member's node, never nil, which belongs to the caller. Where the member is unreachable or has left, it
// is as Unreachable makes it; where it has told nothing it has a name alone; one that has left is marked with
// nodecolumns.AnnotationLeft.
// Whether it counts is for the member's standing to say: View.Nodes has those that do.
//
// It decodes the section, which takes some 20 microseconds: what looks again and again asks Changes which to look at.
func (t *Told) Node() *corev1.Node {
	n := t.decodedNode()
	n.Name = t.name
	if !t.Lost.IsZero() {
		n = Unreachable(n, t.Lost)
	}
	if t.left {
		n.Annotations = maps.Clone(n.Annotations)
		metav1.SetMetaDataAnnotation(&n.ObjectMeta, nodecolumns.AnnotationLeft, "true")
	}
	return n
}

func (t *Told) decodedNode() *corev1.Node {
	if t.Facts != nil {
		if n, _, err := DecodeNode(t.node.bytes); err == nil { // as it was when it was taken
			return n
		}
	}
	return &corev1.Node{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Node"}}
}

// Specs decodes what the member tells of its specs directory; nil when nothing could be decoded.
func (t *Told) Specs() *Specs {
	if len(t.specs.bytes) == 0 {
		return nil
	}
	specs, err := DecodeSpecs(t.specs.bytes)
	if err != nil {
		return nil // which it was not when it was taken
	}
	return specs
}
