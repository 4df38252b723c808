package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// namedNamespaces is where ip netns keeps the namespaces that have a name.
const namedNamespaces = "/run/netns"

// Network is a switch of two halves with a trunk between them, and machines at both. The switch and each machine are
// network namespaces, so that nothing of it is in the namespace of the tests, and all of it goes with them.
type Network struct {
	// prefix begins the names of the namespaces; it is that of the host's directory, by which Sweep finds them.
	prefix   string
	machines int
}

// NewNetwork makes a network of near machines on one half of the switch and far ones on the other. It goes with the
// host.
func (h *Host) NewNetwork(ctx context.Context, near, far int) (*Network, error) {
	n := &Network{prefix: filepath.Base(h.Dir), machines: near + far}
	steps := [][]string{
		{"netns", "add", n.namespace("switch")},
		{"-n", n.namespace("switch"), "link", "add", "near", "type", "bridge"},
		{"-n", n.namespace("switch"), "link", "add", "far", "type", "bridge"},
		{"-n", n.namespace("switch"), "link", "add", "trunk", "type", "veth", "peer", "name", "trunk-far"},
		{"-n", n.namespace("switch"), "link", "set", "trunk", "master", "near", "up"},
		{"-n", n.namespace("switch"), "link", "set", "trunk-far", "master", "far", "up"},
		{"-n", n.namespace("switch"), "link", "set", "near", "up"},
		{"-n", n.namespace("switch"), "link", "set", "far", "up"},
	}
	for i := range near + far {
		half := "near"
		if i >= near {
			half = "far"
		}
		steps = append(steps, n.plug(i, half)...)
	}
	for _, step := range steps {
		if err := ip(ctx, step...); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// plug are the steps that make a machine and connect it.
func (n *Network) plug(i int, half string) [][]string {
	machine, center := n.namespace(fmt.Sprint(i)), n.namespace("switch")
	return [][]string{
		{"netns", "add", machine},
		{"-n", center, "link", "add", port(i), "type", "veth", "peer", "name", "eth0", "netns", machine},
		{"-n", center, "link", "set", port(i), "master", half, "up"},
		{"-n", machine, "link", "set", "lo", "up"},
		{"-n", machine, "link", "set", "eth0", "up"},
		{"-n", machine, "addr", "add", n.Addr(i).String() + "/24", "dev", "eth0"},
	}
}

func (n *Network) namespace(name string) string { return n.prefix + "." + name }

func port(i int) string { return fmt.Sprintf("port%d", i) }

// Addr is the address of a machine; they are counted from 0.
func (n *Network) Addr(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 214, 0, byte(i + 1)}) }

// Path is the file that stands for a machine's network namespace.
func (n *Network) Path(i int) string {
	return filepath.Join(namedNamespaces, n.namespace(fmt.Sprint(i)))
}

// Cut takes the link of one machine down, Mend brings it up again.
func (n *Network) Cut(ctx context.Context, i int) error { return n.set(ctx, port(i), "down") }

// Mend brings the link of one machine up again.
func (n *Network) Mend(ctx context.Context, i int) error { return n.set(ctx, port(i), "up") }

// Split takes the trunk between the halves down.
func (n *Network) Split(ctx context.Context) error { return n.set(ctx, "trunk", "down") }

// Heal brings the trunk up again.
func (n *Network) Heal(ctx context.Context) error { return n.set(ctx, "trunk", "up") }

func (n *Network) set(ctx context.Context, link, state string) error {
	return ip(ctx, "-n", n.namespace("switch"), "link", "set", link, state)
}

// ip runs the command of that name.
func ip(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %q: %w: %s (Debian package iproute2)", args, err, bytes.TrimSpace(out))
	}
	return nil
}

// removeNetwork removes the namespaces of the host at dir. Interfaces go with them.
func removeNetwork(dir string) error {
	paths, err := filepath.Glob(filepath.Join(namedNamespaces, filepath.Base(dir)+".*"))
	if err != nil {
		return err
	}
	var errs []error
	for _, path := range paths {
		errs = append(errs, ip(context.Background(), "netns", "del", filepath.Base(path)))
	}
	return errors.Join(errs...)
}

// enter is the command that runs args in a network namespace. Only the network is another: ip netns exec would mount
// /sys anew, and a kubelet would not find its cgroups.
func enter(network string, args []string) []string {
	if network == "" {
		return args
	}
	return append([]string{"nsenter", "--net=" + network}, args...)
}

// dialIn opens a connection from within a network namespace. A socket belongs to the namespace in which it was made, so
// that the thread may go back at once.
func dialIn(ctx context.Context, network, kind, address string) (net.Conn, error) {
	var d net.Dialer
	if network == "" {
		return d.DialContext(ctx, kind, address)
	}
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return nil, err
	}
	defer home.Close()
	there, err := os.Open(network)
	if err != nil {
		runtime.UnlockOSThread()
		return nil, err
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return nil, fmt.Errorf("entering %q: %w", network, err)
	}
	conn, err := d.DialContext(ctx, kind, address)
	if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
		// The thread stays locked, and ends with its goroutine.
		return nil, errors.Join(err, back)
	}
	runtime.UnlockOSThread()
	return conn, err
}
