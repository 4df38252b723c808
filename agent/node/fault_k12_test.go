package node

import (
	"os"
	"path/filepath"
	"testing"
)

// TestFaultK12: the address of a bridge to which only pods are attached is none of the node's.
func TestFaultK12(t *testing.T) {
	sys := t.TempDir()
	for _, path := range []string{
		"eth0/device", "eth1/device", "eth2/device",
		"veth0/queues", "vnet0/queues",
		"cni0/bridge", "cni0/brif/veth0",
		"docker0/bridge",
		"virbr0/bridge", "virbr0/brif/vnet0",
		"br0/bridge", "br0/brif/eth0", "br0/brif/veth0",
		"bond0/lower_eth1", "bond0/bonding", "eth2.7/lower_eth2",
		"br1/bridge", "br1/brif/bond0",
		"br2/bridge", "br2/brif/eth2.7",
	} {
		if err := os.MkdirAll(filepath.Join(sys, path), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]bool{
		"cni0": true, "docker0": true, "virbr0": true,
		"br0": false, "br1": false, "br2": false, "eth0": false, "veth0": false, "bond0": false, "eth2.7": false, "gone": false,
	} {
		if got := podBridge(sys, name); got != want {
			t.Errorf("%s: a bridge of pods: %t, want %t", name, got, want)
		}
	}
}
