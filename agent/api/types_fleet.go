package api

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// States of a Member.
const (
	// MemberAlive: it answers.
	MemberAlive = "Alive"
	// MemberFailed: it answered once since this agent started, and does so no more.
	MemberFailed = "Failed"
	// MemberLeft: it said itself that it leaves.
	MemberLeft = "Left"
	// MemberUnknown: it is known from the state directory or the roster and has not been heard since this agent started.
	MemberUnknown = "Unknown"
	// MemberForgotten is what a watch says of a member that is no longer listed.
	MemberForgotten = "Forgotten"
)

// Standings of a Member.
const (
	// StandingTrusted: what it says of itself counts.
	StandingTrusted = "Trusted"
	// StandingUntrusted: another id has its name pinned, so that what it says is kept and does not count.
	StandingUntrusted = "Untrusted"
	// StandingNotInRoster: there is a roster and the member is not in it, so that what it says does not count.
	StandingNotInRoster = "NotInRoster"
)

// Member is one member of the fleet as this host knows it. Two hosts may know different things.
type Member struct {
	// Name is the node's name; empty while the member has not told it. Two members can have the same one.
	Name string `json:"name"`
	// ID is 26 lower-case characters made from the key; empty where the roster names a member whose key nobody has seen.
	ID string `json:"id,omitempty"`
	// Self is set for this host.
	Self bool `json:"self,omitempty"`
	// State is one of the Member constants, Standing one of the Standing constants.
	State    string `json:"state"`
	Standing string `json:"standing"`
	// Address is host:port.
	Address string `json:"address,omitempty"`
	// Key is the public key in standard base64, as the roster has it, KeyFingerprint what KeyFingerprint makes of it.
	Key            string `json:"key,omitempty"`
	KeyFingerprint string `json:"keyFingerprint,omitempty"`
	// Since is when State was entered.
	Since time.Time `json:"since,omitzero"`
	// LastHeard is when the member last answered this host, or was last said to be alive.
	LastHeard time.Time `json:"lastHeard,omitzero"`
	// RoundTripSeconds is how long the latest probe took; 0 when none was answered.
	RoundTripSeconds float64 `json:"roundTripSeconds,omitempty"`
	// AgentVersion, AgentStartedAt and Kubelet, one of the Kubelet constants, are what the member says of itself.
	AgentVersion   string    `json:"agentVersion,omitempty"`
	AgentStartedAt time.Time `json:"agentStartedAt,omitzero"`
	Kubelet        string    `json:"kubelet,omitempty"`
	// LeftOut is how much of its node the member did not tell for lack of room: "12 labels, 1 annotation"; empty for
	// nothing.
	LeftOut string `json:"leftOut,omitempty"`
	// Records are what it has published, by section.
	Records []MemberRecord `json:"records,omitempty"`
	// Conflicts are the ids of other members with the same name.
	Conflicts []string `json:"conflicts,omitempty"`
	// Notes say what somebody should look at, one sentence each.
	Notes []string `json:"notes,omitempty"`
}

// SameAs tells whether a watch has nothing to say of the way from m to o: times, the round trip and records move all
// the time.
func (m Member) SameAs(o Member) bool {
	return m.Name == o.Name && m.ID == o.ID && m.Self == o.Self && m.State == o.State && m.Standing == o.Standing &&
		m.Address == o.Address && m.Key == o.Key &&
		m.AgentVersion == o.AgentVersion && m.Kubelet == o.Kubelet && m.LeftOut == o.LeftOut && slices.Equal(m.Conflicts,
		o.Conflicts) && slices.Equal(m.Notes, o.Notes)
}

// WatchKey is what a watch knows the member by.
func (m Member) WatchKey() string { return m.ID + "/" + m.Name }

// MemberRecord is one section of what a member publishes, without its content.
type MemberRecord struct {
	Section string `json:"section"`
	// Generation and Version are of the member's own counting; only higher ones replace lower ones.
	Generation uint64 `json:"generation"`
	Version    uint64 `json:"version"`
	Bytes      int    `json:"bytes"`
	// ReceivedAt is when this host got it, by this host's clock.
	ReceivedAt time.Time `json:"receivedAt,omitzero"`
}

// MemberList answers GET /v1/members.
type MemberList struct {
	metav1.TypeMeta `json:",inline"`
	// ListMeta has the resource version from which a watch misses nothing.
	metav1.ListMeta `json:"metadata,omitzero"`
	// Cluster is the label that members of one fleet share; empty for the default one.
	Cluster string `json:"cluster,omitempty"`
	// Settled is unset while this host has just started and may still lack much of what the others know.
	Settled bool `json:"settled"`
	// Items are sorted by name and id.
	Items []Member `json:"items"`
}

