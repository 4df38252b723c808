package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// probeAddr is an address for documentation (RFC 5737): to ask the kernel from which address it would send to far away. No
// packet goes there.
var probeAddr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, 1}), 9)

// FinalAdvertiseAddr gives the configured address; or the one that is bound; or, where all addresses are bound, the one from
// which the host reaches others.
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
		if addr, err = ownAddr(); err != nil {
			return nil, 0, err
		}
	}
	return addr.AsSlice(), int(t.addr.Port()), nil
}

// ownAddr is the address of the default route, or else the only one that is not local to the host or link.
func ownAddr() (netip.Addr, error) {
	if conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(probeAddr)); err == nil {
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
	return onlyAddr(nets)
}

// onlyAddr picks the one address that others may reach.
func onlyAddr(nets []net.Addr) (netip.Addr, error) {
	var found []netip.Addr
	for _, n := range nets {
		p, err := netip.ParsePrefix(n.String())
		if err == nil && p.Addr().IsGlobalUnicast() {
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
		return netip.Addr{}, fmt.Errorf("the host has the addresses %v and no default route: set the address to advertise", found)
	}
}
