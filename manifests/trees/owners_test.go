package trees

import (
	"io/fs"
	"syscall"
)

// owners are the user and the group that chown gave, by inode, for tests that may not give files away. An inode that is used
// again begins with the owner that it had, which the store has to change as it would any other.
type owners map[uint64][2]int

func (o owners) give(info fs.FileInfo, uid, gid int) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		o[st.Ino] = [2]int{uid, gid}
	}
}

// of is info with the owner that was given, if one was.
func (o owners) of(info fs.FileInfo) fs.FileInfo {
	if info == nil {
		return nil
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return info
	}
	given, ok := o[st.Ino]
	if !ok {
		return info
	}
	own := *st
	own.Uid, own.Gid = uint32(given[0]), uint32(given[1])
	return ownedInfo{info, &own}
}

// ownedInfo is a FileInfo with another owner.
type ownedInfo struct {
	fs.FileInfo
	st *syscall.Stat_t
}

func (i ownedInfo) Sys() any { return i.st }
