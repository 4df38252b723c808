// Package screen stands between a transport and memberlist and lets through only what memberlist of this version sends,
// so that what else a peer may send reaches none of its decoders. It is a memberlist transport around another one.
//
// memberlist v0.7.0 ends the whole process when somebody who has the key sends an encrypted message of no bytes over a
// stream, or one in the old encryption version 0 whose padding is longer than itself. It also unpacks compressed
// messages of any depth up to 40 MiB each, a few bytes at a time, and makes room for a million members because a number
// says so. Members of a fleet send none of that: compression is off and every message is in version 1. So each packet
// is opened here first, as is the one message of each stream, whether it was accepted or dialed. What is compressed,
// nested, in another version, or not of the length that it claims is dropped, and so is what no key opens. Opening
// twice costs about a microsecond a packet.
//
// What passes is handed on as it came: memberlist opens it again, and its own checks stay in effect.
package screen