// KeyFingerprint is how a member's public key is shown to people who compare two: "SHA256:" and 43 characters, as
// ssh-keygen prints those of SSH. It is empty for no key.
func KeyFingerprint(key ed25519.PublicKey) string {
	if len(key) == 0 {
		return ""
	}
	sum := sha256.Sum256(key)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

// MemberKey is a member's public key as Member.Key has it; empty for no key.
func MemberKey(key ed25519.PublicKey) string { return base64.StdEncoding.EncodeToString(key) }

// ForgetRequest is the body of POST /v1/members/forget.
type ForgetRequest struct {
	// Member is a name or an id.
	Member string `json:"member"`
	// Force forgets a member that is alive. It comes back when it starts anew or is heard with a newer record.
	Force bool `json:"force,omitempty"`
	// NeverSeen forgets, in the place of Member, all that this host has never had an answer from and has known for
	// OlderSeconds or more: none that is alive, that the roster lists, or that was trusted by hand.
	NeverSeen    bool    `json:"neverSeen,omitempty"`
	OlderSeconds float64 `json:"olderSeconds,omitempty"`
}

// ForgetResult answers POST /v1/members/forget.
type ForgetResult struct {
	metav1.TypeMeta `json:",inline"`
	// Forgotten is what was known of the member. With NeverSeen it is empty, and IDs are those of all that were forgotten.
	Forgotten Member   `json:"forgotten,omitzero"`
	IDs       []string `json:"ids,omitempty"`
	// Roster is the file in which other hosts are told to forget it, too.
	Roster string `json:"roster,omitempty"`
	// Warnings say what else somebody should know, one sentence each.
	Warnings []string `json:"warnings,omitempty"`
}

// LeaveRequest is the body of POST /v1/members/leave.
type LeaveRequest struct {
	// Force leaves though DaemonSets have pods here.
	Force bool `json:"force,omitempty"`
}

// LeaveResult answers POST /v1/members/leave.
type LeaveResult struct {
	metav1.TypeMeta `json:",inline"`
	// Name and ID are this host's.
	Name string `json:"name"`
	ID   string `json:"id"`
	// Told is how many members answered when it was said.
	Told int `json:"told"`
	// Pods are the DaemonSets that still have a pod here.
	Pods []string `json:"pods,omitempty"`
}

// TrustRequest is the body of POST /v1/members/trust.
type TrustRequest struct {
	// Member is a name or an id. A name does if one id with it is untrusted.
	Member string `json:"member"`
}

// TrustResult answers POST /v1/members/trust.
type TrustResult struct {
	metav1.TypeMeta `json:",inline"`
	Name            string `json:"name"`
	// Changed is unset where the id was trusted already.
	Changed bool `json:"changed"`
	// Old is what the name was pinned to, and is forgotten now; nil where it was pinned to nothing.
	Old *PinnedKey `json:"old,omitempty"`
	// New is what the name is pinned to.
	New PinnedKey `json:"new"`
	// Roster is the file in which other hosts are told of the key.
	Roster   string   `json:"roster,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

// PinnedKey is an id with its key, as in Member.
type PinnedKey struct {
	ID             string `json:"id"`
	Key            string `json:"key"`
	KeyFingerprint string `json:"keyFingerprint"`
}

// States of a GossipStatus.
const (
	// GossipOn: this host speaks with others.
	GossipOn = "On"
	// GossipOff: it does not, and Reason says why.
	GossipOff = "Off"
	// GossipLoopback: there is no key, so that only agents of this same host are spoken with.
	GossipLoopback = "LoopbackOnly"
)

// GossipStatus is how this host stands in the fleet.
type GossipStatus struct {
	// State is GossipOn, GossipOff or GossipLoopback.
	State string `json:"state"`
	// Reason is why it is not on, without a full stop; empty when it is.
	Reason string `json:"reason,omitempty"`
	// Cluster is the label that members of one fleet share; empty for the default one.
	Cluster string `json:"cluster,omitempty"`
	// ID and KeyFingerprint are this host's own, as in Member.
	ID             string `json:"id,omitempty"`
	KeyFingerprint string `json:"keyFingerprint,omitempty"`
	// Bind is the address that is listened on, Advertise the one that others are told; both host:port.
	Bind      string `json:"bind,omitempty"`
	Advertise string `json:"advertise,omitempty"`
	// GossipKeys are the fingerprints of the keys that encrypt, the one in use first.
	GossipKeys []string `json:"gossipKeys,omitempty"`
	// Settled is as in MemberList.
	Settled bool `json:"settled"`
	// Roster is the roster's path where one is in effect.
	Roster  string       `json:"roster,omitempty"`
	Members MemberCounts `json:"members"`
}

// MemberCounts counts members. Total is those that are trusted, this host among them, which the next four add up to.
type MemberCounts struct {
	Total   int `json:"total"`
	Alive   int `json:"alive"`
	Failed  int `json:"failed"`
	Left    int `json:"left"`
	Unknown int `json:"unknown"`
	// Held and NotInRoster do not count in Total.
	Held        int `json:"held"`
	NotInRoster int `json:"notInRoster"`
}

// CountMembers counts a list.
func CountMembers(members []Member) MemberCounts {
	var c MemberCounts
	for _, m := range members {
		c.add(m)
	}
	return c
}

func (c *MemberCounts) add(m Member) {
	switch {
	case m.Standing == StandingUntrusted:
		c.Held++
		return
	case m.Standing == StandingNotInRoster:
		c.NotInRoster++
		return
	case m.State == MemberAlive:
		c.Alive++
	case m.State == MemberFailed:
		c.Failed++
	case m.State == MemberLeft:
		c.Left++
	default:
		c.Unknown++
	}
	c.Total++
}

// NodeFacts say how old and how good an answer about another host is.
type NodeFacts struct {
	// ReceivedAt is when this host got the node's latest record, by this host's clock.
	ReceivedAt time.Time `json:"receivedAt,omitzero"`
	// LastHeard, State, Standing and ID are the member's.
	LastHeard time.Time `json:"lastHeard,omitzero"`
	State     string    `json:"state"`
	Standing  string    `json:"standing,omitempty"`
	ID        string    `json:"id,omitempty"`
	// LeftOut is as in Member. What is left out may make the answer another than the node's own.
	LeftOut string `json:"leftOut,omitempty"`
}
