package records

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"pgregory.net/rapid"

	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// What comes from others is on disk within two seconds and in few writes; a pin is then synced.
func TestFlushInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newMemDisk()
		table := openOn(t, disk)
		for n := range 9 {
			offer(t, table, newHost(n).profile(t, at(now(), 1), fmt.Sprint("host-", n)), Newer)
		}
		disk.since()
		<-time.After(flushDelay + time.Millisecond)
		synctest.Wait()
		if got := disk.since(); got != "write,sync" {
			t.Errorf("calls: %s", got)
		}
		for n := range 9 {
			offer(t, table, newHost(n).profile(t, at(now(), 2), fmt.Sprint("host-", n)), Newer)
		}
		disk.since()
		<-time.After(time.Hour)
		synctest.Wait()
		if got := disk.since(); got != "write" {
			t.Errorf("without a new pin: calls: %s", got)
		}
		after := openOn(t, disk.powerCut(true))
		sameView(t, table, after)
		mustClose(t, after)
		mustClose(t, table)
	})
}

// Own records, tombstones and trust are synced before the call returns.
func TestSyncedBeforeReturn(t *testing.T) {
	disk, self, h := newMemDisk(), newHost(9), newHost(0)
	table := openOn(t, disk)
	before := at(now()-9, 1)
	offer(t, table, h.profile(t, before, "web"), Newer)
	rec := self.publish(t, table, "node", "x")
	cut := openOn(t, disk.powerCut(false))
	if e := cut.member(self.id).entry("node"); e == nil || e.stamp != rec.Stamp {
		t.Error("an own record is not on the disk")
	}
	mustClose(t, cut)
	if err := table.Forget(h.id); err != nil {
		t.Fatal(err)
	}
	cut = openOn(t, disk.powerCut(false))
	offer(t, cut, h.profile(t, before, "web"), Forgotten)
	mustClose(t, cut)
	mustClose(t, table)
}

// The disk is full at the k-th call, and at all that follow, until there is room again. The table goes on in memory, says so,
// and everything is on disk when there is room.
func TestFullDisk(t *testing.T) {
	for _, half := range []bool{false, true} {
		for k := range 40 {
			t.Run(fmt.Sprint(k, half), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { fullDisk(t, k, half, syscall.ENOSPC, false) })
			})
		}
	}
}

// One call fails, whichever it is, and then all is well.
func TestOneFault(t *testing.T) {
	for _, half := range []bool{false, true} {
		for k := range 40 {
			t.Run(fmt.Sprint(k, half), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { fullDisk(t, k, half, syscall.EIO, true) })
			})
		}
	}
}

func fullDisk(t *testing.T, k int, half bool, cause syscall.Errno, once bool) {
	t.Helper()
	disk, self := newMemDisk(), newHost(9)
	disk.half = half
	calls, broken, reached := 0, true, false
	disk.fail = func(string) error {
		calls++
		if broken && (calls == k+1 || calls > k && !once) {
			reached = true
			return cause
		}
		return nil
	}
	table := openOn(t, disk)
	a, b, gone, g := newHost(0), newHost(1), newHost(2), now()-50
	ownRecord := func(section string) {
		if err := table.Put(self.sign(t, section, table.NextStamp(section), "x")); err != nil {
			wantNotSaved(t, err, cause)
		}
	}
	ownRecord("node")
	offer(t, table, a.profile(t, at(now()-50, 1), "web"), Newer)
	offer(t, table, b.profile(t, at(now()-50, 1), "web"), Newer)
	offer(t, table, gone.profile(t, at(now()-50, 1), "gone"), Newer)
	_ = table.flushNow()
	for _, err := range []error{table.Forget(gone.id), table.Trust(b.id)} {
		if err != nil {
			wantNotSaved(t, err, cause)
		}
	}
	ownRecord("node")
	var failing bool
	disk.locked(func() { failing = reached && !once })
	if problem := table.Problem(); failing && (problem == nil || !errors.Is(problem, cause)) {
		t.Errorf("the disk fails, and the problem is %v", problem)
	}
	// Memory goes on.
	wantStanding(t, table, b, Trusted)
	wantStanding(t, table, gone, "")
	if got := table.NextStamp("node").Version; got != 3 {
		t.Errorf("next version %d, want 3", got)
	}
	disk.locked(func() { broken = false })
	offer(t, table, newHost(3).profile(t, at(now(), 1), "new"), Newer)
	<-time.After(2*maxRetry + flushDelay)
	synctest.Wait()
	if err := table.Problem(); err != nil {
		t.Errorf("there is room again, but %v", err)
	}
	after := openOn(t, disk.powerCut(true))
	sameView(t, table, after)
	offer(t, after, gone.profile(t, at(g, 2), "gone"), Forgotten)
	if disk.content(memDir+"/"+damagedName) != nil {
		t.Error("a failed write was left in the file")
	}
	mustClose(t, after)
	mustClose(t, table)
}

