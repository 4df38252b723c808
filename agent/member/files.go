package member

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/config"
	"github.com/daemonsetd/daemonsetd/agent/health"
	"github.com/daemonsetd/daemonsetd/agent/roster"
	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/keyring"
	"github.com/daemonsetd/daemonsetd/gossip/records"
	"github.com/daemonsetd/daemonsetd/internal/base/atomicfile"
	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// inputs is how the key file and the list of members were when they were last read. It belongs to who calls Refresh.
type inputs struct {
	// tried is when it was last tried to become a member.
	tried            time.Time
	rosterID, keysID files.ID
	// rosterBad and keysBad: the file could not be used when it was last read, though perhaps only for a moment.
	rosterBad, keysBad bool
}

// identify tells a file that may have changed from one that has not; one that cannot be looked at has the zero ID.
func identify(path string) files.ID {
	id, err := files.StatID(path)
	if err != nil {
		return files.ID{}
	}
	return id
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
	if path := settings.KeyFile; identify(path) != m.inputs.keysID || force && m.inputs.keysBad {
		if err := m.refreshKeys(node, path); err != nil {
			problems = append(problems, diag.Problem{File: path, Severity: diag.Error, Message: err.Error()})
		} else {
			changed = append(changed, "the gossip keys")
		}
	}
	if identify(m.cfg.MembersFile) != m.inputs.rosterID || force && m.inputs.rosterBad {
		found := m.refreshRoster(node)
		if !found.HasErrors() {
			changed = append(changed, "the list of members")
		}
		problems = append(problems, found...)
	}
	return changed, problems
}

// tryAgain is Refresh while gossip is off.
func (m *Member) tryAgain(force bool) (changed []string) {
	off := m.Status().Off
	m.reportOff(off)
	again := off != nil && time.Since(m.inputs.tried) >= tryAgain
	if !force && !again && identify(m.status.settings().KeyFile) == m.inputs.keysID {
		return nil
	}
	if m.open(); m.On() {
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

// refreshKeys has what the key file says in use.
func (m *Member) refreshKeys(node *gossip.Node, path string) error {
	keys, prints, err := m.readKeys(path)
	if err == nil {
		err = node.SetKeys(keys)
	}
	if err == nil {
		m.status.set(func(s *status) { s.now.Keys = prints })
	}
	m.inputs.keysBad = err != nil
	m.cfg.Board.When(err != nil, health.GossipKeys,
		fmt.Sprintf("the gossip keys cannot be changed; the ones before stay in use: %v", err), path)
	return err
}

// readKeys reads the key file; prints are the keys' fingerprints, for people.
func (m *Member) readKeys(path string) (keys [][]byte, prints []string, err error) {
	m.inputs.keysID = identify(path)
	ring, err := keyring.Read(path)
	if err != nil {
		return nil, nil, err
	}
	for _, k := range ring.Keys() {
		keys, prints = append(keys, k[:]), append(prints, k.Fingerprint())
	}
	return keys, prints, nil
}

// lastRoster is the name in the member's directory of the list of members that was last good.
const lastRoster = "members.yaml"

// rosterRead is what the file that says who counts says, or said when it was last good.
type rosterRead struct {
	// roster is nil where everybody counts.
	roster *records.Roster
	// file is what is to be edited; empty: there is none.
	file string
	// old: the file has an error, and this is what it said before.
	old      bool
	problems diag.List
	// usable is false where the file has an error and it is not known what it said before.
	usable bool
}

func (m *Member) keptRoster() string { return filepath.Join(m.dir(), lastRoster) }

// readRoster reads the file that says who counts. One with an error leaves in effect what it said before, also
// across a restart.
func (m *Member) readRoster() rosterRead {
	path := m.cfg.MembersFile
	m.inputs.rosterID = identify(path)
	if path == "" {
		return rosterRead{usable: true}
	}
	r, problems, err := roster.Read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && path == config.Default().MembersFile:
		// Only the default one may be missing: a slip in its name must not make everybody count.
		return rosterRead{usable: true}
	case err != nil:
		problems = append(problems, diag.Problem{File: path, Severity: diag.Error, Message: err.Error()})
	}
	if !problems.HasErrors() {
		return rosterRead{roster: r, file: path, problems: problems, usable: true}
	}
	last, lastProblems, err := roster.Read(m.keptRoster())
	if err != nil || lastProblems.HasErrors() {
		return rosterRead{problems: problems}
	}
	return rosterRead{roster: last, file: path, old: true, problems: problems, usable: true}
}

// refreshRoster has what the list of members says in effect.
func (m *Member) refreshRoster(node *gossip.Node) diag.List {
	r := m.readRoster()
	if r.usable {
		if err := node.SetRoster(r.roster); err != nil {
			r.problems = append(r.problems, diag.Problem{File: m.cfg.MembersFile, Severity: diag.Error, Message: err.Error()})
		} else {
			m.tookRoster(r)
		}
	}
	m.inputs.rosterBad = r.problems.HasErrors()
	m.reportRoster(r.problems)
	return r.problems
}

// tookRoster notes which list is in effect now, and keeps a copy for a start with a file that has an error.
func (m *Member) tookRoster(r rosterRead) {
	var err error
	switch {
	case r.old:
	case r.file == "":
		err = ignoreMissing(os.Remove(m.keptRoster()))
	default:
		err = keep(m.keptRoster(), r.file)
	}
	m.cfg.Board.When(err != nil, health.MembersFileNotKept, fmt.Sprintf(
		"the list of members could not be copied; after a restart with a bad file it would be lost: %v", err), m.dir())
	m.status.set(func(s *status) { s.now.RosterFile = r.file })
}

// reportRoster tells what is wrong with the file, if anything.
func (m *Member) reportRoster(problems diag.List) {
	problem := problems.FirstError()
	m.cfg.Board.When(problem != "", health.MembersFile,
		"the list of members cannot be used; what it said before stays in effect: "+problem)
}

// keep copies a file that is good into the state directory.
func keep(to, from string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(to, data, 0o600)
}
