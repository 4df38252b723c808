package records

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// memDir is the directory on a memDisk; nothing of it exists on the real one.
const (
	memDir = "/state"
	memLog = memDir + "/" + logName
)

// openOn opens the table of host 9 on a disk in memory.
func openOn(t tester, disk *memDisk) *Table {
	t.Helper()
	self := newHost(9)
	return open(Config{Cluster: cluster, Self: self.id, Dir: memDir}, disk)
}

// promise is what has to be true once the file has so many bytes on the disk.
type promise struct {
	size int64
	what string
	kept func(table *Table) bool
}

// story is a life of host 9 with all kinds of changes. It gives the file, and what was promised at which length of it.
func story(t *testing.T) ([]byte, []promise) {
	t.Helper()
	disk, self := newMemDisk(), newHost(9)
	table := openOn(t, disk)
	var promises []promise
	add := func(what string, kept func(*Table) bool) {
		promises = append(promises, promise{table.Stats().LogBytes, what, kept})
	}
	own := func(section, body string) {
		rec := self.publish(t, table, section, body)
		add(section+" "+body, func(table *Table) bool {
			e := table.member(self.id).entry(section)
			return e != nil && e.stamp.Compare(rec.Stamp) >= 0 && table.NextStamp(section).Compare(rec.Stamp) > 0
		})
	}
	flush := func() {
		if err := table.flushNow(); err != nil {
			t.Fatal(err)
		}
	}
	g := now() - 100
	own("node", "1")
	for n := range 3 {
		offer(t, table, newHost(n).profile(t, at(g, 1), "web"), Newer)
		offer(t, table, newHost(n).sign(t, "node", at(g, 1), "x"), Newer)
		flush()
	}
	own("rollout", "1")
	add("web is pinned", func(table *Table) bool {
		return table.forgotten(newHost(0).id, at(g, 1)) || standing(table, newHost(0).id) == Trusted
	})
	if err := table.Trust(newHost(1).id); err != nil {
		t.Fatal(err)
	}
	add("host 0 is forgotten, host 1 trusted", func(table *Table) bool {
		return table.forgotten(newHost(0).id, at(g, 1)) && standing(table, newHost(0).id) == "" && table.pins.byName["web"] == newHost(1).id
	})
	own("node", "2")
	if err := table.Forget(newHost(2).id); err != nil {
		t.Fatal(err)
	}
	add("host 2 is forgotten", func(table *Table) bool {
		return table.forgotten(newHost(2).id, at(g, 1)) && standing(table, newHost(2).id) == ""
	})
	own("rollout", "2")
	data := disk.content(memLog)
	mustClose(t, table)
	return data, promises
}

// A crash may cut the file at any byte. The table opens without a problem, has kept every promise that was on the disk, and
// can be used further.
func TestCutAtEveryByte(t *testing.T) {
	data, promises := story(t)
	for size := range len(data) + 1 {
		disk := newMemDisk()
		disk.put(memLog, slices.Clone(data[:size]))
		checkPromises(t, disk, promises, fmt.Sprint("cut at ", size), func(p promise) bool { return p.size <= int64(size) })
		if disk.content(memDir+"/"+damagedName) != nil && size >= headerSize {
			t.Fatalf("cut at %d: an end that a crash left was taken for damage", size)
		}
	}
}

// Instead of a clean cut, the end may also be garbage or zeros.
func TestGarbageAtTheEnd(t *testing.T) {
	data, promises := story(t)
	for name, garbage := range map[string][]byte{
		"zeros": make([]byte, 4096), "garbage": bytes.Repeat([]byte("garbage"), 1000),
		"marker": data[headerSize : headerSize+markerSize], "half a frame": data[headerSize : headerSize+frameHead+1],
		"a length beyond all": append(slices.Clone(data[headerSize:headerSize+markerSize]), bytes.Repeat([]byte{0xff}, 100)...),
	} {
		disk := newMemDisk()
		disk.put(memLog, append(slices.Clone(data), garbage...))
		checkPromises(t, disk, promises, name, func(promise) bool { return true })
		if disk.content(memDir+"/"+damagedName) != nil {
			t.Errorf("%s at the end was taken for damage", name)
		}
	}
}

