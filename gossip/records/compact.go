package records

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
)

// batchSize is about how many bytes are taken from memory at a time, under the table's lock.
const batchSize = 256 << 10

// rewrite replaces the file by a compact one that has all that is in memory.
func (d *disk) rewrite() error {
	m := newMarker()
	temp, err := d.sys.create(d.path(tempName))
	if err != nil {
		return d.failed("create", tempName, err)
	}
	size, err := d.table.writeAll(temp, m)
	if err == nil {
		err = temp.Sync()
	}
	if err == nil {
		err = d.sys.rename(d.path(tempName), d.path(logName))
	}
	if err != nil {
		d.stale = true
		err = errors.Join(err, temp.Close())
		if e := d.sys.remove(d.path(tempName)); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
		return d.failed("write", tempName, err)
	}
	if d.file != nil {
		// Nothing in the old file counts any more.
		_ = d.file.Close()
	}
	d.file, d.marker, d.stale, d.broken = temp, m, false, false
	d.setSize(size)
	if err := d.sys.syncDir(d.dir); err != nil {
		d.stale = true
		return d.failed("sync", "", err)
	}
	d.well()
	return nil
}

// takeDirty gives frames of what is dirty, at most about batchSize bytes of them, and takes them off the list; pins
// says whether there is one of those among them, more whether something is left.
func (t *Table) takeDirty(m marker) (b []byte, pins, more bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for s := range t.dirty.records {
		if len(b) >= batchSize {
			return b, false, true
		}
		delete(t.dirty.records, s)
		if e := t.member(s.owner).entry(s.section); e != nil {
			b = recordFrame(e.received, e.encoded).append(b, m)
		}
	}
	for id := range t.dirty.known {
		if len(b) >= 2*batchSize {
			return b, false, true
		}
		delete(t.dirty.known, id)
		if k, ok := t.known[id]; ok {
			b = knownFrame(id, k).append(b, m)
		}
	}
	for name := range t.dirty.closed {
		if len(b) >= 2*batchSize {
			return b, true, true
		}
		delete(t.dirty.closed, name)
		b = closedFrame(name, t.closed[name]).append(b, m)
		pins = true
	}
	for name := range t.dirty.pins {
		if len(b) >= 2*batchSize {
			return b, true, true
		}
		delete(t.dirty.pins, name)
		if id, ok := t.pins.byName[name]; ok {
			b = pinFrame(name, id).append(b, m)
			pins = true
		}
	}
	return b, pins, false
}

// liveSize is about how many bytes the file has when it is compact.
func (t *Table) liveSize() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	const pin, tombstone, rec, one = frameHead + 16 + 32, frameHead + 24, frameHead + 8, frameHead + 25
	return int64(t.bytes + t.records*rec + (len(t.pins.byID)+len(t.closed))*pin + len(t.tombstones)*tombstone +
		len(t.known)*one)
}

// writeAll writes all that is in memory. What changes meanwhile is dirty and follows later.
func (t *Table) writeAll(to io.Writer, m marker) (int64, error) {
	w := &logWriter{to: bufio.NewWriterSize(to, 64<<10), marker: m}
	w.bytes(appendHeader(nil, m))
	w.frames(t.takeRest())
	for i := range Buckets {
		w.frames(t.bucketFrames(i))
	}
	if w.err == nil {
		w.err = w.to.Flush()
	}
	return w.size, w.err
}

// takeRest gives everything but the records, tombstones before pins, and clears the list of what is dirty.
func (t *Table) takeRest() []frame {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dirty.clear()
	frames := make([]frame, 0, 1+len(t.tombstones)+len(t.known)+len(t.closed)+len(t.pins.byID))
	frames = append(frames, clusterFrame(t.cluster))
	for id, up := range t.tombstones {
		frames = append(frames, tombstoneFrame(id, up))
	}
	for id, k := range t.known {
		frames = append(frames, knownFrame(id, k))
	}
	for name := range t.closed {
		frames = append(frames, closedFrame(name, true))
	}
	for id, name := range t.pins.byID {
		frames = append(frames, pinFrame(name, id))
	}
	return frames
}

func (t *Table) bucketFrames(i int) []frame {
	t.mu.Lock()
	defer t.mu.Unlock()
	var frames []frame
	for _, m := range t.buckets[i].members {
		for _, e := range m.entries {
			frames = append(frames, recordFrame(e.received, e.encoded))
		}
	}
	return frames
}

// logWriter writes frames, counts their bytes and keeps the first error.
type logWriter struct {
	to     *bufio.Writer
	marker marker
	buf    []byte
	size   int64
	err    error
}

func (w *logWriter) bytes(b []byte) {
	if w.err != nil {
		return
	}
	n, err := w.to.Write(b)
	w.size += int64(n)
	w.err = err
}

func (w *logWriter) frames(frames []frame) {
	for _, f := range frames {
		w.buf = f.append(w.buf[:0], w.marker)
		w.bytes(w.buf)
	}
}
