package trees

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const canary = "canary-7f3a91"

// reveals says whether a text has the canary in it, in any of the forms that a value is printed in.
func reveals(text string) bool {
	numbers := strings.Trim(fmt.Sprintf("%d", []byte(canary)), "[]")
	for _, form := range []string{canary, base64.StdEncoding.EncodeToString([]byte(canary)), hex.EncodeToString([]byte(canary)), numbers, "0x63, 0x61"} {
		if strings.Contains(strings.ToLower(text), strings.ToLower(form)) {
			return true
		}
	}
	return false
}

// No way to print a tree prints its content.
func TestPrintsNoContent(t *testing.T) {
	tr := tree("secret", text("password", canary))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		for _, value := range []any{tr, &tr, tr.Files, tr.Files[0], &tr.Files[0]} {
			if out := fmt.Sprintf(verb, value); reveals(out) {
				t.Errorf("%s of %T: %s", verb, value, out)
			}
		}
	}
	out, err := json.Marshal(tr)
	if err != nil || reveals(string(out)) {
		t.Errorf("got %s, %v", out, err)
	}
	if !reveals(string(tr.Files[0].Data)) || !reveals(fmt.Sprintf("%#v", []byte(canary))) {
		t.Error("the test cannot see a canary")
	}
}

// Whatever goes wrong at whichever call, neither the error nor the log nor a file outside of the tree has content in it.
func TestErrorsAndLogsHaveNoContent(t *testing.T) {
	secret := tree("secret", text("password", canary), text("d/other", strings.Repeat(canary, 100)))
	secret.Secret = true
	bad := secret
	bad.Files = append(bad.Files, text("../x", canary))
	for k := 0; ; k++ {
		r := newRig(t, t.TempDir())
		*r.sys = faulty{memory: r.sys.memory, at: k, err: syscall.EIO}
		_, err := r.Apply([]Tree{secret, bad})
		met := r.sys.reached()
		listed, listErr := r.List()
		keepErr := r.Keep(nobody)
		for _, said := range []any{err, listErr, keepErr, listed, r.log.String()} {
			if reveals(fmt.Sprintf("%+v", said)) {
				t.Fatalf("stopped at call %d: %+v", k, said)
			}
		}
		if k > 0 && !met {
			break
		}
	}
}

// A Secret is in its tree and nowhere else, and others cannot read it where it lies, not even while it is written.
func TestSecretIsNowhereElse(t *testing.T) {
	secret := tree("secret", text("password", canary))
	secret.Secret = true
	for k := 1; ; k++ {
		r := newRig(t, t.TempDir())
		*r.sys = faulty{memory: r.sys.memory, at: k, crash: true}
		_, _ = r.Apply([]Tree{secret})
		for path, mode := range everything(t, filepath.Dir(filepath.Dir(filepath.Dir(r.secrets)))) {
			full := filepath.Join(filepath.Dir(filepath.Dir(filepath.Dir(r.secrets))), path)
			b, err := os.ReadFile(full)
			if err != nil || !reveals(string(b)) || strings.HasPrefix(mode, "->") {
				continue
			}
			if !within(full, r.secrets) {
				t.Fatalf("stopped at call %d: %s has the content", k, full)
			}
			if info, err := os.Stat(r.secrets); err != nil || info.Mode().Perm() != 0o700 {
				t.Fatalf("stopped at call %d: everybody reaches %s", k, r.secrets)
			}
		}
		if !r.sys.reached() {
			break
		}
	}
}
