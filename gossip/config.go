package gossip

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/rs/zerolog"

	"github.com/daemonsetd/daemonsetd/gossip/broadcast"
	"github.com/daemonsetd/daemonsetd/gossip/identity"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
)

// DefaultPort is where members listen where nothing else is said. 7946 is Serf's and Docker Swarm's.
const DefaultPort = 7947

// Config is what a Node is made of.
type Config struct {
	// Cluster keeps fleets apart that share a key: records and packets of another one are dropped. 1 to 64 bytes.
	Cluster string
	// Name is this host's name, which others pin to its key.
	Name string
	// Identity is this host's key.
	Identity identity.Identity
	// Dir is where the table is kept; empty: in memory only.
	Dir string
	// Transport carries packets and streams. The Node shuts it down.
	Transport memberlist.NodeAwareTransport
	// Advertise is the address that others are told; invalid: the transport says.
	Advertise netip.AddrPort
	// Join are hosts to begin with, as host:port; names are looked up anew each time. None is needed after the
	// first contact, as members are remembered.
	Join []string
	// Keys encrypt, 32 bytes each: the first one encrypts, all of them decrypt. Without one only a loopback address may
	// be used.
	Keys [][]byte
	// Roster, when it lists members, says who counts.
	Roster *records.Roster
	// Lookup finds the addresses of a host in Join; nil: the system's resolver.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// Limits of the table; zero: its defaults.
	Limits records.Limits
	// Timing is for simulations; zero: Default.
	Timing Timing
	// Verify checks signatures; nil: Record.Verify. Simulations of many members share a cache of what was verified.
	Verify func(r record.Record, cluster string) error
	// Logger gets transitions.
	Logger zerolog.Logger
}

// Timing says how often things are done. The defaults are meant for one site with up to 10,000 hosts.
type Timing struct {
	// Probe is the interval of the failure detector, ProbeTimeout how long it waits for a direct answer.
	Probe, ProbeTimeout time.Duration
	// Gossip is how often packets go to Fanout members while there is something to push.
	Gossip time.Duration
	Fanout int
	// PushPull is how often members compare who is alive; memberlist makes it longer for more than 32.
	PushPull time.Duration
	// Sync is the shortest time between two exchanges that this member begins; Burst the same after one that brought much.
	Sync, Burst time.Duration
	// Rejoin is how often a member that is known and not alive may be tried.
	Rejoin time.Duration
	// Settle is how long a run must have lasted before what is missing is believed to be missing.
	Settle time.Duration
}

// Default is the timing where Config says nothing.
func Default() Timing {
	return Timing{
		Probe: time.Second, ProbeTimeout: 500 * time.Millisecond, Gossip: 100 * time.Millisecond, Fanout: 4,
		PushPull: time.Minute,
		Sync:     2 * time.Second, Burst: 250 * time.Millisecond, Rejoin: 30 * time.Second, Settle: 30 * time.Second,
	}
}

// Limits that are not the table's.
const (
	// maxCluster is the length of a cluster's name; it is in front of every packet.
	maxCluster = 64
	// maxPacket is the most bytes of a packet: it leaves room for IP and UDP headers, and for some tunnels', in an
	// Ethernet frame. maxFilled is up to where memberlist fills one, which then becomes longer by what it does not count.
	maxPacket = 1400
	maxFilled = maxPacket - broadcast.Uncounted
	// maxInbox is how many frames and how many bytes wait to be looked at; more are dropped.
	maxInbox, maxInboxBytes = 4096, 8 << 20
	// maxOutbox is how many frames wait to be sent over streams, maxOutboxBytes how many bytes, maxLanes for how many
	// members, each of which is sent one at a time.
	maxOutbox, maxOutboxBytes, maxLanes = 256, 4 << 20, 32
	// maxStream is the longest message over a stream; a push/pull has some 110 bytes for each member.
	maxStream = 4 << 20
	// maxFetches is how many records that were hinted at are waited for.
	maxFetches = 4096
)

// Validate says what is wrong with a configuration.
func (c Config) Validate() error {
	if len(c.Cluster) == 0 || len(c.Cluster) > maxCluster {
		return fmt.Errorf("cluster %q has %d bytes, want 1 to %d", c.Cluster, len(c.Cluster), maxCluster)
	}
	if c.Name == "" {
		return errors.New("this member has no name: set the node's name")
	}
	if c.Transport == nil {
		return errors.New("there is no transport")
	}
	for i, key := range c.Keys {
		if len(key) != 32 {
			return fmt.Errorf("key %d has %d bytes, want 32: make one with dsctl keyring generate", i+1, len(key))
		}
	}
	for _, join := range c.Join {
		if _, _, err := splitHost(join); err != nil {
			return err
		}
	}
	return nil
}

// splitHost takes a host:port apart.
func splitHost(text string) (host string, port uint16, err error) {
	host, service, err := net.SplitHostPort(text)
	n, numErr := strconv.ParseUint(service, 10, 16)
	if err != nil || numErr != nil || host == "" || n == 0 {
		return "", 0, fmt.Errorf("host to join %q: want host:port", text)
	}
	return host, uint16(n), nil
}

// memberlistConfig is how memberlist is set up: its own compression off, which costs much and saves nothing on signed
// and encrypted data; dead members' names free again for another address soon; queues that hold a burst.
func (n *Node) memberlistConfig() *memberlist.Config {
	t, c := n.timing, memberlist.DefaultLANConfig()
	c.Name, c.Label, c.Transport = n.cfg.Identity.ID.String(), n.cfg.Cluster, n.screen
	c.BindPort = DefaultPort
	if n.cfg.Advertise.IsValid() {
		c.AdvertiseAddr, c.AdvertisePort = n.cfg.Advertise.Addr().String(), int(n.cfg.Advertise.Port())
	}
	c.ProbeInterval, c.ProbeTimeout = t.Probe, t.ProbeTimeout
	c.GossipInterval, c.GossipNodes, c.PushPullInterval = t.Gossip, t.Fanout, t.PushPull
	c.RetransmitMult = 3
	c.GossipToTheDeadTime, c.DeadNodeReclaimTime = time.Minute, 30*time.Second
	c.EnableCompression, c.HandoffQueueDepth, c.UDPBufferSize = false, maxInbox, maxFilled
	c.QueueCheckInterval = time.Minute
	c.DNSConfigPath = "/dev/null"
	c.Logger = log.New(&memberlistLog{node: n}, "", 0)
	c.Delegate, c.Events, c.Conflict, c.Ping, c.Alive = (*delegate)(n), (*delegate)(n), (*delegate)(n), (*delegate)(n),
		(*delegate)(n)
	c.Keyring = n.ring
	return c
}

// room is the longest frame that is pushed in a packet.
func (n *Node) room() int {
	return broadcast.Room(maxFilled, n.cfg.Cluster)
}