func checkPromises(t *testing.T, disk *memDisk, promises []promise, name string, due func(promise) bool) {
	t.Helper()
	table := openOn(t, disk)
	if err := table.Problem(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for _, p := range promises {
		if due(p) && !p.kept(table) {
			t.Fatalf("%s: %s is not kept: %v", name, p.what, stands(table))
		}
	}
	rec := newHost(9).publish(t, table, "node", "after")
	if err := table.Close(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	again := openOn(t, disk.powerCut(false))
	if e := again.member(newHost(9).id).entry("node"); e == nil || e.stamp != rec.Stamp {
		t.Fatalf("%s: what was put afterwards is lost", name)
	}
	sameView(t, table, again)
	if err := again.Close(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// A flipped bit costs the frame that it is in and nothing else; the file is set aside as it was.
func TestFlippedAtEveryByte(t *testing.T) {
	disk := newMemDisk()
	table := openOn(t, disk)
	for n := range 6 {
		offer(t, table, newHost(n).profile(t, at(now(), 1), fmt.Sprint("host-", n)), Newer)
	}
	newHost(9).publish(t, table, "node", "x")
	mustClose(t, table)
	data := disk.content(memLog)
	ends := frameEnds(t, data)
	for i := range data {
		flipped := slices.Clone(data)
		flipped[i] ^= 1 << (i % 8)
		disk := newMemDisk()
		disk.put(memLog, flipped)
		lost := slices.IndexFunc(ends, func(end int) bool { return i < end })
		after := openOn(t, disk)
		if err := after.Problem(); err != nil {
			t.Fatalf("byte %d: %v", i, err)
		}
		// One record at most; who lost a record has its pin, and who lost the pin its record.
		if got := after.Stats().Records; got < 6 || len(after.View().Members) < 6 {
			t.Fatalf("byte %d: %d records and %d members are left of 7", i, got, len(after.View().Members))
		}
		aside := disk.content(memDir + "/" + damagedName)
		if last := lost == len(ends)-1; !last && !bytes.Equal(aside, flipped) || last != (after.Stats().SetAside == "") {
			t.Fatalf("byte %d: the damaged file was not set aside, or that is not told: %q", i, after.Stats().SetAside)
		}
		mustClose(t, after)
		again := openOn(t, disk)
		if again.Digest() != after.Digest() {
			t.Fatalf("byte %d: something else after another start", i)
		}
		mustClose(t, again)
	}
}

// frameEnds are the ends of the frames of a whole file.
func frameEnds(t *testing.T, data []byte) []int {
	t.Helper()
	var ends []int
	at := headerSize
	state := readLog(bytes.NewReader(data), func(_ byte, payload []byte) {
		at += frameHead + len(payload)
		ends = append(ends, at)
	})
	if state.damaged() || at != len(data) {
		t.Fatalf("the file is not whole: %+v", state)
	}
	return ends
}

// However long the damage is, and wherever it ends in what is read at a time, the next frame is found.
func TestLongDamage(t *testing.T) {
	m := newMarker()
	first, second := pinFrame("first", newHost(0).id), pinFrame("second", newHost(1).id)
	for _, length := range []int{1, markerSize, 2 * maxPayload, 5 * maxPayload} {
		for shift := range 4 * markerSize {
			data := first.append(appendHeader(nil, m), m)
			data = append(data, make([]byte, max(length-shift, 1))...)
			data = second.append(data, m)
			frames := 0
			state := readLog(bytes.NewReader(data), func(byte, []byte) { frames++ })
			if frames != 2 || state.gaps != 1 || state.lost != int64(max(length-shift, 1)) || state.good != int64(len(data)) {
				t.Fatalf("%d bytes: %d frames, %+v", length-shift, frames, state)
			}
		}
	}
}

// The file that was damaged last is the one that is kept aside.
func TestDamagedTwice(t *testing.T) {
	data, _ := story(t)
	disk := newMemDisk()
	for i := range 2 {
		damaged := slices.Clone(data)
		damaged[headerSize+frameHead+i] ^= 1
		disk.put(memLog, damaged)
		table := openOn(t, disk)
		if got := disk.content(memDir + "/" + damagedName); !bytes.Equal(got, damaged) {
			t.Errorf("damaged %d times, and another file is kept", i+1)
		}
		mustClose(t, table)
	}
}

// A pin that its member's newest profile does not agree with is of the past.
func TestStalePin(t *testing.T) {
	m, h := newMarker(), newHost(0)
	data := clusterFrame(cluster).append(appendHeader(nil, m), m)
	data = recordFrame(fixed(), h.profile(t, at(5, 1), "new").Encoded).append(data, m)
	data = pinFrame("old", h.id).append(data, m)
	disk := newMemDisk()
	disk.put(memLog, data)
	table := openOn(t, disk)
	if diff := cmp.Diff([]string{"new/trusted"}, stands(table)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	mustClose(t, table)
}

// A member of which only the pin is left is known all the same, and no limit keeps it out.
func TestPinWithoutRecords(t *testing.T) {
	m, h := newMarker(), newHost(0)
	data := clusterFrame(cluster).append(appendHeader(nil, m), m)
	data = pinFrame("web", h.id).append(data, m)
	disk := newMemDisk()
	disk.put(memLog, data)
	table := open(Config{Cluster: cluster, Self: newHost(9).id, Dir: memDir, Limits: Limits{MaxMembers: 1}}, disk)
	wantStanding(t, table, h, Trusted)
	other := newHost(1)
	offer(t, table, other.profile(t, at(now(), 1), "web"), Newer)
	wantStanding(t, table, other, Held)
	offer(t, table, h.profile(t, at(now(), 1), "web"), Newer)
	wantStanding(t, table, h, Trusted)
	if diff := cmp.Diff([]string{"web/trusted", "web/held"}, stands(table), cmpopts.SortSlices(strings.Compare)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	mustClose(t, table)
}

// What another member wrote into its record cannot be taken for a frame, wherever the file is damaged.
func TestNoFrameInsideOfARecord(t *testing.T) {
	disk, victim := newMemDisk(), newHost(0)
	table := openOn(t, disk)
	offer(t, table, victim.profile(t, at(now(), 1), "victim"), Newer)
	// The attacker does not know the marker of this file, but that of his own.
	evil := tombstoneFrame(victim.id, now()+1000).append(nil, newMarker())
	offer(t, table, newHost(1).sign(t, "node", at(now(), 1), strings.Repeat(string(evil), 20)), Newer)
	mustClose(t, table)
	data := disk.content(memLog)
	i := bytes.Index(data, evil)
	data[i-1] ^= 1
	disk.put(memLog, data)
	after := openOn(t, disk)
	wantStanding(t, after, victim, Trusted)
	if got := after.Stats().Tombstones; got != 0 {
		t.Errorf("%d tombstones came from inside of a record", got)
	}
	mustClose(t, after)
}

// The records of another cluster are no business of this one, and are not destroyed either.
func TestLogOfAnotherCluster(t *testing.T) {
	data, _ := story(t)
	disk := newMemDisk()
	disk.put(memLog, slices.Clone(data))
	table := open(Config{Cluster: "another", Self: newHost(9).id, Dir: memDir}, disk)
	if s := table.Stats(); s.Records != 0 || s.Tombstones != 0 || table.Problem() != nil {
		t.Errorf("got %+v, %v", s, table.Problem())
	}
	if !bytes.Equal(disk.content(memDir+"/"+damagedName), data) {
		t.Error("the file was not set aside")
	}
	mustClose(t, table)
}

// A file that cannot be set aside is not replaced, as what is in it would be lost; the table goes on, and sets it aside as
// soon as it can.
func TestLogThatCannotBeSetAside(t *testing.T) {
	data, _ := story(t)
	disk := newMemDisk()
	disk.put(memLog, slices.Clone(data))
	disk.fail = func(call string) error {
		if call == "setAside" {
			return syscall.EIO
		}
		return nil
	}
	table := open(Config{Cluster: "another", Self: newHost(9).id, Dir: memDir}, disk)
	if err := table.Problem(); !errors.Is(err, syscall.EIO) {
		t.Errorf("problem %v", err)
	}
	if err := table.Forget(newHost(1).id); err == nil {
		t.Error("a promise was made that is not on the disk")
	}
	if !bytes.Equal(disk.content(memLog), data) {
		t.Error("the file was replaced without a copy")
	}
	disk.locked(func() { disk.fail = nil })
	if err := table.Forget(newHost(2).id); err != nil || table.Problem() != nil {
		t.Errorf("got %v, problem %v", err, table.Problem())
	}
	if !bytes.Equal(disk.content(memDir+"/"+damagedName), data) {
		t.Error("the file was not set aside")
	}
	mustClose(t, table)
}

func TestLogOfAnotherVersion(t *testing.T) {
	header := appendHeader(nil, newMarker())
	header[len(magic)-1]++
	header = append(header[:headerSize-4], 0, 0, 0, 0)
	sum := checksum(header[:headerSize-4])
	header = append(header[:headerSize-4], byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24))
	data := append(header, "whatever"...)
	disk := newMemDisk()
	disk.put(memLog, slices.Clone(data))
	table := openOn(t, disk)
	if !bytes.Equal(disk.content(memDir+"/"+damagedName), data) || table.Problem() != nil {
		t.Errorf("the file was not set aside: %v", table.Problem())
	}
	mustClose(t, table)
}

// Without the frame that says of which cluster they are, records count only if their signatures do.
func TestLogWithoutCluster(t *testing.T) {
	stranger, err := record.NewSigner("another", newHost(1).key).Sign("node", at(now(), 1), []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	m := newMarker()
	data := appendHeader(nil, m)
	data = recordFrame(fixed(), newHost(0).sign(t, "node", at(now(), 1), "x").Encoded).append(data, m)
	data = recordFrame(fixed(), stranger.Encoded).append(data, m)
	disk := newMemDisk()
	disk.put(memLog, data)
	table := openOn(t, disk)
	if table.member(newHost(0).id) == nil || table.member(newHost(1).id) != nil {
		t.Errorf("got %v", table.Heads(everything()))
	}
	mustClose(t, table)
}

// The errors of a disk while it is read cost what cannot be read; the rest stays, and the file is set aside.
func TestReadFails(t *testing.T) {
	data, _ := story(t)
	whole := 0
	readLog(bytes.NewReader(data), func(byte, []byte) { whole++ })
	for size := range len(data) {
		visited := 0
		in := io.MultiReader(bytes.NewReader(data[:size]), iotest.ErrReader(syscall.EIO))
		state := readLog(in, func(byte, []byte) { visited++ })
		if !errors.Is(state.err, syscall.EIO) || !state.damaged() || visited > whole {
			t.Fatalf("after %d bytes: %+v", size, state)
		}
	}
	// In one byte portions everything is there.
	visited := 0
	if state := readLog(iotest.OneByteReader(bytes.NewReader(data)), func(byte, []byte) { visited++ }); state.damaged() || visited != whole {
		t.Errorf("%d of %d frames: %+v", visited, whole, state)
	}
}

func FuzzReadLog(f *testing.F) {
	m := marker{1, 2, 3, 4, 5, 6, 7, 8}
	whole := appendHeader(nil, m)
	for _, fr := range []frame{
		clusterFrame(cluster), pinFrame("web", newHost(0).id), tombstoneFrame(newHost(1).id, 7),
		recordFrame(fixed(), newHost(0).profile(f, at(5, 1), "web").Encoded),
	} {
		whole = fr.append(whole, m)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	f.Add(append(slices.Clone(whole[:headerSize+30]), whole...))
	f.Fuzz(func(t *testing.T, data []byte) {
		var frames []frame
		state := readLog(bytes.NewReader(data), func(kind byte, payload []byte) {
			frames = append(frames, frame{kind: kind, tail: bytes.Clone(payload)})
		})
		if state.size != int64(len(data)) && state.err == nil {
			t.Fatalf("read %d of %d bytes", state.size, len(data))
		}
		if state.good > state.size || state.frames != len(frames) {
			t.Fatalf("%+v after %d frames", state, len(frames))
		}
		// Whatever is in it, the table opens, and what it writes then is whole.
		disk := newMemDisk()
		disk.put(memLog, bytes.Clone(data))
		table := openOn(t, disk)
		if table.Problem() != nil {
			t.Fatal(table.Problem())
		}
		table.View()
		if err := table.Close(); err != nil {
			t.Fatal(err)
		}
		written := disk.content(memLog)
		if state := readLog(bytes.NewReader(written), func(byte, []byte) {}); state.damaged() || state.good != state.size {
			t.Fatalf("what was left is not whole: %+v", state)
		}
		again := openOn(t, disk)
		defer func() { _ = again.Close() }()
		if again.Digest() != table.Digest() {
			t.Fatal("a second start gives something else")
		}
		if diff := cmp.Diff(table.tombstones, again.tombstones); diff != "" {
			t.Fatalf("tombstones (-first +second):\n%s", diff)
		}
		if diff := cmp.Diff(table.pins.byName, again.pins.byName); diff != "" {
			t.Fatalf("pins (-first +second):\n%s", diff)
		}
	})
}

func FuzzOffer(f *testing.F) {
	h := newHost(0)
	rec := h.profile(f, at(5, 1), "web")
	f.Add(rec.Encoded)
	f.Add(h.sign(f, "node", at(5, 2), "body").Encoded)
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, encoded []byte) {
		table := openAs(t, newHost(9), "")
		before := bytes.Clone(encoded)
		rec, outcome := table.Offer(encoded)
		if !bytes.Equal(before, encoded) {
			t.Fatal("the caller's buffer was changed")
		}
		held, ok := table.Encoded(rec.Owner, rec.Section)
		if ok != outcome.Kept() || ok && !bytes.Equal(held, encoded) {
			t.Fatalf("%s, held %x", outcome, held)
		}
		if ok && rec.Verify(cluster) != nil {
			t.Fatal("a forged record was kept")
		}
		want := Duplicate
		if !ok {
			want = outcome
		}
		if _, again := table.Offer(encoded); again != want {
			t.Fatalf("first %s, then %s", outcome, again)
		}
		table.View()
	})
}
