package backend

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/fleet"
	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/records"
)

// fleetView is the fleet as it is now; an error that says why where there is none.
func (b *Backend) fleetView() (*fleet.View, error) {
	if v := b.cfg.Fleet.View(); v != nil {
		return v, nil
	}
	st := b.gossipStatus()
	return nil, api.Errorf(api.CodeUnavailable, "gossip is off: %s", st.Reason).
		WithRemedy("dsctl keyring generate makes a key; copy it to every host, set gossip.join, then dsctl reload")
}

// gossipStatus is how this host stands in the fleet.
func (b *Backend) gossipStatus() *api.GossipStatus {
	v, now := b.cfg.Fleet.View(), b.cfg.Fleet.Status()
	st := &api.GossipStatus{State: api.GossipOff, Reason: now.Mode.Why, Cluster: b.cfg.Cluster}
	if now.Off != nil {
		st.Reason = now.Off.Error()
	}
	if v == nil {
		return st
	}
	st.State, st.Reason = api.GossipOn, ""
	if !now.Mode.Keyed {
		st.State, st.Reason = api.GossipLoopback, now.Mode.Why
	}
	members := apiMembers(v, time.Now())
	st.ID, st.Bind, st.GossipKeys = v.Self.String(), now.Bind.String(), now.Keys
	st.Settled, st.Roster = v.Settled, now.RosterFile
	st.Members = api.CountMembers(members)
	for _, m := range members {
		if m.Self {
			st.KeyFingerprint, st.Advertise = m.KeyFingerprint, m.Address
		}
	}
	return st
}

// Members implements api.Backend.
func (b *Backend) Members(context.Context) (*api.MemberList, error) {
	v, err := b.fleetView()
	if err != nil {
		return nil, err
	}
	return &api.MemberList{Cluster: v.Cluster, Settled: v.Settled, Items: apiMembers(v, time.Now())}, nil
}

// apiMembers are the members as the API shows them.
func apiMembers(v *fleet.View, now time.Time) []api.Member {
	ids, self := map[string][]string{}, ""
	for _, m := range v.Members {
		if m.Self {
			self = m.Name
		}
		if m.Name != "" && !m.ID.IsZero() {
			ids[m.Name] = append(ids[m.Name], m.ID.String())
		}
	}
	out := make([]api.Member, 0, len(v.Members))
	for _, m := range v.Members {
		out = append(out, apiMember(m, ids[m.Name], now))
		if last := &out[len(out)-1]; !m.Self && m.Standing == records.Held && m.Name != "" && m.Name == self {
			last.Notes = []string{ownNameNote(m)}
		}
	}
	return out
}

// apiMember is one member; namesakes are the ids of all that have its name.
func apiMember(m fleet.Member, namesakes []string, now time.Time) api.Member {
	out := api.Member{
		Name: m.Name, Self: m.Self, State: memberState(m.State), Standing: memberStanding(m.Standing),
		Key:            api.MemberKey(m.Key),
		KeyFingerprint: api.KeyFingerprint(m.Key), Since: m.Since, LastHeard: m.LastHeard,
		RoundTripSeconds: m.RTT.Seconds(), Notes: memberNotes(m),
	}
	if !m.ID.IsZero() {
		out.ID = m.ID.String()
	}
	if m.Self {
		out.LastHeard = now
	}
	if m.Address.IsValid() {
		out.Address = m.Address.String()
	}
	if m.Facts != nil {
		out.AgentVersion, out.AgentStartedAt = m.Facts.AgentVersion, m.Facts.Started
		out.Kubelet, out.LeftOut = m.Facts.Kubelet, m.Facts.LeftOut.String()
	}
	for _, section := range sortedKeys(m.Sections) {
		s := m.Sections[section]
		out.Records = append(out.Records, api.MemberRecord{
			Section: section, Generation: s.Stamp.Generation, Version: s.Stamp.Version, Bytes: len(s.Body),
			ReceivedAt: s.ReceivedAt,
		})
	}
	for _, id := range namesakes {
		if id != out.ID {
			out.Conflicts = append(out.Conflicts, id)
		}
	}
	return out
}

func memberState(s gossip.State) string {
	switch s {
	case gossip.StateAlive:
		return api.MemberAlive
	case gossip.StateFailed:
		return api.MemberFailed
	case gossip.StateLeft:
		return api.MemberLeft
	}
	return api.MemberUnknown
}

func memberStanding(s records.Standing) string {
	switch s {
	case records.Trusted:
		return api.StandingTrusted
	case records.Excluded:
		return api.StandingNotInRoster
	}
	return api.StandingUntrusted
}

