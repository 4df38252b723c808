package agent

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/health"
	"github.com/daemonsetd/daemonsetd/gossip/identity"
	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

// stateFile is what is told when one file of the agent's own state was damaged or is gone.
type stateFile struct {
	// name is relative to the state directory.
	name string
	// held is what was in it, todo what an operator has to do.
	held, todo string
}

const (
	nothing    = "nothing has to be done"
	seeTheDisk = nothing + " but to see that the disk is well"
	// gossipDir has the files that only a member of a fleet needs.
	gossipDir = "gossip/"
	// keyFile makes this host the member that it is, members is what it knows of the others, and lastMembers the list of
	// members that was last good.
	keyFile     = gossipDir + identity.FileName
	members     = gossipDir + "members.log"
	lastMembers = gossipDir + "members.yaml"
	// revisions has the history of DaemonSets, lastGood the copies of spec files.
	revisions = "revisions"
	lastGood  = "last-good/"
)

// stateFiles are the files that the agent misses when they are gone. Those below last-good are looked after by the
// loader of spec files, which also knows which of them there have to be.
func stateFiles() []stateFile {
	return []stateFile{
		{
			files.LedgerName, "which files of its state this agent has",
			"whether other files are gone cannot be told; " + seeTheDisk,
		},
		{
			"rollouts.json", "where this host stands with its rollouts",
			"the other hosts tell it where it stood; look at dsctl rollout status, and repeat what was set on this host alone " +
				"(dsctl rollout undo, release)",
		},
		{"pods.json", "which pods are stopping, and when failed ones are tried again", seeTheDisk},
		{"declared.json", "since when DaemonSets are declared, so that their ages begin anew", seeTheDisk},
		{
			"kubelet-directory.json", "which directories of the kubelet were used before",
			"see that none of our manifests is left in a former one",
		},
		{
			"node-runtime.json", "the labels, taints and cordon that were set with dsctl",
			"compare dsctl describe node with what it should be, and set again what is missing",
		},
		{"node-runtime.json.bak", "a copy of what was set with dsctl", seeTheDisk},
		{"node-files.json", "what the node files said when they were last good", "see that the node files are valid"},
		{"node-files.json.bak", "a copy of what the node files said", seeTheDisk},
		{"node-state.json", "since when conditions and taints are as they are", seeTheDisk},
		{lastGood + ".directory.json", "which specs directory was read last", seeTheDisk},
		{revisions, "the revisions to which DaemonSets can go back", "only revisions from now on can be gone back to"},
		{
			keyFile, "the key that makes this host a member",
			"stop the agent, put a copy of the file back and start it; without a copy this host is a new member: on every " +
				"other host run dsctl trust %s, or put the new key into the members file (dsctl members here shows it)",
		},
		{
			members, "which members there are, and which keys their names belong to",
			"compare dsctl members with your hosts: a name belongs to whoever shows it first, unless the members file has its " +
				"key",
		},
		{lastMembers, "the members file as it was when it was last good", "see that the members file is valid"},
	}
}

// stateOf finds what is told of a file by its name.
func stateOf(name string) stateFile {
	for _, f := range stateFiles() {
		if f.name == name {
			return f
		}
	}
	if strings.HasPrefix(name, revisions+"/") {
		return stateFile{name, "a revision to which a DaemonSet could go back", nothing + "; it cannot be gone back to"}
	}
	return stateFile{name: name, todo: seeTheDisk}
}

// loseFiles notes what an error says was set aside.
func (a *Agent) loseFiles(err error) {
	for _, e := range files.Losses(err) {
		a.lose(files.Loss{File: e.Path, What: files.DamagedText(e)})
	}
}

// lose notes now that a file was lost, of which the path is given.
func (a *Agent) lose(loss files.Loss) {
	if name, err := filepath.Rel(a.cfg.StateDir, loss.File); err == nil {
		loss.File = name
	}
	loss.Since = time.Now()
	a.ledger.Lose(loss)
}

// loseKept notes what was damaged or gone of files that stand twice.
func (a *Agent) loseKept(problems diag.List) {
	for _, p := range problems {
		a.lose(files.Loss{File: p.File, What: p.Message, Todo: p.Hint})
	}
}

// watchState notes which files of the agent's state there are, and tells what was lost of them: after every round, in
// the loop.
func (a *Agent) watchState() {
	for _, x := range a.loader.TakeLost() {
		a.lose(files.Loss{File: x.File, What: x.What, Todo: x.Todo})
	}
	for _, x := range a.member.TakeLost() {
		x.Since = time.Now()
		a.ledger.Lose(x)
	}
	alone, noList := a.member.Alone(), a.member.On() && a.member.Status().RosterFile == ""
	for _, f := range stateFiles() {
		switch {
		case alone && strings.HasPrefix(f.name, gossipDir), f.name == lastMembers && noList:
			// The operator has taken it out of use; what lies there may go.
			a.ledger.Drop(f.name)
		case f.name != files.LedgerName:
			a.ledger.Note(f.name)
		}
	}
	if err := a.ledger.Save(); err != nil {
		// Who has to write there is told by what cannot be saved.
		a.log.Debug().Err(err).Msg("which files of the state there are is not on disk")
	}
	a.tellLost()
}

// tellLost has the board show what was lost.
func (a *Agent) tellLost() {
	losses, more := a.ledger.Losses()
	var state, key []health.FileProblem
	for _, x := range losses {
		f := stateOf(x.File)
		text := fmt.Sprintf("%s %s (found %s)", filepath.Join(a.cfg.StateDir, x.File), x.What,
			x.Since.UTC().Format(time.RFC3339))
		if f.held != "" {
			text += "; it held " + f.held
		}
		if x.File == keyFile {
			todo := fmt.Sprintf(f.todo, a.cfg.NodeName)
			key = append(key, health.FileProblem{File: x.File, Text: text + ": this host is another member now", Remedy: todo})
			continue
		}
		state = append(state, health.FileProblem{File: x.File, Text: text, Remedy: cmp.Or(x.Todo, f.todo)})
	}
	if more > 0 {
		text := fmt.Sprintf("%d more files of the state were lost", more)
		state = append(state, health.FileProblem{Text: text, Remedy: seeTheDisk})
	}
	a.board.Files(health.StateLost, state)
	a.board.Files(health.IdentityLost, key)
}
