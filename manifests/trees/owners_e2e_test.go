//go:build e2e

package trees

import "testing"

// TestRealOwners gives files away; it needs root, and fails without.
func TestRealOwners(t *testing.T) {
	testOwners(t, newRig(t, t.TempDir()))
}
