package member

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/config"
	"github.com/daemonsetd/daemonsetd/agent/health"
	"github.com/daemonsetd/daemonsetd/agent/roster"
	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/keyring"
	"github.com/daemonsetd/daemonsetd/gossip/records"
	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// inputs are the key file and the list of members. They belong to who calls Refresh.
type inputs struct {
	// tried is when it was last tried to become a member.
	tried  time.Time
	keys   *files.File[*keyring.Ring]
	roster *files.File[*records.Roster]
	// rosterBad and keysBad: the file could not be used when it was last read, though perhaps only for a moment.
	rosterBad, keysBad bool
	// newKey says that the identity had to be made anew where there had been a member before, until it is told;
	// toldAside is what was told to be set aside.
	newKey    bool
	toldAside string
}

// keyFile is the key file at path, which a reload may move while gossip is off.
func (m *Member) keyFile(path string) *files.File[*keyring.Ring] {
	if m.inputs.keys == nil || m.inputs.keys.Path() != path {
		m.inputs.keys = keyring.Follow(path)
	}
	return m.inputs.keys
}

// rosterFile is the list of members. Only the default one may be missing: a slip in its name must not make everybody
// count.
func (m *Member) rosterFile() *files.File[*records.Roster] {
	if m.inputs.roster == nil {
		path := m.cfg.MembersFile
		m.inputs.roster = roster.Follow(path, filepath.Join(m.dir(), lastRoster), path != config.Default().MembersFile)
	}
	return m.inputs.roster
}

// look reads a file that has changed and is whole; with force it is taken for whole.
func look[T any](f *files.File[T], force bool) files.Reading[T] {
	if force {
		return f.Force(time.Now())
	}
	return f.Look(time.Now())
}

// tryAgain is how often gossip that is wanted and not there is tried again by itself.
const tryAgain = 15 * time.Second

// Refresh takes over a key file or list of members that is another than before, and says in words what it took over
// and what is wrong with either. What is wrong with one leaves in effect what it said before. Gossip that is off is
// tried again when the key file has changed, or when force is set. One goroutine calls it, in every round.
func (m *Member) Refresh(force bool) (changed []string, problems diag.List) {
	node := m.node.Load()
	if node == nil {
		return m.tryAgain(force), nil
	}
	m.reportNode(node)
	settings := m.status.settings()
	taken, err := m.refreshKeys(node, settings.KeyFile, force)
	if taken {
		changed = append(changed, "the gossip keys")
	}
	if err != nil {
		problems = append(problems, diag.Problem{File: settings.KeyFile, Severity: diag.Error, Message: err.Error()})
	}
	if m.cfg.MembersFile == "" {
		return changed, problems
	}
	taken, found := m.refreshRoster(node, force)
	if taken {
		changed = append(changed, "the list of members")
	}
	return changed, append(problems, found...)
}

// tryAgain is Refresh while gossip is off.
func (m *Member) tryAgain(force bool) (changed []string) {
	off := m.Status().Off
	m.reportOff(off)
	again := off != nil && time.Since(m.inputs.tried) >= tryAgain
	keys := m.keyFile(m.status.settings().KeyFile)
	r := look(keys, force)
	if r.State == files.Gone && r.Known {
		// There is no copy that could fail to go.
		_ = keys.Forget()
		again = true
	}
	if !force && !again && !r.Changed {
		return nil
	}
	if m.open(force); m.On() {
		return []string{"gossip is on"}
	}
	return nil
}

