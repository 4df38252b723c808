package node

import (
	"bufio"
	"bytes"
	"net"
	"net/netip"
	"path/filepath"
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
// route; and where there is no such route, every global unicast address but for those of bridges of pods.
func hostAddresses() []netip.Addr {
	if ip, err := utilnet.ChooseHostInterface(); err == nil {
		if a, ok := netip.AddrFromSlice(ip); ok {
			return []netip.Addr{a.Unmap()}
		}
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil
	}
	var found []netip.Addr
	for _, i := range interfaces {
		all, err := i.Addrs()
		if err != nil || podBridge(sysNet, i.Name) {
			continue
		}
		for _, a := range all {
			prefix, err := netip.ParsePrefix(a.String())
			if ip := prefix.Addr().Unmap(); err == nil && ip.IsGlobalUnicast() {
				found = append(found, ip)
			}
		}
	}
	slices.SortFunc(found, netip.Addr.Compare)
	return found[:min(len(found), maxHostAddress)]
}

// sysNet is where the kernel shows network interfaces.
const sysNet = "/sys/class/net"

// podBridge says whether an interface is a bridge to which nothing is attached but pods or virtual machines, if
// anything: cni0, docker0, cbr0, virbr0, whatever it is called. No other host reaches its address. A bridge that has
// an uplink is the host's own: one of its ports is a device, or stands on another interface, as VLANs and bonds do. The
// ends of pods and machines (veth, tap) have neither.
func podBridge(sys, name string) bool {
	dir := filepath.Join(sys, name)
	if !exists(filepath.Join(dir, "bridge")) {
		return false
	}
	ports, err := filepath.Glob(filepath.Join(dir, "brif", "*"))
	if err != nil {
		return false
	}
	return !slices.ContainsFunc(ports, func(port string) bool {
		port = filepath.Join(sys, filepath.Base(port))
		return exists(filepath.Join(port, "device")) || exists(filepath.Join(port, "lower_*"))
	})
}

// exists says whether something matches the pattern.
func exists(pattern string) bool {
	found, err := filepath.Glob(pattern)
	return err == nil && len(found) > 0
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