// ownNameNote says who another member with this host's own name is.
func ownNameNote(m fleet.Member) string {
	if m.State == gossip.StateAlive {
		return "it has this host's name and is alive: a second host of that name, or an intruder; " +
			"give one of them another name"
	}
	return "it has this host's name and does not answer: most likely this host itself before it was installed anew; " +
		"dsctl forget " + m.ID.String() + " here, and dsctl trust " + m.Name + " on the other hosts"
}

// memberNotes are what somebody should look at.
func memberNotes(m fleet.Member) []string {
	var notes []string
	switch {
	case m.Standing == records.Held && m.Name == "":
		notes = append(notes, "it has not told its name yet")
	case m.Standing == records.Held:
		notes = append(notes, "another key has this name: a host that was installed anew (dsctl trust), a second host of "+
			"that name, or an intruder")
	case m.Contested:
		notes = append(notes, "another key claims this name, so that what it says of rollouts does not count: dsctl trust "+
			"says which of them is right, dsctl forget drops the other")
	case m.Standing == records.Excluded && m.Name != "" && len(m.Key) > 0:
		notes = append(notes, "the members file does not list it with this key; nothing of it is kept")
	}
	if m.Elsewhere.IsValid() {
		notes = append(notes, fmt.Sprintf("its key is used from %s too: "+
			"a disk that was copied after the first start, or an address that has changed", m.Elsewhere))
	}
	if m.Complaints > 0 {
		notes = append(notes, "it sends what no member should; the log says what")
	}
	for _, p := range m.Problems() {
		notes = append(notes, fmt.Sprintf("what it tells in section %s cannot be used: %v", p.Section, p.Err))
	}
	return notes
}

// Specs implements api.Backend.
func (b *Backend) Specs(context.Context) (*api.SpecFileList, error) {
	v, err := b.fleetView()
	if err != nil {
		return nil, err
	}
	return specFileList(v), nil
}

// find is the member that a request means: an id, or the name of the only member that fits.
func find(v *fleet.View, text string, fits func(fleet.Member) bool, kind string) (fleet.Member, error) {
	var found []fleet.Member
	for _, m := range v.Members {
		if !m.ID.IsZero() && m.ID.String() == text {
			return m, nil
		}
		if m.Name == text && !m.ID.IsZero() && fits(m) {
			found = append(found, m)
		}
	}
	switch len(found) {
	case 0:
		return fleet.Member{}, api.Errorf(api.CodeNotFound, "there is no %s with the name or id %q", kind, text).
			WithRemedy("dsctl members lists them")
	case 1:
		return found[0], nil
	}
	ids := make([]string, len(found))
	for i, m := range found {
		ids[i] = fmt.Sprintf("%s (%s)", m.ID, memberState(m.State))
	}
	list := strings.Join(ids, ", ")
	return fleet.Member{}, api.Errorf(api.CodeConflict, "%d %ss have the name %q: %s", len(found), kind, text, list).
		WithRemedy("give the id")
}

// Forget implements api.Backend.
func (b *Backend) Forget(_ context.Context, req api.ForgetRequest) (*api.ForgetResult, error) {
	v, err := b.fleetView()
	if err != nil {
		return nil, err
	}
	if req.NeverSeen {
		return b.forgetNeverSeen(time.Duration(req.OlderSeconds * float64(time.Second)))
	}
	m, err := find(v, req.Member, func(fleet.Member) bool { return true }, "member")
	if err != nil {
		return nil, err
	}
	switch {
	case m.Self:
		return nil, api.Errorf(api.CodeConflict, "%s is this host, which does not forget itself", m.Name).
			WithRemedy("ask on another host")
	case m.State == gossip.StateAlive && !req.Force:
		return nil, api.Errorf(api.CodeConflict, "%s (%s) is alive and would be back at once", m.Name, m.ID).
			WithRemedy("stop its agent first, or use --force")
	}
	res := &api.ForgetResult{Forgotten: apiMember(m, nil, time.Now()), Roster: b.cfg.MembersFile}
	if err := b.cfg.Fleet.Forget(m.ID); err != nil {
		if !errors.Is(err, records.ErrNotSaved) {
			return nil, err
		}
		res.Warnings = append(res.Warnings, err.Error())
	}
	return res, nil
}

// forgetNeverSeen forgets whom most likely somebody has made up.
func (b *Backend) forgetNeverSeen(older time.Duration) (*api.ForgetResult, error) {
	ids := b.cfg.Fleet.NeverSeen(time.Now().Add(-older))
	res := &api.ForgetResult{Roster: b.cfg.MembersFile}
	for _, id := range ids {
		res.IDs = append(res.IDs, id.String())
	}
	if err := b.cfg.Fleet.ForgetAll(ids); err != nil {
		if !errors.Is(err, records.ErrNotSaved) {
			return nil, err
		}
		res.Warnings = append(res.Warnings, err.Error())
	}
	return res, nil
}