func wantNotSaved(t *testing.T, err error, cause error) {
	t.Helper()
	if !errors.Is(err, ErrNotSaved) || !errors.Is(err, cause) || !strings.Contains(err.Error(), memDir) {
		t.Errorf("got %v, want ErrNotSaved, %v and the path", err, cause)
	}
}

// A power cut comes after the k-th call. Whatever was promised before it is there, whether or not the disk had more than it
// had to.
func TestPowerCutAtEveryCall(t *testing.T) {
	for k := range 60 {
		for _, kept := range []bool{false, true} {
			t.Run(fmt.Sprint(k, kept), func(t *testing.T) { powerCutAfter(t, k, kept) })
		}
	}
}

func powerCutAfter(t *testing.T, k int, kept bool) {
	t.Helper()
	disk, self := newMemDisk(), newHost(9)
	var cut *memDisk
	calls := 0
	disk.fail = func(string) error {
		if calls++; calls > k {
			return syscall.EIO
		}
		return nil
	}
	table := openOn(t, disk)
	var stamp record.Stamp
	buried := map[record.ID]bool{}
	for n := range 6 {
		h := newHost(n)
		offer(t, table, h.profile(t, at(now()-50, 1), fmt.Sprint("host-", n)), Newer)
		rec := self.sign(t, "node", table.NextStamp("node"), "x")
		if table.Put(rec) == nil {
			stamp = rec.Stamp
		}
		if n%2 == 0 && table.Forget(h.id) == nil {
			buried[h.id] = true
		}
		if n == 3 {
			_ = lockedRewrite(table)
		}
	}
	cut = disk.powerCut(kept)
	after := openOn(t, cut)
	if err := after.Problem(); err != nil {
		t.Fatal(err)
	}
	if !stamp.IsZero() && after.NextStamp("node").Compare(stamp) <= 0 {
		t.Errorf("the next stamp is %s, but %s was promised to be on disk", after.NextStamp("node"), stamp)
	}
	for id := range buried {
		if !after.forgotten(id, at(1, 1)) {
			t.Errorf("%s is not forgotten any more", id)
		}
	}
	mustClose(t, after)
	_ = table.Close()
}

func lockedRewrite(table *Table) error {
	table.disk.mu.Lock()
	defer table.disk.mu.Unlock()
	return table.disk.rewrite()
}

// A disk that is well again is used again, though nothing changes any more: one that failed at the start, and one that failed
// with the last thing that was put.
func TestHealsByItself(t *testing.T) {
	for name, failing := range map[string]string{"start": "create " + tempName, "put": "write", "sync": "sync"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk, self, full := newMemDisk(), newHost(9), name == "start"
				disk.fail = func(call string) error {
					if full && call == failing {
						return syscall.ENOSPC
					}
					return nil
				}
				table := openOn(t, disk)
				if name != "start" {
					disk.locked(func() { full = true })
					err := table.Put(self.sign(t, "node", table.NextStamp("node"), "x"))
					wantNotSaved(t, err, syscall.ENOSPC)
				}
				<-time.After(time.Minute)
				if table.Problem() == nil {
					t.Error("the disk is full and there is no problem")
				}
				disk.locked(func() { full = false })
				<-time.After(2 * maxRetry)
				if err := table.Problem(); err != nil {
					t.Error(err)
				}
				after := openOn(t, disk.powerCut(false))
				sameView(t, table, after)
				mustClose(t, after)
				mustClose(t, table)
			})
		})
	}
}

