package rollout

import (
	"fmt"
	"strings"
	"time"
)

// Reason is why a member stands in the way.
type Reason uint8

// The reasons.
const (
	// ReasonNone: it does not.
	ReasonNone Reason = iota
	// ReasonUnknown, ReasonUnreadable, ReasonLeft, ReasonDown, ReasonKey, ReasonFallen and ReasonStep are the Troubles of
	// these names.
	ReasonUnknown
	ReasonUnreadable
	ReasonLeft
	ReasonDown
	ReasonKey
	ReasonFallen
	ReasonStep
	// ReasonUpdating, ReasonFailed and ReasonUnavailable are the Phases of these names, ReasonKubelet is PhaseUnknown.
	ReasonUpdating
	ReasonFailed
	ReasonUnavailable
	ReasonKubelet
	// ReasonOlderFile: it has an older generation of the file.
	ReasonOlderFile
	// ReasonFirst: its turn is before.
	ReasonFirst
	// ReasonHeld: its turn is before, and it is held.
	ReasonHeld
	// ReasonCanary: it is a canary and not available with the revision yet. One is enough to stand in the way.
	ReasonCanary
	// ReasonOwn: this host itself; Hold says why.
	ReasonOwn
)

// reasonWords are for machines; they never change.
var reasonWords = [...]string{
	ReasonNone: "None", ReasonUnknown: "Unknown", ReasonUnreadable: "Unreadable", ReasonLeft: "Left", ReasonDown: "Down",
	ReasonKey: "KeyHeld", ReasonUpdating: "Updating", ReasonFailed: "Failed", ReasonUnavailable: "Unavailable",
	ReasonKubelet: "KubeletUnknown", ReasonOlderFile: "OlderFile", ReasonFirst: "EarlierTurn", ReasonHeld: "OnHold",
	ReasonCanary: "Canary", ReasonOwn: "Own",
	ReasonFallen: "TicketFallen", ReasonStep: "StepTooLarge",
}

// String is a CamelCase word that never changes.
func (r Reason) String() string { return word(reasonWords[:], int(r)) }

func word(words []string, i int) string {
	if i >= len(words) {
		return fmt.Sprintf("Number%d", i)
	}
	return words[i]
}

func troubleReason(t Trouble) Reason {
	switch t {
	case TroubleUnreadable:
		return ReasonUnreadable
	case TroubleLeft:
		return ReasonLeft
	case TroubleDown:
		return ReasonDown
	case TroubleKey:
		return ReasonKey
	case TroubleFallen:
		return ReasonFallen
	case TroubleStep:
		return ReasonStep
	default:
		return ReasonUnknown
	}
}

// Blocker is one member that stands in the way.
type Blocker struct {
	// ID and Name are the member's.
	ID, Name string
	Reason   Reason
	// Hold is why it is held, for ReasonHeld and ReasonOwn.
	Hold Hold
	// Until is when the hold ends by itself, for HoldNew; zero: it is not known.
	Until time.Time
	// Generation is that of its file, Wanted the one that is rolling out.
	Generation, Wanted uint64
}

// maxListed is how many blockers are listed; the others are counted.
const maxListed = 32

// Blockers is what the rule found.
type Blockers struct {
	// Budget is how many may be down at a time, this host's own pod included, Members of how many that count. Uncounted
	// are members on which the pod belongs, too, and that may have been made up as far as this host knows; see
	// Peer.Counts.
	Budget, Members, Uncounted int
	// Count is how many members stand in the way; up to Budget-1 of them do not matter.
	Count int
	// List names the first of them.
	List []Blocker
	// Generation is that of the ticket for which was asked.
	Generation uint64

	// own is the breach of a promise of this host's own, which no caller of Next sees.
	own bool
	// canary and hold are what Next found beside the rule.
	canary *Blocker
	hold   Hold
	until  time.Time
}

