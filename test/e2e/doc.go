// Package e2e tests daemonsetd and dsctl as built, against a real kubelet and containerd. The tests have the build tag e2e,
// need root, and run with `make e2e`. One host serves them all in turn; each leaves it empty.
package e2e
