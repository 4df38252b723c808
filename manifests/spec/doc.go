// Package spec reads spec files: what an operator wants to run on hosts, as Kubernetes objects in YAML or JSON.
//
// Parse turns the bytes of one file into objects, or into problems that each name their place. Decoding is package
// strictyaml's; defaults and validation are the upstream code's, and only this package imports k8s.io/kubernetes. What
// is refused although Kubernetes accepts it is in the tables of refuse.go and references.go.
//
// Loader reads a directory of such files and keeps the last good version of each, so that a mistake in a file stops
// nothing that runs.
package spec