// After a failed sync nothing that was in the file is relied on: it is written anew.
func TestSyncFails(t *testing.T) {
	disk := newMemDisk()
	table := openOn(t, disk)
	fail := true
	disk.locked(func() {
		disk.fail = func(call string) error {
			if fail && call == "sync" {
				fail = false
				return syscall.EIO
			}
			return nil
		}
	})
	self := newHost(9)
	if err := table.Put(self.sign(t, "node", table.NextStamp("node"), "x")); !errors.Is(err, ErrNotSaved) {
		t.Errorf("got %v", err)
	}
	disk.since()
	self.publish(t, table, "node", "y")
	if got := disk.since(); !strings.HasPrefix(got, "create "+tempName) || !strings.Contains(got, "rename") {
		t.Errorf("calls: %s", got)
	}
	mustClose(t, table)
}

// The file is replaced when it is more than twice as long as it has to be, and nothing gets lost by that.
func TestCompaction(t *testing.T) {
	disk, h, self := newMemDisk(), newHost(0), newHost(9)
	table := openOn(t, disk)
	offer(t, table, h.profile(t, at(now(), 1), "web"), Newer)
	forgotten := now()
	if err := table.Forget(newHost(1).id); err != nil {
		t.Fatal(err)
	}
	body := strings.Repeat("x", record.MaxBody)
	var longest int64
	for v := range uint64(200) {
		offer(t, table, h.sign(t, "node", at(now(), v+1), body), Newer)
		self.publish(t, table, "node", fmt.Sprint(v))
		if err := table.flushNow(); err != nil {
			t.Fatal(err)
		}
		longest = max(longest, table.Stats().LogBytes)
	}
	if limit := 2*table.liveSize() + slack; longest > limit || !disk.called("rename") {
		t.Errorf("the file had %d bytes, at most %d are needed", longest, limit)
	}
	if got := int64(len(disk.content(memLog))); got != table.Stats().LogBytes {
		t.Errorf("the file has %d bytes, %d were counted", got, table.Stats().LogBytes)
	}
	after := openOn(t, disk.powerCut(true))
	sameView(t, table, after)
	offer(t, after, newHost(1).sign(t, "node", at(forgotten-9, 1), "x"), Forgotten)
	mustClose(t, after)
	mustClose(t, table)
}

// The length that is reckoned and the one that is written are about the same.
func TestLiveSize(t *testing.T) {
	disk := newMemDisk()
	table := openOn(t, disk)
	for n := range 200 {
		name := fmt.Sprintf("host-%03d.rack-7.example.org", n)
		offer(t, table, newHost(100+n).profile(t, at(now(), 1), name), Newer)
	}
	if err := lockedRewrite(table); err != nil {
		t.Fatal(err)
	}
	if got, want := table.liveSize(), table.Stats().LogBytes; got < want*9/10 || got > want*11/10 {
		t.Errorf("reckoned %d bytes, written %d", got, want)
	}
	disk.since()
	if err := table.flushNow(); err != nil || disk.since() != "" {
		t.Errorf("something was written twice, %v", err)
	}
	mustClose(t, table)
}

