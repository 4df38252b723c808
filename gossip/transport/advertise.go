package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// probes are addresses for documentation (RFC 5737, RFC 3849), by the network that reaches them: to ask the kernel from
// which address it would send to far away. No packet goes there.
func probes() map[string]netip.AddrPort {
	return map[string]netip.AddrPort{
		"udp4": netip.MustParseAddrPort("192.0.2.1:9"),
		"udp6": netip.MustParseAddrPort("[2001:db8::1]:9"),
	}
}

// FinalAdvertiseAddr gives the configured address; or the one that is bound; or, where all addresses are bound, the one
// from which the host reaches others.
func (t *Transport) FinalAdvertiseAddr(ip string, port int) (net.IP, int, error) {
	if ip != "" {
		addr, err := netip.ParseAddr(ip)
		if err != nil {
			return nil, 0, fmt.Errorf("advertised address %q: %w: wanted an IP address", ip, err)
		}
		return addr.Unmap().AsSlice(), port, nil
	}
	addr := t.addr.Addr()
	if addr.IsUnspecified() {
		var err error
		if addr, err = OwnAddress(addr.Is6()); err != nil {
			return nil, 0, err
		}
	}
	return addr.AsSlice(), int(t.addr.Port()), nil
}

// OwnAddress is what others are told where all addresses are bound: the one of the default route, or else the only one
// that is not local to the host or link. With six all addresses of IPv6 are bound, which come first, and those of IPv4
// too; without it nothing else than IPv4 is heard. The error names the addresses among which it cannot choose.
func OwnAddress(six bool) (netip.Addr, error) {
	networks := []string{"udp4"}
	if six {
		networks = []string{"udp6", "udp4"}
	}
	for _, network := range networks {
		conn, err := net.DialUDP(network, nil, net.UDPAddrFromAddrPort(probes()[network]))
		if err != nil {
			continue
		}
		addr := unmapAddr(conn.LocalAddr()).Addr()
		_ = conn.Close()
		if addr.IsGlobalUnicast() {
			return addr, nil
		}
	}
	nets, err := net.InterfaceAddrs()
	if err != nil {
		return netip.Addr{}, fmt.Errorf("list the host's addresses: %w: set the address to advertise", err)
	}
	return onlyAddr(nets, six)
}

// onlyAddr picks the one address that others may reach; those of IPv6 count where six is set.
func onlyAddr(nets []net.Addr, six bool) (netip.Addr, error) {
	var found []netip.Addr
	for _, n := range nets {
		p, err := netip.ParsePrefix(n.String())
		if err == nil && p.Addr().IsGlobalUnicast() && (six || p.Addr().Unmap().Is4()) {
			found = append(found, p.Addr().Unmap())
		}
	}
	slices.SortFunc(found, netip.Addr.Compare)
	switch found = slices.Compact(found); len(found) {
	case 1:
		return found[0], nil
	case 0:
		return netip.Addr{}, errors.New("the host has no address that others could reach: set the address to advertise")
	default:
		return netip.Addr{}, fmt.Errorf("the host has the addresses %v and no default route: set the address to advertise",
			found)
	}
}
