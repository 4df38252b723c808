package client

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestFaultO24RestartsAreWaitedFor: a client asks while an agent restarts, whatever of the old socket and of the new one it meets at each
// attempt. It took a socket for another file that had refused and was removed before it looked.
func TestFaultO24RestartsAreWaitedFor(t *testing.T) {
	refused, full := error(syscall.ECONNREFUSED), error(syscall.EAGAIN)
	none := error(&fs.PathError{Op: "dial", Path: "s", Err: syscall.ENOENT})
	// try is one attempt: what stands at the path when the client looks after it, and what came of it.
	type try struct {
		stands string
		err    error
	}
	for name, c := range map[string]struct {
		tries []try
		want  error
	}{
		"back at once":                  {[]try{{"socket", nil}}, nil},
		"refuses, then is back":         {[]try{{"socket", refused}, {"socket", nil}}, nil},
		"its queue is full":             {[]try{{"socket", full}, {"socket", nil}}, nil},
		"refuses, is replaced":          {[]try{{"socket", refused}, {"", none}, {"socket", refused}, {"socket", nil}}, nil},
		"refuses, is gone when looked":  {[]try{{"", refused}, {"", none}, {"socket", nil}}, nil},
		"is not running":                {[]try{{"", none}}, none},
		"is no socket":                  {[]try{{"file", refused}}, refused},
		"something else is in the way":  {[]try{{"socket", refused}, {"socket", fs.ErrPermission}}, fs.ErrPermission},
		"is replaced by something else": {[]try{{"socket", refused}, {"file", fs.ErrPermission}}, fs.ErrPermission},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				socket := filepath.Join(t.TempDir(), "s")
				client := New(Config{Socket: socket, RetryFor: time.Minute})
				asked := 0
				_, err := client.retry(t.Context(), func() (net.Conn, error) {
					if asked == len(c.tries) {
						t.Fatal("it tries again")
					}
					one := c.tries[asked]
					asked++
					stand(t, socket, one.stands)
					return nil, one.err
				})
				if !errors.Is(err, c.want) || asked != len(c.tries) {
					t.Errorf("%v after %d attempts, want %v after %d", err, asked, c.want, len(c.tries))
				}
			})
		})
	}
}

// TestRetriesEnd: nobody comes back.
func TestRetriesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := New(Config{Socket: filepath.Join(t.TempDir(), "s"), RetryFor: time.Minute})
		began := time.Now()
		_, err := client.retry(t.Context(), func() (net.Conn, error) { return nil, syscall.ECONNREFUSED })
		if took := time.Since(began); !errors.Is(err, syscall.ECONNREFUSED) || took < time.Minute || took > time.Minute+2*retryDelay {
			t.Errorf("%v after %s", err, took)
		}
	})
}

// stand puts a socket on which nobody listens, a file, or nothing at a path.
func stand(t *testing.T, path, what string) {
	t.Helper()
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	var err error
	switch what {
	case "socket":
		err = syscall.Mknod(path, syscall.S_IFSOCK|0o600, 0)
	case "file":
		err = os.WriteFile(path, nil, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