// On disk and in memory is the same after any history, over restarts with and without a warning.
func TestDiskAgainstMemory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		disk, self := newMemDisk(), newHost(9)
		kept, model := openOn(t, disk), openAs(t, self, "")
		all := drawHistory(t)
		reopen := func(t *rapid.T) {
			if err := kept.Close(); err != nil {
				t.Fatalf("close: %v", err)
			}
			kept = openOn(t, disk)
		}
		t.Repeat(map[string]func(*rapid.T){
			"offer": func(t *rapid.T) {
				o := rapid.SampledFrom(all).Draw(t, "record")
				_, a := kept.Offer(o.encoded)
				if _, b := model.Offer(o.encoded); a != b {
					t.Fatalf("%+v: %s on disk, %s in memory", o.head, a, b)
				}
			},
			"put": func(t *rapid.T) {
				stamp := kept.NextStamp("node")
				if other := model.NextStamp("node"); other.Compare(stamp) > 0 {
					t.Fatalf("the next stamp went back over a restart: %s, want at least %s", stamp, other)
				}
				rec := self.sign(t, "node", stamp, "x")
				put(t, kept, rec)
				put(t, model, rec)
			},
			"forget": func(t *rapid.T) {
				id := newHost(rapid.IntRange(0, 2).Draw(t, "host")).id
				if kept.member(id) == nil {
					t.Skip("it would be forgotten up to the present second")
				}
				if a, b := kept.Forget(id), model.Forget(id); a != nil || b != nil {
					t.Fatalf("%v, %v", a, b)
				}
			},
			"trust": func(t *rapid.T) {
				id := newHost(rapid.IntRange(0, 2).Draw(t, "host")).id
				if a, b := kept.Trust(id), model.Trust(id); (a == nil) != (b == nil) {
					t.Fatalf("%v on disk, %v in memory", a, b)
				}
			},
			"flush": func(t *rapid.T) {
				if err := kept.flushNow(); err != nil {
					t.Fatalf("flush: %v", err)
				}
			},
			"compact": func(t *rapid.T) {
				if err := lockedRewrite(kept); err != nil {
					t.Fatalf("rewrite: %v", err)
				}
			},
			"restart": reopen,
			"kill": func(t *rapid.T) {
				// What is killed after a flush has everything.
				if err := kept.flushNow(); err != nil {
					t.Fatalf("flush: %v", err)
				}
				before := kept
				disk = disk.powerCut(true)
				kept = openOn(t, disk)
				_ = before.Close()
			},
			"": func(t *rapid.T) {
				sameView(t, kept, model)
			},
		})
		reopen(t)
		sameView(t, kept, model)
		_ = kept.Close()
	})
}

// A real directory that cannot be used: a file stands in its place.
func TestDirectoryIsAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	self := newHost(9)
	table := openWith(t, Config{Cluster: cluster, Self: self.id, Dir: path, Logger: zerolog.New(&logged)})
	if err := table.Problem(); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want an error with %s", err, path)
	}
	for range 3 {
		rec := self.sign(t, "node", table.NextStamp("node"), "x")
		if err := table.Put(rec); !errors.Is(err, ErrNotSaved) {
			t.Errorf("got %v", err)
		}
	}
	offer(t, table, newHost(0).profile(t, at(now(), 1), "web"), Newer)
	if got := strings.Count(logged.String(), "\n"); got != 1 {
		t.Errorf("logged %d times:\n%s", got, logged.String())
	}
	if got := table.Stats(); got.LogFailures < 4 || got.Records != 2 {
		t.Errorf("got %+v", got)
	}
	// It heals when an operator sees to it.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := table.flushNow(); err != nil {
		t.Error(err)
	}
	if table.Problem() != nil || !strings.Contains(logged.String(), "again") {
		t.Errorf("%v\n%s", table.Problem(), logged.String())
	}
	mustClose(t, table)
	sameView(t, table, openAs(t, self, path))
}

// A file that can be read but not written: what is known is known, and it is written when that is possible.
func TestReadOnlyFile(t *testing.T) {
	data, promises := story(t)
	disk := newMemDisk()
	disk.put(memLog, data)
	readOnly := true
	disk.fail = func(call string) error {
		if readOnly && (call == "open write=true" || strings.HasPrefix(call, "create")) {
			return syscall.EROFS
		}
		return nil
	}
	table := openOn(t, disk)
	if err := table.Problem(); !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), memLog) {
		t.Errorf("got %v", err)
	}
	for _, p := range promises {
		if !p.kept(table) {
			t.Errorf("%s is not kept", p.what)
		}
	}
	disk.locked(func() { readOnly = false })
	newHost(9).publish(t, table, "node", "x")
	mustClose(t, table)
	sameView(t, table, openOn(t, disk))
}