// Trust implements api.Backend.
func (b *Backend) Trust(_ context.Context, req api.TrustRequest) (*api.TrustResult, error) {
	v, err := b.fleetView()
	if err != nil {
		return nil, err
	}
	held := func(m fleet.Member) bool { return m.Standing == records.Held }
	m, err := find(v, req.Member, held, "untrusted member")
	if e, ok := errors.AsType[*api.Error](err); ok && e.Code == api.CodeNotFound {
		if trusted, ok := pinned(v, req.Member); ok {
			m, err = trusted, nil
		}
	}
	if err != nil {
		return nil, err
	}
	res := &api.TrustResult{Name: m.Name, New: pinnedKey(m), Roster: b.cfg.MembersFile}
	if m.Standing == records.Trusted {
		if m.ByHand || m.Self {
			return res, nil
		}
		// Nobody else gets the name, but from now on an operator has said so: it counts at once as one that is known for
		// long.
		if err := b.cfg.Fleet.Trust(m.ID); err != nil {
			if !errors.Is(err, records.ErrNotSaved) {
				return nil, api.Errorf(api.CodeConflict, "%v", err)
			}
			res.Warnings = append(res.Warnings, err.Error())
		}
		return res, nil
	}
	if m.Standing == records.Excluded || m.Name == "" {
		return nil, api.Errorf(api.CodeConflict,
			"member %s cannot be trusted: it is not in the roster, or has not told its name", m.ID).
			WithRemedy("list it in " + b.cfg.MembersFile)
	}
	if old, ok := pinned(v, m.Name); ok {
		res.Old = new(pinnedKey(old))
	}
	res.Changed = true
	if err := b.cfg.Fleet.Trust(m.ID); err != nil {
		if !errors.Is(err, records.ErrNotSaved) {
			return nil, api.Errorf(api.CodeConflict, "%v", err)
		}
		res.Warnings = append(res.Warnings, err.Error())
	}
	return res, nil
}

// Leave implements api.Backend.
func (b *Backend) Leave(ctx context.Context, req api.LeaveRequest) (*api.LeaveResult, error) {
	v, err := b.fleetView()
	if err != nil {
		return nil, err
	}
	res := &api.LeaveResult{Name: b.cfg.Host, ID: v.Self.String()}
	for _, m := range v.Members {
		if !m.Self && m.State == gossip.StateAlive {
			res.Told++
		}
	}
	if now := b.cfg.Latest(); now != nil {
		for _, st := range now.Statuses {
			if st.Current != "" {
				res.Pods = append(res.Pods, st.Key)
			}
		}
	}
	if len(res.Pods) > 0 && !req.Force {
		return nil, api.Errorf(api.CodeConflict, "%s still has pods of %s, which nobody would count any more",
			res.Name, strings.Join(res.Pods, ", ")).
			WithRemedy("remove their spec files first, or use --force")
	}
	if err := b.cfg.Fleet.Leave(ctx); err != nil {
		return nil, err
	}
	b.cfg.Log.Warn().Msg("this host has told the fleet that it left for good; a restart takes it back")
	return res, nil
}

// pinned is the member to which a name belongs.
func pinned(v *fleet.View, name string) (fleet.Member, bool) {
	for _, m := range v.Members {
		if m.Name == name && m.Standing == records.Trusted && !m.ID.IsZero() {
			return m, true
		}
	}
	return fleet.Member{}, false
}

func pinnedKey(m fleet.Member) api.PinnedKey {
	return api.PinnedKey{ID: m.ID.String(), Key: api.MemberKey(m.Key), KeyFingerprint: api.KeyFingerprint(m.Key)}
}

// FleetChanged implements api.Backend.
func (b *Backend) FleetChanged() <-chan struct{} { return b.cfg.Fleet.Changed() }

// lookupError turns an error of the fleet's view into what the client is told.
func lookupError(err error) error {
	switch {
	case errors.Is(err, fleet.ErrNoMember):
		return api.Errorf(api.CodeNotFound, "%v", err).WithRemedy("dsctl members lists all members")
	case errors.Is(err, fleet.ErrNotTrusted):
		return api.Errorf(api.CodeConflict, "%v", err).WithRemedy("dsctl members shows why")
	}
	return api.Errorf(api.CodeUnavailable, "%v", err)
}
