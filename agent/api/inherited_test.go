package api

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestInherited passes sockets to a process as systemd does: from descriptor 3 on, with its own process id in LISTEN_PID.
func TestInherited(t *testing.T) {
	if os.Getenv("API_TEST_INHERITED") != "" {
		reportInherited()
		return
	}
	dir := shortDir(t)
	for name, c := range map[string]struct {
		sockets int
		want    string
	}{
		"none": {0, "none\n"},
		"one":  {1, "serves " + filepath.Join(dir, "0") + "\n"},
		"two":  {2, "passed 2 sockets"},
	} {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", `LISTEN_PID=$$ exec "$0" -test.run='^TestInherited$'`, os.Args[0])
		cmd.Env = append(os.Environ(), "API_TEST_INHERITED=1", "LISTEN_FDS="+string(rune('0'+c.sockets)))
		for i := range c.sockets {
			cmd.ExtraFiles = append(cmd.ExtraFiles, listenFile(t, filepath.Join(dir, string(rune('0'+i)))))
		}
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), c.want) {
			t.Errorf("%s: %v, %s; want %q", name, err, out, c.want)
		}
	}
}

func listenFile(t *testing.T, path string) *os.File {
	t.Helper()
	_ = os.Remove(path)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = f.Close(), l.Close() })
	return f
}

func reportInherited() {
	l, err := Inherited()
	switch {
	case err != nil:
		_, _ = os.Stdout.WriteString(err.Error() + "\n")
	case l == nil:
		_, _ = os.Stdout.WriteString("none\n")
	default:
		_, _ = os.Stdout.WriteString("serves " + l.Addr().String() + "\n")
	}
}
