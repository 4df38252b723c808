package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/client"
)

// The exit codes. They are the same for every verb.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnreachable = 3
	exitForbidden   = 4
	// exitTrouble is exitFailed for the verbs that compare, where 1 says that there are differences, as with kubectl
	// diff.
	exitTrouble = 5
	exitDiffers = 1
)

// exitText is what the help says of each code, unless a verb says it better.
func exitText() map[int]string {
	return map[int]string{
		exitOK:          "it worked",
		exitFailed:      "it failed",
		exitUsage:       "the command line was wrong",
		exitUnreachable: "the agent could not be reached",
		exitForbidden:   "this user may not do that",
		exitTrouble:     "it failed",
	}
}

// exits is the exit codes of one verb with what they mean there; an empty text stands for exitText's.
type exits map[int]string

// offline are the codes of a verb that asks no agent, online those of one that does. failed says what exit code 1
// means.
func offline(failed string) exits {
	return exits{exitOK: "", exitFailed: failed, exitUsage: ""}
}

func online(failed string) exits {
	e := offline(failed)
	e[exitUnreachable], e[exitForbidden] = "", ""
	return e
}

// comparing are the codes of a verb that asks the agent for differences. trouble says what exit code 5 means.
func comparing(differs, trouble string) exits {
	e := online(differs)
	e[exitTrouble] = trouble
	return e
}

// help is the EXIT STATUS block of a verb's help.
func (e exits) help() string {
	var b strings.Builder
	b.WriteString("EXIT STATUS\n")
	for code := range exitTrouble + 1 {
		text, ok := e[code]
		if !ok {
			continue
		}
		if text == "" {
			text = exitText()[code]
		}
		fmt.Fprintf(&b, "  %d  %s\n", code, text)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// exitError ends the program with a code. With no error to print, everything has been said already.
type exitError struct {
	code int
	err  error
	hint string
}

// Error is what is printed.
func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

// Unwrap gives the cause.
func (e *exitError) Unwrap() error { return e.err }

// errDiffers ends with 1 and says nothing more: the output shows why.
func errDiffers() error { return &exitError{code: exitDiffers} }

// compares wraps the function of a verb that compares: it ends with 1 by errDiffers alone.
func (d *deps) compares(f func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return d.verb(func(ctx context.Context, args []string) error {
		err := f(ctx, args)
		if e, ok := errors.AsType[*exitError](err); ok && e.err == nil || exitCode(err) != exitFailed {
			return err
		}
		return &exitError{code: exitTrouble, err: err, hint: hintOf(err)}
	})
}

func usagef(format string, args ...any) error {
	return &exitError{code: exitUsage, err: fmt.Errorf(format, args...)}
}

// exitCode is the code for an error of a verb.
func exitCode(err error) int {
	if e, ok := errors.AsType[*exitError](err); ok {
		return e.code
	}
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, client.ErrUnreachable):
		return exitUnreachable
	case errors.Is(err, client.ErrForbidden):
		return exitForbidden
	default:
		return exitFailed
	}
}

// report prints an error, with what to do about it, and returns the exit code.
func (d *deps) report(cmd *cobra.Command, err error) int {
	code := exitCode(err)
	if err != nil && !d.started {
		// Cobra found the command line wrong before the verb began.
		code = exitUsage
	}
	if err == nil || err.Error() == "" || errors.Is(err, context.Canceled) {
		return code
	}
	d.errorf("%s", err)
	if hint := hintOf(err); hint != "" {
		d.hint("%s", hint)
	}
	if code == exitUsage && !cmd.Hidden {
		d.hint("see %s --help", cmd.CommandPath())
	}
	return code
}

// each does something for every name, as kubectl does: what the agent refuses for one keeps the others from nothing, is
// printed at once, and makes the verb fail in the end. An agent that cannot be asked ends it.
func (d *deps) each(names []string, do func(name string) error) error {
	failed := false
	for i, name := range names {
		err := do(name)
		if err == nil {
			continue
		}
		if i == len(names)-1 && !failed || exitCode(err) != exitFailed || errors.Is(err, context.Canceled) {
			return err
		}
		failed = true
		d.errorf("%s", err)
		if hint := hintOf(err); hint != "" {
			d.hint("%s", hint)
		}
	}
	if failed {
		return &exitError{code: exitFailed}
	}
	return nil
}

func hintOf(err error) string {
	if e, ok := errors.AsType[*exitError](err); ok && e.hint != "" {
		return e.hint
	}
	if e, ok := errors.AsType[*client.Error](err); ok {
		return e.Remedy
	}
	if e, ok := errors.AsType[*api.Error](err); ok {
		return e.Remedy
	}
	return ""
}
