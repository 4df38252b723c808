package dirlock

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/daemonsetd/daemonsetd/internal/base/files"
)

const (
	// maxLocks bounds what is read of /proc/locks, maxCommand what is shown of a command line, both in bytes; maxFDs is
	// how many descriptors of a process are looked at.
	maxLocks   = 4 << 20
	maxCommand = 200
	maxFDs     = 10_000
)

// holder says which process holds the lock on a file.
func holder(info fs.FileInfo) string {
	const unknown = "another process"
	data, err := files.Read("/proc/locks", maxLocks)
	if err != nil {
		return unknown
	}
	for _, pid := range holders(string(data), files.IDOf(info).Ino) {
		if has(pid, info) {
			return describe(pid)
		}
	}
	return unknown
}

// holders are the processes that hold a lock of flock on a file with that inode, on whatever file system, by the text
// of /proc/locks:
//
//	1: FLOCK  ADVISORY  WRITE 708 00:0e:1234 0 EOF
func holders(text string, inode uint64) []int {
	var pids []int
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 6 || f[1] != "FLOCK" {
			continue // also those that wait, which have an arrow there
		}
		pid, err := strconv.Atoi(f[4])
		at := strings.LastIndexByte(f[5], ':')
		if n, nErr := strconv.ParseUint(f[5][at+1:], 10, 64); err == nil && pid > 0 && nErr == nil && n == inode {
			pids = append(pids, pid)
		}
	}
	return pids
}

// has says whether a process has the file open; where that cannot be looked at, the inode has to do.
func has(pid int, info fs.FileInfo) bool {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	names, err := files.Names(dir, maxFDs)
	if err != nil {
		return true
	}
	for _, name := range names {
		if other, err := os.Stat(filepath.Join(dir, name)); err == nil && os.SameFile(other, info) {
			return true
		}
	}
	return false
}

func describe(pid int) string {
	data, _, err := files.ReadWith(fmt.Sprintf("/proc/%d/cmdline", pid), files.ReadOptions{Limit: maxCommand, Head: true})
	command := strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return ' '
		}
		return r
	}, string(data)))
	if err != nil || command == "" {
		return fmt.Sprintf("process %d", pid)
	}
	return fmt.Sprintf("process %d (%s)", pid, command)
}
