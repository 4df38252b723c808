// Package gossip replicates small records that only their owner can write among all members of a fleet, over
// memberlist.
//
// It knows nothing of DaemonSets: a record's body is opaque. What each room is for:
//
//   - record: one signed record, its identity and its order.
//   - identity: the key that makes a member who it is, on disk.
//   - records: all records of all members on one host, the merge laws, digests for anti-entropy, the disk log, pins.
//   - wire: the frames that members send each other.
//   - broadcast: the queue of what is pushed with memberlist's packets.
//   - transport: packets and streams of a real network; memnet the same, simulated with faults.
//   - screen: what a transport receives, looked at before memberlist does.
//   - keyring: the file of the shared keys.
//   - gossip itself: one member, made of all of these.
package gossip
