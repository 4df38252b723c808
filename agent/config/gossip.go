package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// DefaultGossipPort is the port of addresses that do not have one. 7946 is Serf's and Swarm's.
const DefaultGossipPort = 7947

const (
	// maxCluster keeps the label in memberlist's 255 bytes (LabelMaxSize) and in one column of a table.
	maxCluster = 63
	// maxJoin bounds the list of hosts to join: a few are enough, as members tell of each other.
	maxJoin = 256
)

// Gossip says how this host talks to the other ones.
type Gossip struct {
	// Bind is the IP address and port (UDP and TCP) to listen on; without a port it is DefaultGossipPort.
	Bind string `json:"bind,omitempty"`
	// Advertise is the IP address, with or without a port, at which others reach this host; empty: what Bind says.
	Advertise string `json:"advertise,omitempty"`
	// Join is hosts to find the fleet by: IP addresses or DNS names, with or without a port.
	Join []string `json:"join,omitempty"`
	// KeyFile holds the keys that all members share; empty: none.
	KeyFile string `json:"keyFile,omitempty"`
}

// Seed is one host to join. DNS names are looked up anew with every attempt.
type Seed struct {
	// Host is an IP address or a DNS name.
	Host string
	Port uint16
}

// String is host:port, in brackets where it has to be.
func (s Seed) String() string { return net.JoinHostPort(s.Host, strconv.Itoa(int(s.Port))) }

// BindAddress is Bind as an address. The port 0 has the kernel choose one.
func (g Gossip) BindAddress() (netip.AddrPort, error) {
	a, err := parseAddress(g.Bind, DefaultGossipPort)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("gossip.bind %q: want an IP address with a port, such as 0.0.0.0:%d: %w", g.Bind,
			DefaultGossipPort, err)
	}
	return a, nil
}

// AdvertiseAddress is Advertise as an address. It is the zero AddrPort when Advertise is empty, and its port is 0 when
// that of Bind is meant.
func (g Gossip) AdvertiseAddress() (netip.AddrPort, error) {
	if g.Advertise == "" {
		return netip.AddrPort{}, nil
	}
	a, err := parseAddress(g.Advertise, 0)
	if err == nil && (a.Addr().IsUnspecified() || a.Addr().IsMulticast()) {
		err = errors.New("nobody can be reached there")
	}
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("gossip.advertise %q: want the IP address at which others reach this host, "+
			"such as 192.0.2.1: %w", g.Advertise, err)
	}
	return a, nil
}

// Seeds is Join as hosts and ports, in its order.
func (g Gossip) Seeds() ([]Seed, error) {
	if len(g.Join) > maxJoin {
		return nil, fmt.Errorf("gossip.join has %d hosts, at most %d are taken: a few are enough, as members tell of each "+
			"other", len(g.Join), maxJoin)
	}
	var seeds []Seed
	var errs []error
	for _, text := range g.Join {
		s, err := parseSeed(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("gossip.join %q: want a host, or host:port: %w", text, err))
			continue
		}
		seeds = append(seeds, s)
	}
	return seeds, errors.Join(errs...)
}

func (g Gossip) validate() error {
	_, bind := g.BindAddress()
	_, advertise := g.AdvertiseAddress()
	_, join := g.Seeds()
	return errors.Join(bind, advertise, join)
}

// parseAddress reads an IP address with or without a port.
func parseAddress(text string, port uint16) (netip.AddrPort, error) {
	host := text
	if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
		host = text[1 : len(text)-1]
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return netip.AddrPortFrom(a.Unmap(), port), nil
	}
	a, err := netip.ParseAddrPort(text)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), nil
}

func parseSeed(text string) (Seed, error) {
	if a, err := parseAddress(text, DefaultGossipPort); err == nil {
		return seedAt(a)
	}
	host, port := text, strconv.Itoa(DefaultGossipPort)
	if strings.Contains(text, ":") {
		var err error
		if host, port, err = net.SplitHostPort(text); err != nil {
			return Seed{}, err
		}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return Seed{}, fmt.Errorf("%q is no port from 1 to 65535", port)
	}
	return Seed{Host: host, Port: uint16(n)}, checkHost(host)
}

func seedAt(a netip.AddrPort) (Seed, error) {
	if a.Port() == 0 || a.Addr().IsUnspecified() || a.Addr().IsMulticast() {
		return Seed{}, errors.New("nobody can be reached there")
	}
	return Seed{Host: a.Addr().String(), Port: a.Port()}, nil
}

// checkHost refuses what no DNS server could have, and addresses with a slip in them, which look like names.
func checkHost(host string) error {
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	if strings.ContainsRune(host, ',') {
		return errors.New("give one host each: repeat --gossip-join, or write a list in the file")
	}
	if msgs := validation.IsDNS1123Subdomain(name); len(msgs) > 0 {
		return fmt.Errorf("%q is neither an IP address nor a DNS name", host)
	}
	// RFC 3696 section 2: a top-level domain is never all digits.
	if last := name[strings.LastIndexByte(name, '.')+1:]; strings.Trim(last, "0123456789") == "" {
		return fmt.Errorf("%q is no IP address, and no DNS name ends in a number", host)
	}
	return nil
}

func checkCluster(name string) error {
	if name == "" || len(name) > maxCluster || len(validation.IsDNS1123Subdomain(strings.ToLower(name))) > 0 {
		return fmt.Errorf("cluster %q: want 1 to %d letters, digits, dots and dashes, the same on every host of the fleet",
			name, maxCluster)
	}
	return nil
}
