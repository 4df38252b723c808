// Package broadcast is the queue of what a member pushes: the records that it has just written or just learnt, handed
// to memberlist whenever that has room in a packet (memberlist.Delegate.GetBroadcasts).
//
// Every section of every owner has one slot, which holds the newest record of it. A slot's message is given out
// 2*ceil(log10(N+1)) + 4 times in all, N being the number of members, each time to a peer that was chosen at random,
// and is then done with: that reaches everybody but once in a hundred times, and what it misses is found by comparing
// digests. In front goes what this member wrote itself, as nobody else can send it yet; then what has been sent the
// fewest times; among those, what has waited longest. A message that was passed over again and again because the rest
// of a packet was too small for it goes first once.
//
// memberlist has such a queue, TransmitLimitedQueue, which cannot be used. It numbers its messages anew whenever it is
// empty, also for the moment in which the only message is being replaced, so that a message pushed after that takes the
// number, and with equal length the place, of one that is still waiting, which is then never sent; a test here shows it
// (up to v0.7.0 at least; hashicorp/memberlist pull requests 263, 322 and 324). A message that is too long for a packet
// stays in it for ever. And it asks for the number of members while it holds its lock, which memberlist, calling in the
// other order, can turn into a deadlock.
package broadcast
