// Command demo shows what daemonsetd does, on temporary directories and with simulated kubelets: three hosts, each with
// a real agent process, real DaemonSet files, a label and a condition that change, an update and a mistake. It ends by
// itself. With KEEP=1 it leaves everything running and says how to look at it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := 0
	if err := run(ctx, os.Stdout, os.Getenv("KEEP") != ""); err != nil {
		fmt.Fprintf(os.Stderr, "demo: error: %v\n", err)
		code = 1
	}
	stop()
	os.Exit(code)
}

func run(ctx context.Context, out io.Writer, keep bool) (err error) {
	dir, err := os.MkdirTemp("", "dsdemo")
	if err != nil {
		return fmt.Errorf("temporary directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	say(out, "Building daemonsetd and dsctl ...")
	if err := build(ctx, dir); err != nil {
		return err
	}
	f := &fleet{dir: dir, out: out}
	defer func() { err = errors.Join(err, f.stop()) }()
	for _, name := range []string{"edge-1", "edge-2", "edge-3"} {
		if err := f.start(ctx, name); err != nil {
			return err
		}
	}
	for _, s := range script() {
		say(out, "\n== %s", s.title)
		if err := s.do(ctx, f); err != nil {
			return fmt.Errorf("%s: %w", s.title, err)
		}
		f.table()
	}
	if violations := f.violations(); len(violations) > 0 {
		return fmt.Errorf("the kubelets saw what must never happen: %v", violations)
	}
	say(out, "\nNo kubelet ever saw two pods of one DaemonSet at once, or a half-written manifest.")
	if !keep {
		return nil
	}
	return f.wait(ctx)
}

// build makes the two binaries in dir/bin.
func build(ctx context.Context, dir string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-trimpath", "-o", filepath.Join(dir, "bin")+"/",
		"./cmd/daemonsetd", "./cmd/dsctl")
	cmd.Stderr = os.Stderr
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("building (run it in the repository, with Go): %w", err)
	}
	return nil
}

func say(out io.Writer, format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) }
