package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// streams is what the program reads and writes: data on out, talk on err.
type streams struct {
	in  io.Reader
	out io.Writer
	err io.Writer
	// width is the columns of the terminal that out is; 0 when it is none.
	width int
	// talk is set when err is a terminal: somebody is there to read suggestions.
	talk bool
}

func osStreams() streams {
	s := streams{in: os.Stdin, out: os.Stdout, err: os.Stderr, talk: term.IsTerminal(int(os.Stderr.Fd()))}
	if fd := int(os.Stdout.Fd()); term.IsTerminal(fd) {
		s.width = 80
		if w, _, err := term.GetSize(fd); err == nil && w > 0 {
			s.width = w
		}
		s.out = &terminal{to: os.Stdout}
	}
	if s.talk {
		s.err = &terminal{to: os.Stderr}
	}
	return s
}

// tty tells whether somebody reads out as it is printed.
func (s streams) tty() bool { return s.width > 0 }

// Where nobody can read what went wrong with writing to err, there is nothing to do about it.

func (s streams) errorf(format string, args ...any) {
	_, _ = fmt.Fprintf(s.err, "dsctl: error: "+format+"\n", args...)
}

func (s streams) warnf(format string, args ...any) {
	_, _ = fmt.Fprintf(s.err, "dsctl: warning: "+format+"\n", args...)
}

func (s streams) notef(format string, args ...any) {
	_, _ = fmt.Fprintf(s.err, "dsctl: "+format+"\n", args...)
}

// hint says what to do about an error.
func (s streams) hint(format string, args ...any) {
	_, _ = fmt.Fprintf(s.err, "  hint: "+format+"\n", args...)
}

// next suggests a command after a success, if somebody is there to read it.
func (s streams) next(format string, args ...any) {
	if s.talk {
		_, _ = fmt.Fprintf(s.err, "  next: "+format+"\n", args...)
	}
}

// progressAfter is how long something takes before somebody who watches is told what it is.
const progressAfter = 500 * time.Millisecond

// progress tells who watches what is being done, once it takes long; done ends it.
func (s streams) progress(what string) (done func()) {
	if !s.talk {
		return func() {}
	}
	over, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		timer := time.NewTimer(progressAfter)
		defer timer.Stop()
		select {
		case <-over:
		case <-timer.C:
			s.notef("%s ...", what)
		}
	}()
	return func() { close(over); <-stopped }
}
