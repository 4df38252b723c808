// Package node says what this host is, as a Kubernetes v1 Node: its labels, annotations, taints and conditions.
//
// Four sources are brought together, each shown with its origin by [Manager.Describe]:
//
//   - automatic labels (kubernetes.io/hostname, os and arch, with the beta forms), as the kubelet sets them;
//   - node files: node.yaml and node.d, strictly decoded, merged by file name, the later one winning a key;
//   - runtime changes, made with dsctl and kept in the state directory; a file wins over them;
//   - conditions: Ready from the kubelet's health, the pressure conditions from its statistics (or from /proc and
//     statfs) by the kubelet's own thresholds and hold-down, any other from conditions.d; and the taints that they
//     imply.
//
// A file that is bad, empty, half written or unreadable changes nothing that is in effect, also not across a restart:
// what it said last is kept in the state directory. A file that is removed takes with it what it said.
//
// [Manager.Update] is level-triggered: it looks at everything and says whether the node changed and when to look again.
// [Manager.Watch] only wakes the caller earlier. [Evaluate], [ConditionTaints] and the parsers are pure.
package node
