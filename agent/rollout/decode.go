package rollout

import (
	"cmp"
	"strings"
	"unicode"

	"github.com/fxamacker/cbor/v2"
)

func compareKeys(a, b string) int { return cmp.Compare(a, b) }

// Decode reads the section of the member with the given id. An error is an ErrMalformed: nothing of such a section is
// used, and the member does not show how it stands (TroubleUnreadable). Fields that a newer agent has added at the end
// are skipped.
func Decode(id string, data []byte) (Section, error) {
	if len(data) > MaxSection {
		return Section{}, malformed("it has %d bytes, at most %d are possible", len(data), MaxSection)
	}
	c, err := theCodec()
	if err != nil {
		return Section{}, err
	}
	var fields []cbor.RawMessage
	if err := c.dec.Unmarshal(data, &fields); err != nil {
		return Section{}, malformed("%w", err)
	}
	r := reader{dec: c.dec, fields: fields}
	if version := number[uint](&r, 1<<32); version != sectionVersion && r.err == nil {
		return Section{}, malformed("version %d, this agent understands %d", version, sectionVersion)
	}
	omitted := number[uint](&r, 1<<20)
	var states []cbor.RawMessage
	r.take(&states)
	out := Section{Omitted: int(omitted), States: make([]State, 0, len(states))} //nolint:gosec // it is bounded
	if r.next < len(fields) {
		out.Asks, out.Knows = number[uint64](&r, 1<<64-1), number[uint64](&r, 1<<64-1)
	}
	if r.err != nil {
		return Section{}, r.err
	}
	for i, raw := range states {
		s, asked, err := c.state(id, raw)
		if err != nil {
			return Section{}, err
		}
		if i == 0 && asked != (questions{}) {
			out.Asks, out.Knows = asked.asks, asked.knows
		}
		if n := len(out.States); n > 0 && out.States[n-1].Key >= s.Key {
			return Section{}, malformed("DaemonSet %q is after %q", s.Key, out.States[n-1].Key)
		}
		out.States = append(out.States, s)
	}
	return out, nil
}

// questions are Section.Asks and Section.Knows.
type questions struct{ asks, knows uint64 }

func (c codec) state(id string, raw cbor.RawMessage) (State, questions, error) {
	var fields []cbor.RawMessage
	if err := c.dec.Unmarshal(raw, &fields); err != nil {
		return State{}, questions{}, malformed("%w", err)
	}
	r := reader{dec: c.dec, fields: fields}
	s := State{Key: text(&r, maxKey)}
	s.Target.Generation = number[uint64](&r, lastPlain)
	s.Target.Revision = r.revision()
	s.Running = r.revision()
	s.Phase = Phase(number[uint8](&r, uint64(phases-1)))
	s.Ticket.Generation = number[uint64](&r, lastPlain)
	s.Ticket.Class = number[uint32](&r, maxClass)
	flags := number[uint](&r, 1<<16)
	s.Hold = Hold(number[uint8](&r, 255))
	s.Rejected = r.rejected()
	shown(&r, &s)
	asked := later(&r, &s)
	if r.err != nil {
		return State{}, questions{}, r.err
	}
	s.setFlags(flags)
	s.Ticket.Hash = TicketHash(s.Key, id)
	return s, asked, s.check()
}

func (s *State) setFlags(flags uint) {
	s.Canary = flags&flagCanary != 0
	s.Shown.Pod, s.Shown.Ready, s.Shown.Available = flags&flagPod != 0, flags&flagReady != 0, flags&flagAvailable != 0
	if flags&flagRunsTarget != 0 {
		s.Running = s.Target.Revision
	}
	if s.Hold >= holds {
		s.Hold = HoldUnsettled // one that a newer agent knows
	}
}

// check holds a told state against what every honest host keeps to.
func (s *State) check() error {
	switch {
	case s.Key == "" || nameOf(s.Key) == "":
		return malformed("a DaemonSet has the key %q, wanted namespace/name", s.Key)
	case !s.Phase.Taken() && s.Ticket.Generation < s.Target.Generation:
		return malformed("DaemonSet %q has a ticket of generation %d, older than its target's %d", s.Key, s.Ticket.Generation,
			s.Target.Generation)
	}
	return nil
}

// reader takes the fields of an array one by one and keeps the first error.
type reader struct {
	dec    cbor.DecMode
	fields []cbor.RawMessage
	next   int
	err    error
}

