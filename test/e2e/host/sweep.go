package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const ipForwardPath = "/proc/sys/net/ipv4/ip_forward"

// Sweep removes what hosts of earlier runs left behind when they could not stop: their processes by the cgroup they are
// in, their mounts, cgroups and directories. A host that still runs holds the lock of its directory and is left alone.
func Sweep() error {
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), dirPrefix+"*"))
	if err != nil {
		return err
	}
	var errs []error
	for _, dir := range dirs {
		lock, err := lockDir(dir)
		if errors.Is(err, syscall.EWOULDBLOCK) {
			continue
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, sweepDir(dir), lock.Close())
	}
	return errors.Join(errs...)
}

// sweepDir kills, unmounts and removes what belongs to the host at dir.
func sweepDir(dir string) error {
	return errors.Join(removeCgroups(filepath.Base(dir)), removeNetwork(dir), unmountUnder(dir), restoreIPForward(dir),
		removeDir(dir))
}

// removeDir removes dir, again after a moment where a process that was just killed still held a file open.
func removeDir(dir string) error {
	return poll(stopTimeout, func() error { return os.RemoveAll(dir) })
}

// unmountUnder detaches every mount below dir, the innermost first.
func unmountUnder(dir string) error {
	mounts, err := readMounts()
	if err != nil {
		return err
	}
	var errs []error
	for _, m := range slices.Backward(mounts) {
		if !strings.HasPrefix(m.point, dir+"/") {
			continue
		}
		if err := syscall.Unmount(m.point, syscall.MNT_DETACH); err != nil && !errors.Is(err, syscall.EINVAL) {
			errs = append(errs, fmt.Errorf("unmounting %q: %w", m.point, err))
		}
	}
	return errors.Join(errs...)
}

// mount is a line of /proc/self/mountinfo.
type mount struct {
	point  string
	fstype string
	// options are those of the superblock; for cgroup v1 they name the controllers.
	options []string
}

// readMounts lists the mounts of this process, outer ones before those on top of them.
func readMounts() ([]mount, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("listing mounts: %w", err)
	}
	var mounts []mount
	for line := range strings.Lines(string(data)) {
		left, right, ok := strings.Cut(line, " - ")
		l, r := strings.Fields(left), strings.Fields(right)
		if !ok || len(l) < 5 || len(r) < 3 {
			continue
		}
		mounts = append(mounts, mount{point: unescape(l[4]), fstype: r[0], options: strings.Split(r[2], ",")})
	}
	return mounts, nil
}

// unescape undoes the octal escapes that mountinfo has for blanks.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\134`, `\`).Replace(s)
}

// saveIPForward notes in the host's directory the setting that the network plugin is about to switch on.
func saveIPForward(dir string) error {
	value, err := os.ReadFile(ipForwardPath)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "ip_forward"), value, 0o600)
}

// restoreIPForward puts the setting back.
func restoreIPForward(dir string) error {
	value, err := os.ReadFile(filepath.Join(dir, "ip_forward"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.WriteFile(ipForwardPath, value, 0o644)
}

// poll calls f every 20 ms until it returns nil, and gives its last error when timeout has passed.
func poll(timeout time.Duration, f func() error) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return Poll(ctx, f)
}

// Poll calls f every 20 ms until it returns nil, and gives its last error when ctx ends.
func Poll(ctx context.Context, f func() error) error {
	return PollEvery(ctx, 20*time.Millisecond, f)
}

// PollEvery is Poll with another time between two calls, for an f that costs something.
func PollEvery(ctx context.Context, gap time.Duration, f func() error) error {
	tick := time.NewTicker(gap)
	defer tick.Stop()
	var last error
	for {
		err := f()
		if err == nil {
			return nil
		}
		// What was asked when the time was over says nothing; the answer before it does.
		if last == nil || ctx.Err() == nil {
			last = err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%w (gave up: %w)", last, context.Cause(ctx))
		}
	}
}
