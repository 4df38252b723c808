package health

import "github.com/daemonsetd/daemonsetd/agent/api"

// Code names a problem that an operator can be told of. The name is the same in the API, in the log (field reason),
// as the reason of an event, and in docs/reference/health.md; alerts are made of it, so that it is never changed.
//
// To add one: a constant here, its row in the table below, and its row in docs/reference/health.md.
type Code int

// The problems, each with the one who reports it.
const (
	// SpecsDirectory, BadSpecFile, BadNodeFile and LastGoodNotSaved are about the files that operators write: a round.
	SpecsDirectory Code = iota + 1
	BadSpecFile
	BadNodeFile
	LastGoodNotSaved

	// These are about the kubelet: a round.
	KubeletUnhealthy
	KubeletOtherNode
	KubeletPodsUnknown
	KubeletConfiguration
	KubeletDirectory
	KubeletInsecure

	// These are about the directory of manifests, and what stands in it: a round.
	ManifestsDirectory
	ManifestsDirectoryMoved
	ManifestsDirectoryContent
	ManifestsLeftBehind
	ManifestCopied
	ManifestNotChanged
	ManifestNotListed
	Drift

	// These are about what this host keeps on its own disk: a round.
	StateNotSaved
	RolloutNotSaved
	RevisionNotRecorded
	StateLost
	ConfigNotLaid
	ConfigNotRemoved

	// These are about this host as a member of the fleet.
	Gossip
	IdentityLost
	GossipKeys
	NobodyJoined
	MembersFile
	MembersFileNotKept
	MembersNotKept
	NameTaken
	NotTold
	NodeTooLarge
	TooManyDaemonSets
	TooManySpecFiles

	// These are about one DaemonSet each, on this host: a round.
	DaemonSetDown
	DaemonSetBlocked

	// end is one more than the last code.
	end
)

// entry is what is known of a code before anything goes wrong.
type entry struct {
	name string
	// severity is one of api's: error, warning or info.
	severity string
	// remedy says what to do; %s in it is for what a report adds. Empty: what went wrong says it.
	remedy string
}

const (
	makeWritable = "make the state directory %s writable; until then no pod is replaced"
	freeSpace    = "free some space in %s"
)

