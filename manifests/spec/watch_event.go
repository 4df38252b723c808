package spec

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// event is one inotify_event: what happened (IN_... bits) to the directory with the watch descriptor wd, or to the
// entry name in it.
type event struct {
	wd   int32
	mask uint32
	name string
}

// decodeEvents takes apart what one read of an inotify file returned; see inotify(7).
func decodeEvents(buf []byte) ([]event, error) {
	var events []event
	for len(buf) > 0 {
		if len(buf) < unix.SizeofInotifyEvent {
			return nil, errShortEvent
		}
		size := binary.NativeEndian.Uint32(buf[12:])
		rest := buf[unix.SizeofInotifyEvent:]
		if uint64(size) > uint64(len(rest)) {
			return nil, errShortEvent
		}
		events = append(events, event{
			wd:   int32(binary.NativeEndian.Uint32(buf)),
			mask: binary.NativeEndian.Uint32(buf[4:]),
			name: string(bytes.TrimRight(rest[:size], "\x00")),
		})
		buf = rest[size:]
	}
	return events, nil
}
