// Package skew tests agents of two versions in one fleet: this one, and the one before. Its tests have the build tag
// skew, as they build the other version from the history; `make skew` runs them.
package skew
