// Package packaging holds the parts of the deb and the rpm package: the systemd unit, the maintainer scripts, the
// manual and the default configuration. There is no code in it but tests, which hold those parts against the code that
// they speak of. packaging/build makes the packages; test/packages installs them.
package packaging