// May says whether few enough stand in the way.
func (b *Blockers) May() bool {
	return b.Count <= b.Budget-1 && !b.own && b.canary == nil && b.hold == HoldNone
}

// Near says whether it is nearly this host's turn: it has it when as many of those in the way are done as may be down
// at a time. Of those that agree on the fleet at most twice the budget are near or have their turn.
func (b *Blockers) Near() bool {
	return b.Budget > 0 && b.Count > b.Budget-1 && b.Count <= 2*b.Budget-1 && !b.own && b.canary == nil &&
		b.hold == HoldNone
}

func (b *Blockers) count(p *Peer, w without) {
	b.Members += one(p.grants(w))
	b.Uncounted += one(p.placed() && p.Trouble == TroubleNone && !p.Counts)
}

func (b *Blockers) add(p *Peer, reason Reason) {
	b.Count++
	if len(b.List) < maxListed {
		b.List = append(b.List, blocker(p, reason, b.Generation))
	}
}

func blocker(p *Peer, reason Reason, wanted uint64) Blocker {
	out := Blocker{ID: p.ID, Name: p.Name, Reason: reason, Wanted: wanted}
	if p.State != nil {
		out.Hold, out.Generation = p.State.Hold, p.State.Target.Generation
		if out.Hold == HoldNew {
			out.Until = p.State.HeldUntil
		}
	}
	return out
}

// All is everything that stands in the way now, what matters most first; empty where nothing does.
func (b *Blockers) All() []Blocker {
	var out []Blocker
	if b.hold != HoldNone {
		out = append(out, Blocker{Reason: ReasonOwn, Hold: b.hold, Until: b.until})
	}
	if b.canary != nil {
		out = append(out, *b.canary)
	}
	if b.Count > b.Budget-1 {
		out = append(out, b.List...)
	}
	return out
}

// String is one sentence without a stop, for people: empty where nothing stands in the way.
func (b *Blockers) String() string {
	const few = 3
	all := b.All()
	if len(all) == 0 {
		return ""
	}
	var out []string
	for i := range all[:min(few, len(all))] {
		out = append(out, all[i].String())
	}
	total := len(all)
	if b.Count > b.Budget-1 {
		total += b.Count - len(b.List)
	}
	text := strings.Join(out, "; ")
	if more := total - few; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

// String is one sentence without a stop.
func (b *Blocker) String() string {
	if b.Reason == ReasonOwn {
		return b.Hold.Text(b.Until)
	}
	name := b.Name
	if name == "" {
		name = "member " + b.ID
	}
	switch b.Reason {
	case ReasonOlderFile:
		return fmt.Sprintf("%s has generation %s of its file, %s is rolling out", name, GenerationText(b.Generation),
			GenerationText(b.Wanted))
	case ReasonHeld:
		if b.Hold == HoldNew {
			return name + " goes first and is " + b.Hold.Text(b.Until)
		}
		return fmt.Sprintf("%s goes first and is on hold: %s", name, b.Hold)
	}
	return name + " " + blockerWords[b.Reason]
}

var blockerWords = map[Reason]string{
	ReasonUnknown:    "is a known member of which nothing is on record",
	ReasonUnreadable: "has a record that cannot be understood here",
	ReasonLeft:       "left without saying what it runs",
	ReasonDown:       "is down",
	ReasonKey:        "has another key than it is known with",
	ReasonFallen:     "has forgotten what it told: its disk was set back",
	ReasonStep: "has told a generation or a class far above all others: forget it if it lies; if an operator has begun " +
		"a new epoch there, dsctl rollout reset here, too",
	ReasonUpdating:    "is being updated",
	ReasonFailed:      "failed to become available with its new revision",
	ReasonUnavailable: "has a pod that is not available",
	ReasonKubelet:     "does not know how its pod is, its kubelet does not answer",
	ReasonFirst:       "goes first",
	ReasonCanary:      "is a canary and not available with the new revision yet",
}
