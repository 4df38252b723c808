package node

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Each of these acts has to wake the agent, also where the directory came into being after the watch stood.
func TestWatch(t *testing.T) {
	r := newRig(t)
	if err := errors.Join(os.Remove(r.config.NodeDir), os.Mkdir(r.config.RuntimeDir, 0o755)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { r.Watch(ctx) })
	defer wg.Wait()
	defer cancel()
	woken := func(what string) {
		t.Helper()
		select {
		case <-r.Wake():
		case <-time.After(10 * time.Second):
			t.Errorf("%s woke nobody", what)
		}
	}
	// quiet waits until nothing more comes of an act, so that the next wake is of the next act.
	quiet := func() {
		for {
			select {
			case <-r.Wake():
			case <-time.After(50 * time.Millisecond):
				return
			}
		}
	}
	woken("the start")
	for _, act := range []struct {
		what string
		do   func() error
	}{
		{"node.yaml", func() error { return os.WriteFile(r.config.NodeFile, []byte(head), 0o644) }},
		{"node.d", func() error { return os.Mkdir(r.config.NodeDir, 0o755) }},
		{"a file in node.d", func() error { return os.WriteFile(filepath.Join(r.config.NodeDir, "a.yaml"), nil, 0o644) }},
		{"a rename in node.d", func() error {
			return os.Rename(filepath.Join(r.config.NodeDir, "a.yaml"), filepath.Join(r.config.NodeDir, "b.yaml"))
		}},
		{"a removal in node.d", func() error { return os.Remove(filepath.Join(r.config.NodeDir, "b.yaml")) }},
		{"node.d's removal", func() error { return os.Remove(r.config.NodeDir) }},
		{"node.d again", func() error { return os.Mkdir(r.config.NodeDir, 0o755) }},
		{"a file in node.d again", func() error { return os.WriteFile(filepath.Join(r.config.NodeDir, "a.yaml"), nil, 0o644) }},
		{"conditions.d", func() error { return os.Mkdir(r.conditionsDir(), 0o755) }},
		{"a condition", func() error { return os.WriteFile(filepath.Join(r.conditionsDir(), "Link"), nil, 0o644) }},
	} {
		quiet()
		if err := act.do(); err != nil {
			t.Fatal(err)
		}
		woken(act.what)
	}
	quiet()
	if err := os.WriteFile(filepath.Join(filepath.Dir(r.config.NodeFile), "other"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	select {
	case <-r.Wake():
		t.Error("a file that is none of the node's woke the agent")
	case <-time.After(50 * time.Millisecond):
	}
}
