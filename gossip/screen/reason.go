package screen

// Reason says why something was dropped. The values are for metrics and logs.
type Reason string

// Reasons of which anybody is capable.
const (
	// OtherCluster: it has another label, or none.
	OtherCluster Reason = "other-cluster"
	// NotOpened: none of the keys opens it, or it is not encrypted as it should be.
	NotOpened Reason = "not-opened"
	// Cut: a stream that ended before its message did.
	Cut Reason = "cut-off"
	// Slow: a stream whose message did not arrive in time.
	Slow Reason = "slow"
	// TooLong: a stream's message that is, or claims to be, longer than Config.MaxMessage.
	TooLong Reason = "too-long"
)

// Reasons for which one has to have the key.
const (
	// Empty: a message of no bytes.
	Empty Reason = "empty"
	// Compressed: a compressed message.
	Compressed Reason = "compressed"
	// Nested: a message of several within one of several.
	Nested Reason = "nested"
	// Misshapen: a message that is not what memberlist encodes, or claims more than there is or may be.
	Misshapen Reason = "misshapen"
	// Absurd: it says of a member what no member would, with an incarnation that nobody can have.
	Absurd Reason = "absurd"
)

// Insider says that whoever sent it has the key.
func (r Reason) Insider() bool {
	switch r {
	case Empty, Compressed, Nested, Misshapen, Absurd:
		return true
	case OtherCluster, NotOpened, Cut, Slow, TooLong:
	}
	return false
}
