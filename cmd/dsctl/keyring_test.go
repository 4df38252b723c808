package main

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
)

// A file that this user may not read is exit code 4, as what an agent does not allow.
func TestKeyringForbidden(t *testing.T) {
	k := &keyringDeps{}
	if got := exitCode(k.failed(fmt.Errorf("reading: %w", &fs.PathError{Op: "open", Path: "gossip.key", Err: fs.ErrPermission}))); got != exitForbidden {
		t.Errorf("no permission: exit code %d", got)
	}
	if got := exitCode(k.failed(errors.New("other"))); got != exitFailed {
		t.Errorf("another error: exit code %d", got)
	}
}
