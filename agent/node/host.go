package node

import (
	"bufio"
	"bytes"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
)

// Host is what the node's status says of the machine.
type Host struct {
	// Addresses are the host's own, the one to be reached at first.
	Addresses []netip.Addr
	// OSImage is PRETTY_NAME of /etc/os-release, KernelVersion the release that uname gives.
	OSImage       string
	KernelVersion string
}

// ReadHost looks at the machine. What cannot be read is left empty. osRelease is the path of os-release, for tests;
// empty takes the usual ones.
func ReadHost(osRelease string) Host {
	h := Host{Addresses: hostAddresses(), KernelVersion: kernelVersion()}
	for _, path := range []string{osRelease, "/etc/os-release", "/usr/lib/os-release"} {
		if path == "" {
			continue
		}
		if data, err := readBounded(path); err == nil {
			h.OSImage = parseOSRelease(data)
			break
		}
	}
	return h
}

// hostAddresses is the address that the kubelet would choose without being told: that of the interface of the default
// route; and where there is no such route, every global unicast address.
func hostAddresses() []netip.Addr {
	if ip, err := utilnet.ChooseHostInterface(); err == nil {
		if a, ok := netip.AddrFromSlice(ip); ok {
			return []netip.Addr{a.Unmap()}
		}
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var found []netip.Addr
	for _, a := range all {
		prefix, err := netip.ParsePrefix(a.String())
		if ip := prefix.Addr().Unmap(); err == nil && ip.IsGlobalUnicast() {
			found = append(found, ip)
		}
	}
	slices.SortFunc(found, netip.Addr.Compare)
	return found[:min(len(found), maxHostAddress)]
}

func kernelVersion() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

// parseOSRelease returns PRETTY_NAME of a file in the format of os-release(5).
func parseOSRelease(data []byte) string {
	lines := bufio.NewScanner(bytes.NewReader(data[:min(len(data), maxOSReleaseLen)]))
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), "PRETTY_NAME="); ok {
			return strings.Trim(value, `"'`)
		}
	}
	return ""
}

// status is the part of a node's status that comes from the machine.
func (h Host) status(name, kubeletVersion string) corev1.NodeStatus {
	var addresses []corev1.NodeAddress
	for _, a := range h.Addresses {
		addresses = append(addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: a.String()})
	}
	addresses = append(addresses, corev1.NodeAddress{Type: corev1.NodeHostName, Address: name})
	return corev1.NodeStatus{
		Addresses: addresses,
		NodeInfo: corev1.NodeSystemInfo{
			OSImage: h.OSImage, KernelVersion: h.KernelVersion, KubeletVersion: kubeletVersion,
			OperatingSystem: runtime.GOOS, Architecture: runtime.GOARCH,
		},
	}
}
