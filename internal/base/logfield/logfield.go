// Package logfield holds the names of the log fields. A name that stands here is spelt one way in every message, in the
// journal (where it becomes an upper-case journal field) and in the documents. test/repo refuses any other name.
package logfield

const (
	// Action is a verb of agent/plan: write, remove, wait, ...
	Action = "action"
	// Address is a host and port that was spoken to.
	Address = "address"
	// Column is a place in the line.
	Column = "column"
	// Config is the path of the agent's configuration file.
	Config = "config"
	// Condition is a node condition's type.
	Condition = "condition"
	// Count is a number of things of which the message names the kind.
	Count = "count"
	// DaemonSet is namespace/name.
	DaemonSet = "daemonset"
	// Delay is a duration to wait.
	Delay = "delay"
	// Detail is a sentence that says more than the message, such as a condition's or a file problem's own message.
	Detail = "detail"
	// Dir is a directory's path.
	Dir = "dir"
	// Elsewhere is a second address that claims what Address has.
	Elsewhere = "elsewhere"
	// Error is the cause; zerolog's own name for it.
	Error = "error"
	// File is a file's path.
	File = "file"
	// From is the old value of a transition.
	From = "from"
	// Hint is what to do.
	Hint = "hint"
	// Host is a host name that was looked up.
	Host = "host"
	// Key is the name of a setting, a label or a taint.
	Key = "key"
	// Line is a place in File.
	Line = "line"
	// Member is a member's id.
	Member = "member"
	// Node is the node's name.
	Node = "node"
	// Reason is a CamelCase reason as in a Kubernetes event or condition.
	Reason = "reason"
	// Revision is a controller-revision-hash.
	Revision = "revision"
	// Section is the section of a gossip record.
	Section = "section"
	// Socket is the API socket's path.
	Socket = "socket"
	// Stamp is generation and version of a gossip record.
	Stamp = "stamp"
	// To is the new value of a transition.
	To = "to"
	// Version is the version of this program.
	Version = "version"
)
