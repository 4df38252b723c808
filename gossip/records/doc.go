// Package records keeps the records of all members on one host: what is newest of each, what of it differs from a
// peer's, who has which name, and all of it on disk. It is safe for use by several goroutines. Nothing in it waits for
// the disk but what says so: Put, Forget, Trust, SetRoster and Close.
//
// # Merge laws
//
// A table holds at most one record for each (owner, section). Offer merges one more into it: it stays where the table
// has one with the same or a higher stamp, else it takes its place. So for tables a, b, c and their merge a+b:
//
//   - idempotent: a+a = a. A record that is offered twice changes nothing the second time.
//   - commutative: a+b = b+a. Two records may arrive in either order.
//   - associative: (a+b)+c = a+(b+c). It does not matter through whom, and in what portions, records arrive.
//   - monotone: no stamp ever goes down, and no (owner, section) ever goes away, but by Forget, which an operator asks
//     for.
//
// Therefore two tables that were offered the same records hold the same and give the same digests, in whatever order,
// how often and through whom they came. Four things are outside of these laws, and each is local to its host on
// purpose: who was forgotten or excluded, to whom a name is pinned while several members use it, what was refused
// because a limit was reached, and a record from more than ten years in the future of this host's clock, which is
// refused until the clock allows it.
//
// Own records that others show follow the same laws: where they are newer than what this host has (its disk was lost or
// restored, its clock was wrong), they are kept like any other, Offer says Own, and NextStamp goes above them.
//
// # Names
//
// A member says in its own record of section "member" (Profile) how it is called. The first member that is seen with a
// name is pinned to it. Another one with the same name is Held: its records are kept and shown, marked as such, so that
// a consumer can tell the operator and take no permission from them. From then on the name is closed: when the pinned
// member is forgotten nobody inherits it, and nobody gets it by coming first, until Trust says who is meant, or a
// Roster has a key for it. Only where the pinned member itself takes another name, and a single other one claims the
// old name, that one gets it.
//
// With a Roster, whoever it does not list is excluded, and so is another key under a name that it lists with its key:
// nothing of them is kept. New members that it does not name are admitted by a token bucket.
//
// # Disk
//
// File members.log in Config.Dir: what changed is appended, and the file is replaced by a compact one when it is more
// than twice as long as it has to be. Own records, tombstones and moved pins are on disk before the call returns; what
// came from others follows within two seconds, pins with an fsync. A torn end is cut. Damage in the middle costs only
// the frames that it hit; the damaged file is set aside as members.log.bad-TIME. Whatever is wrong with the disk, the
// table goes on in memory and Problem says so.
package records