func (r *reader) take(v any) {
	if r.err != nil {
		return
	}
	if r.next >= len(r.fields) {
		r.err = malformed("field %d is missing", r.next)
		return
	}
	if err := r.dec.Unmarshal(r.fields[r.next], v); err != nil {
		r.err = malformed("field %d: %w", r.next, err)
	}
	r.next++
}

func text(r *reader, most int) string {
	var s string
	r.take(&s)
	if len(s) > most && r.err == nil {
		r.err = malformed("field %d has %d bytes, at most %d are possible", r.next-1, len(s), most)
	}
	if !seen(s) && r.err == nil {
		r.err = malformed("field %d is %.64q, which cannot be shown", r.next-1, s)
	}
	return s
}

// seen says whether a text has nothing in it that cannot be seen, such as what a terminal would obey.
func seen(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

func number[T uint8 | uint | uint32 | uint64](r *reader, most uint64) T {
	var n uint64
	r.take(&n)
	if n > most && r.err == nil {
		r.err = malformed("field %d is %d, at most %d is possible", r.next-1, n, most)
	}
	return T(n)
}

func (r *reader) revision() Revision {
	var w wireRevision
	r.take(&w)
	for _, s := range w {
		if (s == "" || len(s) > maxRevision || !seen(s)) && r.err == nil {
			r.err = malformed("field %d has the revision %q", r.next-1, s)
		}
	}
	switch len(w) {
	case 0:
		return Revision{}
	case 1:
		return Revision{Fleet: w[0], Local: w[0]}
	case 2:
		return Revision{Fleet: w[0], Local: w[1]}
	}
	if r.err == nil {
		r.err = malformed("field %d has %d revisions", r.next-1, len(w))
	}
	return Revision{}
}

// inner reads an array in the next field; nil: it is empty.
func (r *reader) inner() *reader {
	var fields []cbor.RawMessage
	r.take(&fields)
	if len(fields) == 0 || r.err != nil {
		return nil
	}
	return &reader{dec: r.dec, fields: fields}
}

func (r *reader) rejected() Target {
	in := r.inner()
	if in == nil {
		return Target{}
	}
	t := Target{Generation: number[uint64](in, lastPlain), Revision: in.revision()}
	r.err = in.err
	if t.Generation == 0 {
		return Target{}
	}
	return t
}

// later reads the generations of epochs above the first, the time of a hold, and what the host asks and knows; an agent
// of before tells none.
func later(r *reader, s *State) (told questions) {
	if r.next >= len(r.fields) {
		return told
	}
	in := r.inner()
	if in == nil {
		return told
	}
	for _, to := range []*uint64{&s.Target.Generation, &s.Ticket.Generation, &s.Rejected.Generation} {
		n := number[uint64](in, MaxGeneration)
		switch {
		case in.err != nil || n == 0:
		case n <= lastPlain || *to != lastPlain:
			in.err = malformed("generation %d is told as %d", n, *to)
		default:
			*to = n
		}
	}
	if until := unix(int64(number[uint64](in, 1<<40))); s.Hold == HoldNew {
		s.HeldUntil = until
	}
	if in.next < len(in.fields) {
		told = questions{asks: number[uint64](in, 1<<64-1), knows: number[uint64](in, 1<<64-1)}
	}
	r.err = in.err
	return told
}

func shown(r *reader, s *State) {
	in := r.inner()
	if in == nil {
		return
	}
	to := &s.Shown
	if in.take(&to.Addresses); len(to.Addresses) == 0 {
		to.Addresses = nil
	}
	to.Restarts = number[uint32](in, 1<<32-1)
	to.Since = unix(int64(number[uint64](in, 1<<40)))
	if in.next < len(in.fields) {
		if why := bounds(text(in, MaxWhy)); s.Phase == PhaseFailed {
			s.Why = why
		}
	}
	if in.next < len(in.fields) {
		to.Down = bounds(text(in, MaxWhy))
	}
	for _, a := range to.Addresses {
		if (len(a) > maxAddress || !seen(a)) && in.err == nil {
			in.err = malformed("the address %.64q has %d bytes, wanted an IP address", a, len(a))
		}
	}
	if len(to.Addresses) > maxAddresses && in.err == nil {
		in.err = malformed("a pod has %d addresses, at most %d are possible", len(to.Addresses), maxAddresses)
	}
	r.err = in.err
}
