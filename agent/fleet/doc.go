// Package fleet is what an agent tells the others of its host, and what it makes of what the others tell.
//
// A host tells two things, each as one section of the gossip: its node (labels, taints, conditions, addresses,
// versions; FromNode and DecodeNode) and the files of its specs directory with their digests (EncodeSpecs and
// DecodeSpecs). What the others told is brought together by a Tracker: every member as a v1 Node, as the API server of
// a cluster would show it, with the conditions and taints of an unreachable node where the member does not answer.
//
// The package is pure: no disk, network or clock; moments are arguments. Sections come from other hosts and are judged
// before they are used: they have bounded sizes, a text in them cannot drive a terminal, a time cannot break the
// encoding of a list, and one that cannot be decoded is a problem of that member alone.
//
// # Wire format
//
// A section is one CBOR map (RFC 8949, core deterministic encoding) with small integers as keys. Equal facts give equal
// bytes, and nothing in them moves with time alone, so that a changed body is a changed host. A key is never used for
// something else later; one that is not known is skipped and counted, so that hosts of different versions understand
// each other.
package fleet
