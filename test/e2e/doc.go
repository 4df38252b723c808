// Package e2e tests daemonsetd and dsctl as built, against a real kubelet and containerd. The tests have the build tag
// e2e, need root, and run with `make e2e`. One host serves the tests of a single agent in turn; each leaves it empty.
// Fleets are agents on loopback addresses, or in network namespaces with a switch between them, whose links are cut.
package e2e
