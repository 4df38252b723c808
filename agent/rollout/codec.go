package rollout

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"

	"github.com/daemonsetd/daemonsetd/internal/base/sectionwire"
)

const (
	// MaxSection is the size in bytes of what a host tells of all its DaemonSets.
	MaxSection = 16 << 10
	// MaxDaemonSets is how many a section may tell of.
	MaxDaemonSets = 256

	maxKey      = 63 + 1 + 253 // namespace/name
	maxRevision = 16
	// MaxWhy is the size in bytes of State.Why.
	MaxWhy       = 160
	maxAddresses = 4
	maxAddress   = 45 // the longest text of an IPv6 address

	sectionVersion = 1
)

// ErrMalformed is in every error about a section that cannot be used.
var ErrMalformed = errors.New("malformed rollout section")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
}

// Section is what a host tells of all its DaemonSets.
type Section struct {
	// States are sorted by key.
	States []State
	// Omitted is how many more there are for which there was no room. A member that omits any does not show how it stands
	// with a DaemonSet that it does not list (TroubleUnreadable).
	Omitted int
	// Asks is what the host asks the others, and Knows stands for all questions that it has heard; see Asks and Heard.
	Asks, Knows uint64
	// Plain is how many of States are told without Shown's addresses, restarts and start, for want of room.
	Plain int
}

// wireSection and wireState are CBOR arrays. What the budget depends on comes first, and a field at the end may be
// missing.
//
// Section.Asks and Section.Knows, where one of them is not 0, are at the end of the first state, in wireState.Later:
// agents from before they were told skip them there, and would refuse a section with more fields. Where no DaemonSet
// is told, the section has them as two fields more.
type wireSection struct {
	_       struct{} `cbor:",toarray"`
	Version uint
	Omitted uint
	States  []cbor.RawMessage
}

type wireAsking struct {
	_       struct{} `cbor:",toarray"`
	Version uint
	Omitted uint
	States  []cbor.RawMessage
	Asks    uint64
	Knows   uint64
}

type wireState struct {
	_          struct{} `cbor:",toarray"`
	Key        string
	Generation uint64
	Target     wireRevision
	// Running is empty where it is Target.
	Running wireRevision
	Phase   Phase

	TicketGeneration uint64
	TicketClass      uint32
	Flags            uint
	Hold             Hold
	Rejected         []cbor.RawMessage
	Shown            []cbor.RawMessage
	// Later is empty, or has the generations of the target, the ticket and what was rejected, those that are of an epoch
	// above the first: 0 where the field above says it; and HeldUntil in seconds. Above such a generation is told as
	// lastPlain, which is lower, so that an agent that knows no epochs never takes the host for further than it is.
	// Of the first state it may have Section.Asks and Section.Knows behind those.
	Later []cbor.RawMessage
}

// lastPlain is the highest generation that agents understand that know no epochs.
const lastPlain = 1 << epochBits

// plain is a generation as it is told to all agents, and beyond what only those understand that know epochs; 0: the
// same.
func plain(generation uint64) (told, beyond uint64) {
	if generation <= lastPlain {
		return generation, 0
	}
	return lastPlain, generation
}

// wireRevision is empty, the fleet revision alone where the local one is the same, or both.
type wireRevision []string

const (
	flagCanary = 1 << iota
	flagPod
	flagReady
	flagAvailable
	flagRunsTarget
	allFlags = 1<<iota - 1
)

type codec struct {
	enc cbor.EncMode
	dec cbor.DecMode
}

// theCodec is made once; its options are constants, and the error is for the case that the library refuses them.
var theCodec = sync.OnceValues(func() (codec, error) {
	c, err := sectionwire.New(sectionwire.Limits{Elements: MaxDaemonSets, Pairs: 16, Nesting: 8})
	return codec{c.Enc, c.Dec}, err
})

// Encode makes a section of at most MaxSection bytes. The same states give the same bytes. Where there is no room for
// all, sentences of the last by key are left out first, then addresses, restarts and starts, and then whole DaemonSets
// from the end; the section says how many. Knows is Section.Knows; it is 0 for
// a host that has heard no question of others.
func Encode(states []State, knows uint64) ([]byte, Section, error) {
	c, err := theCodec()
	if err != nil {
		return nil, Section{}, err
	}
	states = slices.Clone(states)
	slices.SortFunc(states, func(a, b State) int { return compareKeys(a.Key, b.Key) })
	f := fitter{room: MaxSection - 40}
	for i := range states {
		if err := f.add(c.enc, &states[i]); err != nil {
			return nil, Section{}, err
		}
	}
	f.fit()
	out := Section{
		States: states[:len(f.told)], Omitted: len(states) - len(f.told), Plain: f.plain, Asks: Asks(states), Knows: knows,
	}
	omitted := uint(out.Omitted) //nolint:gosec // it is a length
	var w any = wireSection{Version: sectionVersion, Omitted: omitted, States: f.told}
	switch {
	case out.Asks == 0 && knows == 0:
	case len(f.told) == 0:
		w = wireAsking{Version: sectionVersion, Omitted: omitted, States: f.told, Asks: out.Asks, Knows: knows}
	default:
		if f.told[0], err = c.asking(f.told[0], out.Asks, knows); err != nil {
			return nil, Section{}, err
		}
	}
	data, err := c.enc.Marshal(w)
	if err != nil {
		return nil, Section{}, fmt.Errorf("encoding the rollout section: %w", err)
	}
	return data, out, nil
}