// entries has a row for every code.
var entries = [end]entry{
	SpecsDirectory: {
		"SpecsDirectory", api.SeverityError,
		"everything in effect stays; repair the directory, or run dsctl reload if it is meant to be so",
	},
	BadSpecFile:      {"BadSpecFile", api.SeverityError, "dsctl validate %s"},
	BadNodeFile:      {"BadNodeFile", api.SeverityError, "correct the file"},
	LastGoodNotSaved: {"LastGoodNotSaved", api.SeverityWarning, freeSpace},

	KubeletUnhealthy:   {"KubeletUnhealthy", api.SeverityError, "%s"},
	KubeletOtherNode:   {"KubeletOtherNode", api.SeverityError, "%s"},
	KubeletPodsUnknown: {"KubeletPodsUnknown", api.SeverityWarning, "%s"},
	KubeletConfiguration: {
		"KubeletConfiguration", api.SeverityWarning,
		"correct the kubelet's configuration, or set kubelet.url, kubelet.healthzURL and manifestsDir",
	},
	KubeletDirectory: {
		"KubeletDirectory", api.SeverityWarning,
		"have the kubelet's configuration (staticPodPath), its flags and manifestsDir of the agent name one directory",
	},
	KubeletInsecure: {
		"KubeletInsecure", api.SeverityWarning, "remove it; the kubelet's own certificate is pinned by itself",
	},

	ManifestsDirectory:        {"ManifestsDirectory", api.SeverityError, ""},
	ManifestsDirectoryMoved:   {"ManifestsDirectoryMoved", api.SeverityError, "restart daemonsetd"},
	ManifestsDirectoryContent: {"ManifestsDirectoryContent", api.SeverityWarning, "move such files out of %s"},
	ManifestsLeftBehind: {
		"ManifestsLeftBehind", api.SeverityWarning,
		"remove them; a kubelet that reads that directory again would run their pods beside the present ones",
	},
	ManifestCopied: {
		"ManifestCopied", api.SeverityError,
		"the kubelet reads every file whose name does not begin with a dot: remove %s, or move it out of the directory",
	},
	ManifestNotChanged: {"ManifestNotChanged", api.SeverityError, ""},
	ManifestNotListed: {
		"ManifestNotListed", api.SeverityError,
		"see in the kubelet's log what it says of the file, and whether %s is the directory that it reads (staticPodPath)",
	},
	Drift: {"Drift", api.SeverityWarning, "change the spec file instead"},

	StateNotSaved:   {"StateNotSaved", api.SeverityError, makeWritable},
	RolloutNotSaved: {"RolloutNotSaved", api.SeverityError, makeWritable},
	RevisionNotRecorded: {
		"RevisionNotRecorded", api.SeverityWarning,
		freeSpace + "; without its history this host cannot go back to a revision",
	},
	StateLost:        {"StateLost", api.SeverityWarning, "%s; when you have taken note: dsctl reload"},
	ConfigNotLaid:    {"ConfigNotLaid", api.SeverityError, ""},
	ConfigNotRemoved: {"ConfigNotRemoved", api.SeverityWarning, "remove what is left by hand"},

	Gossip: {
		"Gossip", api.SeverityError, "correct it; it is tried again by itself, and at once with dsctl reload",
	},
	IdentityLost: {"IdentityLost", api.SeverityError, "%s; when it is done: dsctl reload"},
	GossipKeys:   {"GossipKeys", api.SeverityError, "correct %s, then: dsctl reload"},
	NobodyJoined: {
		"NobodyJoined", api.SeverityWarning,
		"check gossip.join, that agents run there with the same key and cluster, and that port 7947 is open on both sides, " +
			"UDP and TCP",
	},
	MembersFile:        {"MembersFile", api.SeverityError, "correct the file, then: dsctl reload"},
	MembersFileNotKept: {"MembersFileNotKept", api.SeverityWarning, freeSpace},
	MembersNotKept:     {"MembersNotKept", api.SeverityWarning, ""},
	NameTaken: {
		"NameTaken", api.SeverityError,
		"on every other host: dsctl trust NODE, or the new key in the members file; dsctl members here shows it",
	},
	NotTold: {"NotTold", api.SeverityWarning, ""},
	NodeTooLarge: {
		"NodeTooLarge", api.SeverityWarning, "use fewer or shorter labels, annotations and taints",
	},
	TooManyDaemonSets: {"TooManyDaemonSets", api.SeverityWarning, "declare fewer DaemonSets on one host"},
	DaemonSetDown:     {"DaemonSetDown", api.SeverityError, "%s"},
	DaemonSetBlocked:  {"DaemonSetBlocked", api.SeverityWarning, "%s"},
	TooManySpecFiles:  {"TooManySpecFiles", api.SeverityWarning, "put several documents into one file"},
}

// Codes are all codes, in the order of their constants.
func Codes() []Code {
	codes := make([]Code, 0, end-1)
	for c := Code(1); c < end; c++ {
		codes = append(codes, c)
	}
	return codes
}

// entry is the row of a code; what is none is an error without a remedy.
func (c Code) entry() entry {
	if c <= 0 || c >= end {
		return entry{name: "UnknownCode", severity: api.SeverityError}
	}
	return entries[c]
}

// String is the name that operators know.
func (c Code) String() string { return c.entry().name }

// Severity is one of api's: error, warning or info.
func (c Code) Severity() string { return c.entry().severity }

// Remedy says what to do, with %s in the place of each thing that a report adds; empty: what went wrong says it.
func (c Code) Remedy() string { return c.entry().remedy }
