package member

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/fleet"
	"github.com/daemonsetd/daemonsetd/agent/health"
	"github.com/daemonsetd/daemonsetd/agent/pace"
	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/records"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

// sections is what this host tells the others, by section: what waits to be published, and what could not be.
type sections struct {
	board *health.Board
	// tell gets a value when there is something to publish.
	tell chan struct{}

	mu sync.Mutex
	// told are the bodies that wait to be published, last the newest that were to be.
	told, last map[string][]byte
	// unmade are the sections that could not be made, unsent those that were not taken, with the reasons.
	unmade, unsent map[string]error

	// made is what the member's own sections were last made from; it belongs to who calls Tell.
	made Facts
	// specs is the digest of the spec files that was told last.
	specs   fleet.Digest
	digests digests
}

func newSections(board *health.Board) *sections {
	return &sections{
		board: board, tell: make(chan struct{}, 1),
		told: map[string][]byte{}, last: map[string][]byte{}, unmade: map[string]error{}, unsent: map[string]error{},
	}
}

// Facts is what the others are told of this host by the member itself. Pointers are to what nobody changes any more:
// the same ones have the same in them.
type Facts struct {
	// Node is this node as a v1 Node, Specs what the specs directory declares.
	Node  *corev1.Node
	Specs *spec.Snapshot
	// Kubelet says in a word how the kubelet answers (api.KubeletAnswering and the like).
	Kubelet string
}

// Tell makes the sections of the node and of the spec files. What did not change is not made again. It belongs to the
// goroutine of the round.
func (m *Member) Tell(f Facts) {
	s := m.sections
	if !m.On() || f == s.made && s.toldOf(fleet.SectionNode) && s.toldOf(fleet.SectionSpecs) {
		return
	}
	s.made = f
	files, whole := s.digests.of(f.Specs, m.cfg.Cluster, m.cfg.Log)
	if whole {
		s.specs = fleet.DigestOfFiles(files)
	} else {
		s.made = Facts{} // the next round asks again
	}
	body, left, err := fleet.FromNode(f.Node, fleet.Extras{
		AgentVersion: m.cfg.AgentVersion, Kubelet: f.Kubelet, Specs: s.specs, Started: m.cfg.StartedAt,
	})
	s.put(fleet.SectionNode, body, err)
	s.board.When(!left.IsZero(), health.NodeTooLarge,
		"the node has more than other hosts can be told; left out: "+left.Counts().String())
	if !whole {
		return
	}
	body, missing, err := fleet.EncodeSpecs(files, f.Specs.DirProblem != "")
	s.put(fleet.SectionSpecs, body, err)
	noun := "spec files"
	if len(missing) == 1 {
		noun = "spec file"
	}
	s.board.When(len(missing) > 0, health.TooManySpecFiles,
		fmt.Sprintf("other hosts cannot be told of %d %s", len(missing), noun))
}

// Put has a section published soon; err says that it could not be made. It belongs to the goroutine of the round.
func (m *Member) Put(section string, body []byte, err error) { m.sections.put(section, body, err) }

func (s *sections) put(section string, body []byte, err error) {
	if s.take(section, body, err) {
		select {
		case s.tell <- struct{}{}:
		default:
		}
	}
	s.report()
}

// take notes what is to be told and says whether that is something else than before.
func (s *sections) take(section string, body []byte, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.unmade, section)
	if err != nil {
		s.unmade[section] = err
		return false
	}
	if last, ok := s.last[section]; ok && bytes.Equal(last, body) {
		return false
	}
	s.told[section], s.last[section] = body, body
	return true
}

// toldOf says whether a section was given out to be told, and could be as far as is known.
func (s *sections) toldOf(section string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.last[section]
	return ok
}

// anew has everything told again, as by a new run.
func (s *sections) anew() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last, s.unsent = map[string][]byte{}, map[string]error{}
}

// waiting takes what waits to be published.
func (s *sections) waiting() map[string][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	told := s.told
	s.told = map[string][]byte{}
	return told
}

// came notes what became of publishing a section; what failed is tried again by the next round.
func (s *sections) came(section string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.unsent, section)
	if err == nil {
		return
	}
	delete(s.last, section)
	// What others had is for its owner to take; a disk that does not take it has a problem of its own on the board, and
	// the others have been told.
	if !errors.Is(err, gossip.ErrReturned) && !errors.Is(err, records.ErrNotSaved) {
		s.unsent[section] = err
	}
}

// report says what the others cannot be told.
func (s *sections) report() {
	s.mu.Lock()
	defer s.mu.Unlock() // also while it is put on the board: the newest comes last
	all := maps.Clone(s.unsent)
	maps.Copy(all, s.unmade)
	s.board.When(len(all) > 0, health.NotTold, untold(all))
}

// untold says of which sections others cannot be told, and why.
func untold(errs map[string]error) string {
	var out []string
	for _, section := range slices.Sorted(maps.Keys(errs)) {
		out = append(out, fmt.Sprintf("other hosts cannot be told of the %s: %v", section, errs[section]))
	}
	return strings.Join(out, "; ")
}

// publisher is the part of gossip.Node that sections are published with.
type publisher interface {
	Publish(section string, body []byte) error
	TakeReturned(section string) ([]byte, bool)
}

// publish tells the others until ctx ends, off the loop: a record is on disk before it is told. A few changes are
// told each at once, as others may wait for them; of many that follow each other the newest is.
func (s *sections) publish(ctx context.Context, node publisher) {
	limiter := pace.Publications()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.tell:
		}
		if limiter.Wait(ctx) != nil {
			return // the context has ended
		}
		for section, body := range s.waiting() {
			s.came(section, publishOne(node, section, body))
		}
		s.report()
	}
}

// publishOne publishes one section. Of the member's own ones this host is the truth, whatever the others had; what
// they had of another is for who makes it to take up first (TakeReturned).
func publishOne(node publisher, section string, body []byte) error {
	err := node.Publish(section, body)
	if errors.Is(err, gossip.ErrReturned) && (section == fleet.SectionNode || section == fleet.SectionSpecs) {
		node.TakeReturned(section)
		err = node.Publish(section, body)
	}
	return err
}