// asking puts what the host asks and knows at the end of a state.
func (c codec) asking(state cbor.RawMessage, asks, knows uint64) (cbor.RawMessage, error) {
	var w wireState
	if err := c.dec.Unmarshal(state, &w); err != nil {
		return nil, fmt.Errorf("encoding the rollout section: %w", err)
	}
	if len(w.Later) == 0 {
		var err error
		if w.Later, err = raws(c.enc, 0, 0, 0, 0); err != nil {
			return nil, err
		}
	}
	more, err := raws(c.enc, asks, knows)
	if err != nil {
		return nil, err
	}
	w.Later = append(w.Later, more...)
	return c.enc.Marshal(w)
}

// fitter chooses what there is room for. Each state has three forms: bare, with Shown but no sentences, and whole.
type fitter struct {
	room  int
	forms [3][]cbor.RawMessage
	told  []cbor.RawMessage
	plain int
}

func (f *fitter) add(enc cbor.EncMode, s *State) error {
	quiet := *s
	quiet.Why, quiet.Shown.Down = "", ""
	bare := quiet
	bare.Shown = Shown{Pod: s.Shown.Pod, Ready: s.Shown.Ready, Available: s.Shown.Available}
	for form, s := range []*State{&bare, &quiet, s} {
		if form == 2 && s.Why == "" && s.Shown.Down == "" {
			f.forms[form] = append(f.forms[form], f.forms[1][len(f.forms[1])-1])
			break
		}
		w, err := toWire(enc, s)
		if err != nil {
			return err
		}
		raw, err := enc.Marshal(w)
		if err != nil {
			return fmt.Errorf("encoding DaemonSet %q: %w", s.Key, err)
		}
		f.forms[form] = append(f.forms[form], raw)
	}
	return nil
}

// bounds cuts a sentence to what a record has room for, and leaves nothing in it that does not print.
func bounds(why string) string {
	out := strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, why)
	for len(out) > MaxWhy {
		_, size := utf8.DecodeLastRuneInString(out)
		out = out[:len(out)-size]
	}
	return out
}

func (f *fitter) fit() {
	n, bare := 0, f.forms[0]
	for n < len(bare) && n < MaxDaemonSets && f.room >= len(bare[n]) {
		f.room -= len(bare[n])
		n++
	}
	f.told = slices.Clone(bare[:n])
	f.plain = n - f.upgrade(n, f.forms[1])
	f.upgrade(n-f.plain, f.forms[2])
}

// upgrade tells the first of n states in a longer form, as many as there is room for, and says how many those are. Once
// one has no room, none after it, so that nothing flickers.
func (f *fitter) upgrade(n int, form []cbor.RawMessage) int {
	for i := range n {
		more := len(form[i]) - len(f.told[i])
		if more > f.room {
			return i
		}
		f.room -= more
		f.told[i] = form[i]
	}
	return n
}

func toWire(enc cbor.EncMode, s *State) (wireState, error) {
	w := wireState{
		Key: s.Key, Target: s.Target.Revision.wire(), Running: s.Running.wire(), Phase: s.Phase,
		TicketClass: s.Ticket.Class, Hold: s.Hold, Flags: s.flags(),
	}
	var beyond [3]uint64
	var rejected uint64
	w.Generation, beyond[0] = plain(s.Target.Generation)
	w.TicketGeneration, beyond[1] = plain(s.Ticket.Generation)
	rejected, beyond[2] = plain(s.Rejected.Generation)
	if s.Running == s.Target.Revision {
		w.Running = nil
	}
	var err error
	if s.Rejected.Generation != 0 {
		w.Rejected, err = raws(enc, rejected, s.Rejected.Revision.wire())
	}
	until := int64(0)
	if s.Hold == HoldNew {
		until = seconds(s.HeldUntil)
	}
	if err == nil && (beyond != [3]uint64{} || until != 0) {
		w.Later, err = raws(enc, beyond[0], beyond[1], beyond[2], until)
	}
	why, down := s.texts()
	if err == nil && (why != "" || down != "" || len(s.Shown.Addresses) > 0 || s.Shown.Restarts > 0 ||
		!s.Shown.Since.IsZero()) {
		shown := []any{
			s.Shown.Addresses[:min(len(s.Shown.Addresses), maxAddresses)], s.Shown.Restarts, seconds(s.Shown.Since),
		}
		if why != "" || down != "" {
			shown = append(shown, why)
		}
		if down != "" {
			shown = append(shown, down)
		}
		w.Shown, err = raws(enc, shown...)
	}
	if err != nil {
		return w, fmt.Errorf("encoding DaemonSet %q: %w", s.Key, err)
	}
	return w, nil
}

// texts are what is told of State.Why and of Shown.Down: nothing is told twice.
func (s *State) texts() (why, down string) {
	if s.Phase == PhaseFailed {
		why = bounds(s.Why)
	}
	if down = bounds(s.Shown.Down); down == why {
		down = ""
	}
	return why, down
}

func raws(enc cbor.EncMode, values ...any) ([]cbor.RawMessage, error) {
	out := make([]cbor.RawMessage, len(values))
	for i, v := range values {
		b, err := enc.Marshal(v)
		if err != nil {
			return nil, err
		}
		out[i] = b
	}
	return out, nil
}

func (r Revision) wire() wireRevision {
	switch {
	case r.IsZero():
		return nil
	case r.Fleet == r.Local:
		return wireRevision{r.Fleet}
	}
	return wireRevision{r.Fleet, r.Local}
}

func (s *State) flags() uint {
	var out uint
	for _, f := range []struct {
		set  bool
		flag uint
	}{
		{s.Canary, flagCanary},
		{s.Shown.Pod, flagPod},
		{s.Shown.Ready, flagReady},
		{s.Shown.Available, flagAvailable},
		{s.Running == s.Target.Revision, flagRunsTarget},
	} {
		if f.set {
			out |= f.flag
		}
	}
	return out
}

// seconds are those of a moment since 1970; 0: there is none.
func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return max(t.Unix(), 0)
}

func unix(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}
