package records

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// errVersion says that a file has a form that this program does not know.
var errVersion = errors.New("it was written by another version of this program")

// logState is what was found in a file.
type logState struct {
	marker marker
	// size is the length of what was read, good the end of the last whole frame in it.
	size, good int64
	frames     int
	// header: it was whole. gaps is how many stretches of bytes were no frame and had a frame behind them; lost is how
	// many bytes they had.
	header bool
	gaps   int
	lost   int64
	// err is what ended the reading before the end of the file.
	err error
}

// damaged says that something is wrong before the end. What is wrong at the end is what a crash leaves.
func (s logState) damaged() bool { return s.gaps > 0 || s.err != nil || !s.header && s.size > 0 }

// logReader reads frames through a buffer that a frame fits into. It never holds more than that.
type logReader struct {
	in    *bufio.Reader
	state logState
}

// readLog gives every whole frame to visit, whose argument is valid during the call only.
func readLog(in io.Reader, visit func(kind byte, payload []byte)) logState {
	r := &logReader{in: bufio.NewReaderSize(in, 2*maxPayload)}
	if !r.header() {
		return r.state
	}
	for gap := false; ; {
		kind, payload, n := r.frame()
		if n == 0 {
			gap = true
			if !r.skip() {
				return r.state
			}
			continue
		}
		if gap {
			r.state.gaps++
			r.state.lost += r.state.size - r.state.good
		}
		gap = false
		visit(kind, payload)
		r.discard(n)
		r.state.good = r.state.size
		r.state.frames++
	}
}

// header reads the marker; where it is damaged, the first frame has it too.
func (r *logReader) header() bool {
	b := r.peek(headerSize)
	if len(b) < headerSize {
		r.discard(len(b))
		return false
	}
	sum := binary.LittleEndian.Uint32(b[headerSize-4:])
	if sum == checksum(b[:headerSize-4]) {
		if string(b[:len(magic)]) != magic {
			r.state.err = errVersion
			return false
		}
		r.state.header = true
		r.state.marker = marker(b[len(magic):])
	} else if b = r.peek(headerSize + markerSize); len(b) == headerSize+markerSize {
		r.state.marker = marker(b[headerSize:])
	}
	r.discard(headerSize)
	r.state.good = r.state.size
	return true
}

// frame looks at the frame that begins here; n is 0 where there is none.
func (r *logReader) frame() (kind byte, payload []byte, n int) {
	head := r.peek(frameHead)
	if len(head) < frameHead || !bytes.Equal(head[:markerSize], r.state.marker[:]) {
		return 0, nil, 0
	}
	length := binary.LittleEndian.Uint32(head[markerSize+4:])
	if length > maxPayload {
		return 0, nil, 0
	}
	n = frameHead + int(length)
	b := r.peek(n)
	if len(b) < n || binary.LittleEndian.Uint32(b[markerSize:]) != checksum(b[markerSize+4:]) {
		return 0, nil, 0
	}
	return b[frameHead-1], b[frameHead:], n
}

// skip goes to the next marker; false at the end of the file.
func (r *logReader) skip() bool {
	for r.discard(1) == 1 {
		window := r.peek(2 * maxPayload)
		if i := bytes.Index(window, r.state.marker[:]); i >= 0 {
			r.discard(i)
			return true
		}
		// The beginning of a marker may stand at the end of the window.
		r.discard(len(window) - markerSize)
	}
	return false
}

// peek gives up to n bytes, fewer at the end of what can be read.
func (r *logReader) peek(n int) []byte {
	b, err := r.in.Peek(n)
	if err != nil && !errors.Is(err, io.EOF) {
		r.state.err = err
	}
	return b
}

func (r *logReader) discard(n int) int {
	n, err := r.in.Discard(max(n, 0))
	if err != nil && !errors.Is(err, io.EOF) {
		r.state.err = err
	}
	r.state.size += int64(n)
	return n
}
