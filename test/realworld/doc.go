// Package realworld holds dsctl against DaemonSets in the shape of widely used ones: with their service accounts,
// roles, ConfigMaps, Secrets, Services and custom resources, in one file each, as people have them. The texts are our
// own.
//
// testdata/NAME.yaml is a DaemonSet as it would be published, NAME.golden what dsctl validate and dsctl render say of
// it on the node of node.yaml. A DaemonSet either goes in, or is refused with what to change; where that is a small
// change, NAME-changed.yaml is the file with just that one. docs/config.md has a table of what becomes of each.
package realworld
