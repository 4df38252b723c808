package logging

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/daemonsetd/daemonsetd/agent/config"
	"github.com/daemonsetd/daemonsetd/internal/base/logfield"
)

func file(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func content(t *testing.T, f *os.File) string {
	t.Helper()
	data, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestAutoIsJSONIntoAFile(t *testing.T) {
	f := file(t)
	log, _, err := New(config.Log{Level: "info", Format: config.FormatAuto}, f)
	if err != nil {
		t.Fatal(err)
	}
	log.Info().Str(logfield.Node, "n").Msg("hello")
	var line map[string]any
	if err := json.Unmarshal([]byte(content(t, f)), &line); err != nil || line["node"] != "n" || line["message"] != "hello" || line["level"] != "info" || line["time"] == nil {
		t.Errorf("%v, %v", line, err)
	}
}

func TestConsole(t *testing.T) {
	f := file(t)
	log, _, err := New(config.Log{Level: "info", Format: config.FormatConsole}, f)
	if err != nil {
		t.Fatal(err)
	}
	log.Warn().Str(logfield.Node, "n").Msg("hello")
	if got := content(t, f); !strings.Contains(got, "WRN hello node=n") {
		t.Errorf("%q", got)
	}
}

func TestLevelCanBeChanged(t *testing.T) {
	f := file(t)
	log, level, err := New(config.Log{Level: "warn", Format: config.FormatJSON}, f)
	if err != nil {
		t.Fatal(err)
	}
	log.Info().Msg("unheard")
	if err := level.Set("debug"); err != nil {
		t.Fatal(err)
	}
	log.Debug().Msg("heard")
	if err := level.Set("loud"); err == nil {
		t.Error("an unknown level is taken")
	}
	log.Debug().Msg("still heard")
	if got := content(t, f); strings.Contains(got, "unheard") || strings.Count(got, "heard") != 2 {
		t.Errorf("%q", got)
	}
	if _, _, err := New(config.Log{Level: "loud"}, f); err == nil {
		t.Error("an unknown level is taken at the start")
	}
}

func TestJournalStream(t *testing.T) {
	f := file(t)
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		t.Fatal("no stat")
	}
	for env, want := range map[string]bool{
		fmt.Sprintf("%d:%d", st.Dev, st.Ino):   true,
		fmt.Sprintf("%d:%d", st.Dev, st.Ino+1): false,
		fmt.Sprintf("%d:%d", st.Dev+1, st.Ino): false,
		"":                                     false, "1": false, "x:y": false,
	} {
		if got := journalStream(env, f); got != want {
			t.Errorf("JOURNAL_STREAM=%q: %v, want %v", env, got, want)
		}
	}
}
