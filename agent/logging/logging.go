// Package logging makes the agent's logger: the journal under systemd, a console on a terminal, JSON otherwise.
//
// Messages are constant; what varies stands in fields whose names are the constants of internal/base/logfield. Info is
// a change that a person would want to know of once; nothing is logged in steady state.
package logging

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/rs/zerolog/journald"
	"golang.org/x/term"

	"github.com/daemonsetd/daemonsetd/agent/config"
)

// Level is the level of a logger, which can be changed while it is used.
type Level struct{ now atomic.Int32 }

// Set changes the level to the one of that name.
func (l *Level) Set(name string) error {
	level, err := zerolog.ParseLevel(name)
	if err != nil || name == "" {
		return fmt.Errorf("log level %q: want trace, debug, info, warn or error", name)
	}
	l.now.Store(int32(level))
	return nil
}

// Run implements zerolog.Hook: it drops what is below the level.
func (l *Level) Run(e *zerolog.Event, level zerolog.Level, _ string) {
	if level < zerolog.Level(l.now.Load()) {
		e.Discard()
	}
}

// New returns a logger that writes to out, or to the journal where cfg, or auto, says so, and its level.
func New(cfg config.Log, out *os.File) (zerolog.Logger, *Level, error) {
	level := &Level{}
	if err := level.Set(cfg.Level); err != nil {
		return zerolog.Nop(), nil, err
	}
	format := cfg.Format
	if format == config.FormatAuto {
		format = detect(out)
	}
	var w io.Writer = out
	switch format {
	case config.FormatJournal:
		// The journal stamps every message itself.
		return zerolog.New(journald.NewJournalDWriter()).Hook(level), level, nil
	case config.FormatConsole:
		w = zerolog.ConsoleWriter{Out: out, TimeFormat: time.TimeOnly, NoColor: !colour(out)}
	}
	return zerolog.New(w).With().Timestamp().Logger().Hook(level), level, nil
}

func detect(out *os.File) string {
	switch {
	case journalStream(os.Getenv("JOURNAL_STREAM"), out):
		return config.FormatJournal
	case term.IsTerminal(int(out.Fd())):
		return config.FormatConsole
	default:
		return config.FormatJSON
	}
}

// journalStream says whether out is the stream to the journal that systemd names as device:inode, systemd.exec(5). The
// variable is inherited by children whose output goes elsewhere, hence the comparison.
func journalStream(env string, out *os.File) bool {
	dev, ino, ok := strings.Cut(env, ":")
	if !ok {
		return false
	}
	d, err1 := strconv.ParseUint(dev, 10, 64)
	i, err2 := strconv.ParseUint(ino, 10, 64)
	info, err3 := out.Stat()
	if err1 != nil || err2 != nil || err3 != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Dev == d && st.Ino == i
}

func colour(out *os.File) bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(out.Fd()))
}
