package fleet

// The sections that an agent publishes and this package understands.
const (
	SectionNode  = "node"
	SectionSpecs = "specs"
)

// Limits of what is told. All but the numbers of elements are followed by the teller alone, so that a later version may
// tell longer texts; to who listens MaxSection is limit enough.
const (
	// MaxSection is the largest body of a section, in bytes; the record layer has the same limit.
	MaxSection = 16 << 10
	// MaxLabels is how many labels a host can tell.
	MaxLabels = 512
	// MaxFiles is how many files of the specs directory a host can tell; their names end it sooner.
	MaxFiles = 1024

	maxElements = 1024 // of one array or map on the wire
	maxNesting  = 8    // of the wire; 3 are in use

	maxAnnotation = 1 << 10 // of one annotation's value
	maxMessage    = 512     // of a condition's message
	maxReason     = 128     // of a condition's reason
	maxInfo       = 128     // of a version, an image name and their like
	maxAddress    = 253     // a DNS name

	roomConditions  = 4 << 10 // of all conditions on the wire
	roomTaints      = 6 << 10
	roomAddresses   = 1 << 10
	roomAnnotations = 4 << 10
	// roomHeads is what the heads of maps and arrays and the counts of what was left out may take.
	roomHeads = 128

	maxKeyLen   = 253 + 1 + 63 // a qualified name with its prefix
	maxValueLen = 63           // of a label or a taint
	maxFileName = 255          // NAME_MAX
	maxProblem  = 256          // of the text of an error about a section

	// maxSecond is the last second of the year 9999: the JSON of a later moment is an error, which would spoil a whole
	// list.
	maxSecond = 253402300799
)
