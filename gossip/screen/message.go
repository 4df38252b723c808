package screen

import (
	"encoding/binary"
	"hash/crc32"
)

// The types of memberlist's messages: its net.go. They are part of its protocol and are only ever added to.
const (
	typePing, typeIndirectPing, typeAck               = 0, 1, 2
	typeSuspect, typeAlive, typeDead                  = 3, 4, 5
	typePushPull, typeCompound, typeUser              = 6, 7, 8
	typeCompress, typeEncrypt, typeNack, typeCRC      = 9, 10, 11, 12
	typeError, typeLabel                         byte = 13, 244
)

// Limits of what a message may claim.
type Limits struct {
	// Message is the length of a message over a stream, User that of what a Delegate gets of it, in bytes. Nodes is how
	// many members a push/pull may list.
	Message, User, Nodes int
}

// checkPacket says what is wrong with the plaintext of a packet; "": nothing.
func checkPacket(plain []byte) Reason {
	if len(plain) >= 5 && plain[0] == typeCRC {
		if crc32.ChecksumIEEE(plain[5:]) != binary.BigEndian.Uint32(plain[1:]) {
			return Misshapen
		}
		plain = plain[5:]
	}
	if len(plain) == 0 {
		return Empty
	}
	if plain[0] != typeCompound {
		return checkPart(plain)
	}
	return checkParts(plain[1:])
}

// checkParts checks what came in one packet: how many, the length of each, then all of them.
func checkParts(b []byte) Reason {
	if len(b) == 0 || len(b) < 1+2*int(b[0]) {
		return Misshapen
	}
	lengths, rest := b[1:1+2*int(b[0])], b[1+2*int(b[0]):]
	for ; len(lengths) > 0; lengths = lengths[2:] {
		n := int(binary.BigEndian.Uint16(lengths))
		if n > len(rest) {
			return Misshapen
		}
		if why := checkPart(rest[:n]); why != "" {
			return why
		}
		rest = rest[n:]
	}
	return ""
}

// checkPart checks one message of a packet.
func checkPart(b []byte) Reason {
	if len(b) == 0 {
		return Empty
	}
	switch b[0] {
	case typePing, typeIndirectPing, typeAck, typeNack:
		r := reader{rest: b[1:]}
		if r.skip(); r.bad {
			return Misshapen
		}
	case typeSuspect, typeAlive, typeDead:
		r := reader{rest: b[1:]}
		c := r.claim()
		switch {
		case r.bad:
			return Misshapen
		case absurd(c.incarnation, b[0] == typeAlive):
			return Absurd
		}
	case typeUser:
	case typeCompress:
		return Compressed
	case typeCompound:
		return Nested
	default:
		return Misshapen
	}
	return ""
}

// unfinished is a message of which more is to come, if anything.
const unfinished Reason = "unfinished"

// checkMessage checks the plaintext of a stream, which is one message. What ends too early is unfinished.
func (l Limits) checkMessage(plain []byte) Reason {
	if len(plain) == 0 {
		return Empty
	}
	r := reader{rest: plain[1:]}
	switch plain[0] {
	case typePing, typeAck, typeError:
		r.skip()
	case typeUser:
		r.tail(r.header("UserMsgLen", l.User))
	case typePushPull:
		l.checkPushPull(&r)
	case typeCompress:
		return Compressed
	default:
		return Misshapen
	}
	switch {
	case r.short:
		return unfinished
	case r.bad || len(r.rest) > 0:
		return Misshapen
	}
	return ""
}

// checkPushPull: a header, as many members as it says, and as many bytes of a Delegate as it says.
func (l Limits) checkPushPull(r *reader) {
	claims := r.numbers()
	nodes, user := claims["Nodes"], claims["UserStateLen"]
	if nodes > uint64(l.Nodes) || user > uint64(l.User) { //nolint:gosec // limits are not negative
		r.fail()
		return
	}
	for range nodes {
		if r.bad {
			return
		}
		r.skip()
	}
	r.tail(user)
}