// A file that cannot be read is left as it is, since writing it anew would lose what is in it, and read when that is possible.
func TestUnreadableFile(t *testing.T) {
	data, promises := story(t)
	disk := newMemDisk()
	disk.put(memLog, bytes.Clone(data))
	unreadable := true
	disk.fail = func(call string) error {
		if unreadable && strings.HasPrefix(call, "open") {
			return fs.ErrPermission
		}
		return nil
	}
	table := openOn(t, disk)
	if err := table.Put(newHost(9).sign(t, "node", table.NextStamp("node"), "x")); !errors.Is(err, ErrNotSaved) {
		t.Errorf("got %v", err)
	}
	offer(t, table, newHost(5).profile(t, at(now(), 1), "new"), Newer)
	if err := table.flushNow(); !errors.Is(err, fs.ErrPermission) || !bytes.Equal(disk.content(memLog), data) {
		t.Errorf("the file was changed, %v", err)
	}
	// Host 0 is forgotten in the file, but has come back in the meantime.
	offer(t, table, newHost(0).sign(t, "node", at(now(), 1), "back"), Newer)
	disk.locked(func() { unreadable = false })
	if err := table.flushNow(); err != nil || table.Problem() != nil {
		t.Errorf("%v, %v", err, table.Problem())
	}
	for _, p := range promises {
		if !p.kept(table) && !strings.HasPrefix(p.what, "host 0") {
			t.Errorf("%s is not kept", p.what)
		}
	}
	offer(t, table, newHost(0).sign(t, "node", at(now(), 1), "back"), Duplicate)
	offer(t, table, newHost(0).profile(t, at(now()-200, 1), "web"), Forgotten)
	mustClose(t, table)
	after := openOn(t, disk)
	sameView(t, table, after)
	mustClose(t, after)
}

func TestClosed(t *testing.T) {
	table, self := openAs(t, newHost(9), t.TempDir()), newHost(9)
	mustClose(t, table)
	if err := table.Put(self.sign(t, "node", table.NextStamp("node"), "x")); !errors.Is(err, errClosed) || !errors.Is(err, ErrNotSaved) {
		t.Errorf("got %v", err)
	}
	offer(t, table, newHost(0).profile(t, at(now(), 1), "web"), Newer)
	if err := table.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
}

func TestFileMode(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	mustClose(t, openAs(t, newHost(9), dir))
	for path, want := range map[string]fs.FileMode{dir: dirMode | fs.ModeDir, filepath.Join(dir, logName): fileMode} {
		info, err := os.Stat(path)
		if err != nil || info.Mode() != want {
			t.Errorf("%s: got %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
}

// What a failed write left is taken off before anything is appended to it; where that fails too, the file is replaced.
func TestHalfWritten(t *testing.T) {
	for name, failing := range map[string][]string{"cut off": {"write"}, "replaced": {"write", "truncate"}} {
		t.Run(name, func(t *testing.T) {
			disk, self := newMemDisk(), newHost(9)
			table := openOn(t, disk)
			left := failing
			disk.locked(func() {
				disk.half = true
				disk.fail = func(call string) error {
					if len(left) > 0 && call == left[0] {
						left = left[1:]
						return syscall.ENOSPC
					}
					return nil
				}
			})
			if err := table.Put(self.sign(t, "node", table.NextStamp("node"), "x")); !errors.Is(err, ErrNotSaved) {
				t.Errorf("got %v", err)
			}
			rec := self.publish(t, table, "node", "y")
			data := disk.content(memLog)
			state := readLog(bytes.NewReader(data), func(byte, []byte) {})
			if state.damaged() || state.size != state.good || state.size != table.Stats().LogBytes {
				t.Errorf("the file is not whole: %+v", state)
			}
			after := openOn(t, disk.powerCut(false))
			if e := after.member(self.id).entry("node"); e == nil || e.stamp != rec.Stamp {
				t.Error("what was put is not on disk")
			}
			mustClose(t, after)
			mustClose(t, table)
		})
	}
}

// flushNow writes what is to be written now.
func (t *Table) flushNow() error {
	t.disk.mu.Lock()
	defer t.disk.mu.Unlock()
	return t.disk.flush()
}