// reportNode tells what is wrong with a node that gossips.
func (m *Member) reportNode(node *gossip.Node) {
	alone := node.JoinProblem()
	m.cfg.Board.When(alone != nil, health.NobodyJoined, fmt.Sprintf("no other host answers: %v", alone))
	disk := node.Problem()
	m.cfg.Board.When(disk != nil, health.MembersNotKept, errorText(disk))
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// refreshKeys has what the key file says in use, if that is new, and says whether it is.
func (m *Member) refreshKeys(node *gossip.Node, path string, force bool) (taken bool, err error) {
	r := look(m.keyFile(path), force)
	switch {
	case r.Problems.HasErrors():
		err = errors.New(r.Problems.FirstError())
	case r.Changed, r.Current && m.inputs.keysBad && (force || r.State == files.Fresh):
		keys, prints := keysOf(r.Value)
		if err = node.SetKeys(keys); err == nil {
			m.status.set(func(s *status) { s.now.Keys = prints })
			taken = true
		}
	default:
		return false, nil
	}
	m.inputs.keysBad = err != nil
	m.cfg.Board.When(err != nil, health.GossipKeys,
		fmt.Sprintf("the gossip keys cannot be changed; the ones before stay in use: %v", err), path)
	return taken, err
}

// readKeys gives the keys of the key file for a new node; prints are their fingerprints, for people.
func (m *Member) readKeys(path string, force bool) (keys [][]byte, prints []string, err error) {
	r := look(m.keyFile(path), force)
	switch {
	case r.Problems.HasErrors():
		return nil, nil, errors.New(r.Problems.FirstError())
	case r.State == files.Settling && !r.Known:
		return nil, nil, fmt.Errorf("the gossip keys in %q are being written", path)
	case !r.Known:
		return nil, nil, fmt.Errorf("reading the gossip keys: %q: %w", path, fs.ErrNotExist)
	}
	keys, prints = keysOf(r.Value)
	return keys, prints, nil
}

func keysOf(ring *keyring.Ring) (keys [][]byte, prints []string) {
	for _, k := range ring.Keys() {
		keys, prints = append(keys, k[:]), append(prints, k.Fingerprint())
	}
	return keys, prints
}

// lastRoster is the name in the member's directory of the list of members that was last good.
const lastRoster = "members.yaml"

// refreshRoster has what the list of members says in effect, if that is new, and says whether it is.
func (m *Member) refreshRoster(node *gossip.Node, force bool) (taken bool, problems diag.List) {
	r := look(m.rosterFile(), force)
	gone := removed(r)
	switch {
	case r.Problems.HasErrors():
		problems = r.Problems
	case r.Changed, gone && r.Known, r.Current && m.inputs.rosterBad && (force || r.State == files.Fresh):
		if err := node.SetRoster(inEffect(r)); err != nil {
			problems = diag.List{{File: m.cfg.MembersFile, Severity: diag.Error, Message: err.Error()}}
			break
		}
		m.tookRoster(gone)
		taken, problems = true, r.Problems
	case !gone || !m.inputs.rosterBad:
		return false, nil
	}
	m.inputs.rosterBad = problems.HasErrors()
	m.reportRoster(problems)
	return taken, problems
}

// removed says that the file is gone and that this is the operator's word.
func removed(r files.Reading[*records.Roster]) bool {
	return r.State == files.Gone && !r.Problems.HasErrors()
}

// inEffect is the list of members that counts; nil: everybody does.
func inEffect(r files.Reading[*records.Roster]) *records.Roster {
	if removed(r) {
		return nil
	}
	return r.Value
}

// tookRoster notes which list is in effect now, and keeps a copy for a start with a file that has an error.
func (m *Member) tookRoster(gone bool) {
	if m.cfg.MembersFile == "" {
		return
	}
	file, settle := m.cfg.MembersFile, m.rosterFile().Keep
	if gone {
		file, settle = "", m.rosterFile().Forget
	}
	err := settle()
	m.cfg.Board.When(err != nil, health.MembersFileNotKept, fmt.Sprintf(
		"the list of members could not be copied; after a restart with a bad file it would be lost: %v", err), m.dir())
	m.status.set(func(s *status) { s.now.RosterFile = file })
}

// reportRoster tells what is wrong with the file, if anything.
func (m *Member) reportRoster(problems diag.List) {
	problem := problems.FirstError()
	m.cfg.Board.When(problem != "", health.MembersFile,
		"the list of members cannot be used; what it said before stays in effect: "+problem)
}
