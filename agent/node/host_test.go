package node

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

func TestReadHost(t *testing.T) {
	root := tree(t, map[string]string{"os-release": "NAME=x\nPRETTY_NAME=\"Test OS 12 (bookworm)\"\nPRETTY_NAME=later\n"})
	h := ReadHost(filepath.Join(root, "os-release"))
	if h.OSImage != "Test OS 12 (bookworm)" {
		t.Errorf("OS image %q", h.OSImage)
	}
	if h.KernelVersion == "" || strings.ContainsRune(h.KernelVersion, 0) {
		t.Errorf("kernel version %q", h.KernelVersion)
	}
	for _, a := range h.Addresses {
		if a.IsLoopback() || a.IsLinkLocalUnicast() || !a.IsValid() {
			t.Errorf("address %s", a)
		}
	}
	if len(h.Addresses) > maxHostAddress {
		t.Errorf("%d addresses", len(h.Addresses))
	}
}

func TestParseOSRelease(t *testing.T) {
	for text, want := range map[string]string{"": "", "NAME=x": "", "PRETTY_NAME=Plain": "Plain", "#PRETTY_NAME=no\nPRETTY_NAME='Quoted'": "Quoted"} {
		if got := parseOSRelease([]byte(text)); got != want {
			t.Errorf("parseOSRelease(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestHostStatusWithoutAddress(t *testing.T) {
	got := Host{}.status("n1", "").Addresses
	if diff := cmp.Diff([]corev1.NodeAddress{{Type: corev1.NodeHostName, Address: "n1"}}, got); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
}

func TestAutomaticLabels(t *testing.T) {
	if got := AutomaticLabels("n1"); got["kubernetes.io/hostname"] != "n1" || got["kubernetes.io/os"] != got["beta.kubernetes.io/os"] || got["kubernetes.io/arch"] == "" || len(got) != 5 {
		t.Errorf("labels: %v", got)
	}
	if _, ok := AutomaticLabels(strings.Repeat("a", 64))["kubernetes.io/hostname"]; ok {
		t.Error("a name that is no label value became one")
	}
}
