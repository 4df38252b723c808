// Package memnet is a network in memory for tests and simulations of members: packets and streams with loss, delay,
// reordering, duplication and cuts, all of them changeable while it runs. A Transport of it is what memberlist takes.
//
// It is made for testing/synctest. Nothing in it waits on the operating system, a goroutine that waits does so on a
// channel or a condition variable, and a timer runs only while something is in flight, so that virtual time moves on. A
// Network and all that uses it must then be made in the same bubble. Outside a bubble it works in real time.
//
// Packets behave like UDP: they are lost without an error, also where the receiver does not keep up. Streams behave
// like TCP: bytes stay in order and are never lost; loss delays them, a cut stalls them until it heals, or until the
// sender gives up after about 15 minutes; a writer whose peer does not read is blocked until its deadline; what is
// written to a peer that has closed or is gone breaks the stream. One thing is simpler: a stream needs both directions
// of its path, so a one-way cut stalls both.
//
// What happens to a packet depends on the seed, on its sender and on how many packets the sender sent before it, so the
// same seed gives the same run as far as the order in which goroutines of one sender run allows.
//
// It costs little: one heap and one timer for the whole network, no goroutine for a packet, and no allocation for it
// but the copy of its bytes and memberlist's Packet.
package memnet
