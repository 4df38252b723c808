//go:build packages

package packages

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// suites are the versions of Debian whose systemd the unit is tried with.
const (
	systemd247 = "bullseye"
	systemd252 = "bookworm"
	systemd257 = "trixie"
)

// oldVersion is older than anything that packaging/version gives.
const oldVersion = "0.0.0"

// shared is what the tests have in common.
var shared struct {
	dir      string
	packages string
	build    func() error
	roots    map[string]func() (string, error)
}

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := prepare()
	if err != nil {
		fmt.Fprintln(os.Stderr, "packages:", err)
		return 1
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-interrupted
		machines.stopAll()
		fmt.Fprintln(os.Stderr, "packages: interrupted:", os.RemoveAll(dir))
		os.Exit(1)
	}()
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, "packages: cleaning up:", err)
		code = 1
	}
	return code
}

func prepare() (string, error) {
	if os.Getuid() != 0 {
		return "", errors.New("installing packages needs root")
	}
	for program, from := range map[string]string{
		"mmdebstrap": "mmdebstrap", "systemd-nspawn": "systemd-container", "nsenter": "util-linux", "lintian": "lintian", "rpm": "rpm", "rpmlint": "rpmlint",
	} {
		if _, err := exec.LookPath(program); err != nil {
			return "", fmt.Errorf("%w: install the Debian package %s", err, from)
		}
	}
	dir, err := os.MkdirTemp("", "daemonsetd-packages-")
	if err != nil {
		return "", err
	}
	// mmdebstrap and the programs in a root walk here as other users.
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", err
	}
	// So that nothing of a test that is cut short lies anywhere else.
	if err := os.Setenv("TMPDIR", dir); err != nil {
		return "", err
	}
	shared.dir = dir
	shared.build = sync.OnceValue(build)
	shared.roots = map[string]func() (string, error){}
	for _, suite := range []string{systemd247, systemd252, systemd257} {
		shared.roots[suite] = sync.OnceValues(func() (string, error) { return bootstrap(suite) })
	}
	return dir, nil
}

// build makes two sets of packages: in the directory new those of this source, and in old those of an older version whose default
// configuration is another one. PACKAGES names a directory with both where they were made before.
func build() error {
	if shared.packages = os.Getenv("PACKAGES"); shared.packages != "" {
		return nil
	}
	shared.packages = shared.dir
	config, err := os.ReadFile("../../packaging/daemonsetd.yaml")
	if err != nil {
		return err
	}
	older := filepath.Join(shared.dir, "older.yaml")
	if err := os.WriteFile(older, append([]byte("# The default of an older version.\n"), config...), 0o644); err != nil {
		return err
	}
	for _, set := range [][]string{
		{"DIST=" + filepath.Join(shared.dir, "new")},
		{"DIST=" + filepath.Join(shared.dir, "old"), "VERSION=" + oldVersion, "CONFIG=" + older, "ARCHS=" + runtime.GOARCH},
	} {
		cmd := exec.Command("../../packaging/build")
		cmd.Env = append(os.Environ(), set...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("packaging/build %s: %w\n%s", strings.Join(set, " "), err, out)
		}
	}
	return nil
}

// packageFiles gives the files of one set ("new" or "old") that match a pattern.
func packageFiles(t *testing.T, set, pattern string) []string {
	t.Helper()
	if err := shared.build(); err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(shared.packages, set, pattern))
	if err != nil || len(found) == 0 {
		t.Fatalf("no %s among the %s packages: %v", pattern, set, err)
	}
	return found
}

// debFile and rpmFile give the package for this machine.
func debFile(t *testing.T, set string) string {
	return packageFiles(t, set, "*_"+runtime.GOARCH+".deb")[0]
}

func rpmFile(t *testing.T, set string) string {
	arch := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	return packageFiles(t, set, "*."+arch+".rpm")[0]
}
