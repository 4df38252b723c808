package conformance

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"k8s.io/klog/v2"
)

// TestMain has the kubelet's own code not log: what it complains of are the volumes that the tests break on purpose, thousands of them.
func TestMain(m *testing.M) {
	klog.SetLogger(klog.Logger{})
	os.Exit(m.Run())
}

// newRandom gives choices that CONFORMANCE_SEED repeats. The seed is printed at once, so that it is known whatever
// happens.
func newRandom(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("CONFORMANCE_SEED"); text != "" {
		given, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("CONFORMANCE_SEED: want a whole number of 64 bits without a sign: %v", err)
		}
		seed = given
	}
	t.Logf("CONFORMANCE_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// number reads a number that may be raised above the least, which is the one that counts.
func number(t *testing.T, name string, least int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return least
	}
	given, err := strconv.Atoi(text)
	if err != nil || given < least {
		t.Fatalf("%s=%q: want a number of at least %d", name, text, least)
	}
	return given
}
