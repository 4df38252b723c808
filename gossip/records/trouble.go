package records

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
)

// failed makes the error of one call and lets Problem tell it. It is logged when it is news.
func (d *disk) failed(what, name string, err error) error {
	d.failures.Add(1)
	err = fmt.Errorf("known members are not kept on disk: %s %q: %w: %s", what, d.path(name), err, hint(err))
	if old := d.problem.Swap(&err); old == nil {
		d.table.log.Warn().Err(err).Str(logfield.File, d.path(logName)).Msg("known members are not kept on disk")
	}
	return err
}

// well ends a problem.
func (d *disk) well() {
	if d.problem.Swap(nil) != nil {
		d.table.log.Info().Str(logfield.File, d.path(logName)).Msg("known members are kept on disk again")
	}
}

func (d *disk) trouble() error {
	if err := d.problem.Load(); err != nil {
		return *err
	}
	return nil
}

// hint says what an operator can do.
func hint(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "make room on that file system; it is tried again"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return "let the agent write there; it is tried again"
	}
	return "see to the disk; it is tried again"
}
