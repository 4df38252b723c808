// Package packages installs the deb and the rpm package as an operator does: into roots of Debian, and under a live
// systemd in a container. The tests have the build tag packages, need root and Debian's mirrors, and run with `make
// test-packages`. All that they make lies in one temporary directory, which goes at the end.
package packages
