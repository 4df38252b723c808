package systemd

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// listen is a service manager's end of the socket.
func listen(t *testing.T) *net.UnixConn {
	t.Helper()
	path := filepath.Join(t.TempDir(), "n")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return c
}

func next(t *testing.T, c *net.UnixConn) string {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	n, err := c.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

func TestMessages(t *testing.T) {
	c := listen(t)
	var n Notifier
	tests := []struct {
		send func()
		want string
	}{
		{func() { n.Ready("2 of 3\nrun") }, "READY=1\nSTATUS=2 of 3 run"},
		{func() { n.Status("bad: a\nREADY=1") }, "STATUS=bad: a READY=1"},
		{n.Stopping, "STOPPING=1"},
		{n.Alive, "WATCHDOG=1"},
	}
	for _, tt := range tests {
		tt.send()
		if got := next(t, c); got != tt.want {
			t.Errorf("sent %q, want %q", got, tt.want)
		}
	}
	n.Reloading()
	if got := next(t, c); !strings.HasPrefix(got, "RELOADING=1\nMONOTONIC_USEC=") {
		t.Errorf("sent %q, want the time with it, which Type=notify-reload needs", got)
	}
	n.Status(strings.Repeat("ä", maxStatus))
	if got := next(t, c); len(got) > maxStatus+len("STATUS=") || strings.ContainsRune(got, '\ufffd') {
		t.Errorf("a long status of %d bytes was sent", len(got))
	}
}

func TestNoServiceManager(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	var n Notifier
	n.Ready("fine")
	n.Alive()
}

func TestWatchdogInterval(t *testing.T) {
	t.Setenv("WATCHDOG_USEC", "30000000")
	t.Setenv("WATCHDOG_PID", "")
	if got := WatchdogInterval(); got != 15*time.Second {
		t.Errorf("%s, want half of WatchdogSec", got)
	}
	t.Setenv("WATCHDOG_USEC", "")
	if got := WatchdogInterval(); got != 0 {
		t.Errorf("%s without a watchdog", got)
	}
}
