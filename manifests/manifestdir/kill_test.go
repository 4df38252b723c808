package manifestdir

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// childDir is set in the environment of a child that writes in a loop until it is killed.
const childDir = "DAEMONSETD_TEST_STORE_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		fmt.Fprintln(os.Stderr, writeForEver(dir, os.Stdout))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// failure makes a tester of a process that is no test.
type failure struct{}

func (failure) Helper()                   {}
func (failure) Fatal(args ...any)         { panic(fmt.Sprint(args...)) }
func (failure) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }

// writeForEver replaces one manifest and makes and removes another, and prints a line after each round.
func writeForEver(dir string, out io.Writer) error {
	s, err := New(Config{Dir: dir, Logger: zerolog.Nop()})
	if err != nil {
		return err
	}
	kept, passing := variants(failure{}), manifest(failure{}, "passing", "a")
	for i := 0; ; i++ {
		for _, act := range []func() error{
			func() error { return s.Write(kept[i%len(kept)]) },
			func() error { return s.Write(passing) },
			func() error { return s.Remove(passing.FileName) },
		} {
			if err := act(); err != nil {
				return err
			}
			if _, err := fmt.Fprintln(out, i); err != nil {
				return err
			}
		}
	}
}

func variants(t tester) []render.Manifest {
	t.Helper()
	return []render.Manifest{manifest(t, "kept", strings.Repeat("a", 3000)), manifest(t, "kept", "b")}
}

// A process that really dies, at a moment of no one's choice.
func TestKilledWhileWriting(t *testing.T) {
	rounds := 25
	if testing.Short() {
		rounds = 5
	}
	dir := t.TempDir()
	mustWrite(t, newStore(t, dir), variants(t)[0])
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range rounds {
		killChild(t, dir, random.IntN(30))
		checkAfterKill(t, dir)
	}
}

// killChild lets a child finish some acts and kills it wherever it is by then.
func killChild(t *testing.T, dir string, acts int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for range acts + 1 {
		if !lines.Scan() {
			t.Fatalf("the child ended by itself: %v", cmd.Wait())
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, out); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the child ended with %v", err)
	}
}

func checkAfterKill(t *testing.T, dir string) {
	t.Helper()
	passing := manifest(t, "passing", "a")
	kept := variants(t)
	seen := visible(t, dir)
	if got := seen[kept[0].FileName]; got != string(kept[0].Data) && got != string(kept[1].Data) {
		t.Fatalf("the kept manifest is neither old nor new: %q", got)
	}
	if got, ok := seen[passing.FileName]; ok && got != string(passing.Data) {
		t.Fatalf("the other manifest is half there: %q", got)
	}
	delete(seen, kept[0].FileName)
	delete(seen, passing.FileName)
	if len(seen) > 0 {
		t.Fatalf("the kubelet would see %v", seen)
	}
	l := mustScan(t, newStore(t, dir))
	if len(l.Problems)+len(l.Foreign) > 0 || len(onDisk(t, dir)) != len(l.Ours) {
		t.Fatalf("after the next scan: %+v, %v", l, onDisk(t, dir))
	}
	for _, e := range l.Ours {
		if !e.Intact {
			t.Fatalf("%s %s", e.FileName, e.Drift)
		}
	}
}
