package gossip_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/daemonsetd/daemonsetd/gossip"
	"github.com/daemonsetd/daemonsetd/gossip/identity"
	"github.com/daemonsetd/daemonsetd/gossip/memnet"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/wire"
)

// attacker is somebody on the network of a fleet who writes its own packets and streams.
type attacker struct {
	c   *cluster
	net *memnet.Transport
	id  identity.Identity
	// key is the gossip key; nil: it has none.
	key []byte
	// sent counts the frames that it has sealed.
	sent uint64
	// label is the cluster that it writes to.
	label string
}

// attack puts somebody on the network. Its number makes its address and its identity.
func (c *cluster) attack(n int, key []byte) *attacker {
	addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 9, byte(n >> 8), byte(n)}), gossip.DefaultPort)
	a := &attacker{c: c, net: c.net.Listen(addr), id: identityOf(2_000_000 + n), key: key, label: "test"}
	c.t.Cleanup(func() { _ = a.net.Shutdown() })
	return a
}

// Types of memberlist's messages.
const (
	alive, dead, compoundOf, user, compressedAs, encrypted, labelled = 4, 5, 7, 8, 9, 10, 244
)

// seal encrypts as memberlist does.
func (a *attacker) seal(also, plain []byte) []byte {
	a.c.t.Helper()
	block, err := aes.NewCipher(a.key)
	if err != nil {
		a.c.t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		a.c.t.Fatal(err)
	}
	head := make([]byte, 13)
	head[0] = 1
	_, _ = rand.Read(head[1:])
	return aead.Seal(head, head[1:], plain, also)
}

func (a *attacker) header() []byte {
	return append([]byte{labelled, byte(len(a.label))}, a.label...)
}

// raw sends bytes as a packet.
func (a *attacker) raw(to *host, b []byte) { _, _ = a.net.WriteTo(b, to.addr.String()) }

// packet sends messages of memberlist in one packet, encrypted.
func (a *attacker) packet(to *host, plain ...[]byte) {
	if len(plain) != 1 {
		plain = [][]byte{several(plain...)}
	}
	a.raw(to, append(a.header(), a.seal([]byte(a.label), plain[0])...))
}

// several is one message of several.
func several(parts ...[]byte) []byte {
	b := []byte{compoundOf, byte(len(parts))}
	for _, p := range parts {
		b = binary.BigEndian.AppendUint16(b, uint16(len(p)))
	}
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// rawStream sends bytes over a stream.
func (a *attacker) rawStream(to *host, b []byte) {
	conn, err := a.net.DialTimeout(to.addr.String(), time.Second)
	if err != nil {
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = conn.Write(b)
}

// stream sends a message of memberlist over a stream, encrypted.
func (a *attacker) stream(to *host, plain []byte) {
	head := binary.BigEndian.AppendUint32([]byte{encrypted}, uint32(len(plain)+29))
	a.rawStream(to, append(append(a.header(), head...), a.seal(append(head[:5:5], a.label...), plain)...))
}

// frame sends one of gossip's frames over a stream, encrypted.
func (a *attacker) frame(to *host, frame []byte) { a.stream(to, userMessage(len(frame), frame)) }

// userMessage is memberlist's message over a stream that claims that length.
func userMessage(claims int, body []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte("\x08\x81\xaaUserMsgLen\xce"), uint32(claims)), body...)
}

// pushed is a frame as a message of memberlist in a packet.
func pushed(frame []byte) []byte { return append([]byte{user}, frame...) }

// field writes name and bytes of a map in MessagePack.
func field(name string, value []byte) []byte {
	b := append([]byte{0xa0 | byte(len(name))}, name...)
	return append(append(b, 0xda, byte(len(value)>>8), byte(len(value))), value...)
}

// number writes name and number of a map in MessagePack.
func number(name string, value uint32) []byte {
	b := append([]byte{0xa0 | byte(len(name))}, name...)
	return binary.BigEndian.AppendUint32(append(b, 0xce), value)
}

// aliveMessage says that a member is alive at an address.
func aliveMessage(id record.ID, addr netip.AddrPort, incarnation uint32) []byte {
	b := append([]byte{alive, 0x85}, number("Incarnation", incarnation)...)
	b = append(b, field("Node", []byte(id.String()))...)
	b = append(b, field("Addr", addr.Addr().AsSlice())...)
	b = append(b, number("Port", uint32(addr.Port()))...)
	return append(b, field("Vsn", []byte{1, 5, 2, 0, 0, 0})...)
}

// deadMessage says that a member is dead.
func deadMessage(id, from record.ID, incarnation uint32) []byte {
	b := append([]byte{dead, 0x83}, number("Incarnation", incarnation)...)
	b = append(b, field("Node", []byte(id.String()))...)
	return append(b, field("From", []byte(from.String()))...)
}

// join makes the attacker a member, as memberlist sees it, that says nothing and answers what memberlist answers.
func (a *attacker) join(to *host) *memberlist.Memberlist {
	a.c.t.Helper()
	conf := memberlist.DefaultLANConfig()
	conf.Name, conf.Label, conf.Transport, conf.SecretKey = a.id.ID.String(), a.label, a.net, a.key
	conf.EnableCompression, conf.DNSConfigPath, conf.Logger = false, "/dev/null", log.New(io.Discard, "", 0)
	list, err := memberlist.Create(conf)
	if err != nil {
		a.c.t.Fatal(err)
	}
	a.c.t.Cleanup(func() { _ = list.Shutdown() })
	if _, err := list.Join([]string{to.addr.String()}); err != nil {
		a.c.t.Fatal(err)
	}
	return list
}

// sealed is a frame under the attacker's seal, each with a count of its own.
func (a *attacker) sealed(kind wire.Kind, to record.ID, payload []byte) []byte {
	a.sent++
	return wire.NewSealer("test", a.id.Private).Seal(kind, to, record.Stamp{Generation: 1, Version: a.sent}, payload)
}

// sign makes a record of an identity.
func sign(t *testing.T, id identity.Identity, cluster, section string, stamp record.Stamp, body []byte) record.Record {
	t.Helper()
	r, err := record.NewSigner(cluster, id.Private).Sign(section, stamp, body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// forge makes a record of somebody else's, newer than all it has, with a signature that does not hold.
func forge(t *testing.T, victim identity.Identity) []byte {
	t.Helper()
	r := sign(t, victim, "test", "test", record.Stamp{Generation: uint64(time.Now().Unix()) + 1000, Version: 1}, make([]byte, 8))
	r.Encoded[len(r.Encoded)-1] ^= 1
	return r.Encoded
}

// dropped is how often a host has dropped something for a reason.
func dropped(t *testing.T, h *host, reason string) int {
	t.Helper()
	return counted(t, h, "daemonsetd_gossip_dropped_total", reason)
}

// counted is the value of one of a host's counters; the values of its labels stand in the order of their names.
func counted(t *testing.T, h *host, name, label string) int {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(h.node)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var values []string
			for _, l := range m.GetLabel() {
				values = append(values, l.GetValue())
			}
			if family.GetName() == name && strings.Join(values, " ") == label {
				return int(m.GetCounter().GetValue())
			}
		}
	}
	return 0
}

// wantDropped: so often at least.
func wantDropped(t *testing.T, h *host, reason string, least int) {
	t.Helper()
	if got := dropped(t, h, reason); got < least {
		t.Errorf("%s dropped %d as %q, want %d or more", h.name, got, reason, least)
	}
}

// logs are the lines of a host's log that have all the texts in them.
func logs(h *host, texts ...string) (lines []string) {
	for line := range strings.Lines(h.logged()) {
		all := true
		for _, text := range texts {
			all = all && strings.Contains(line, text)
		}
		if all {
			lines = append(lines, line)
		}
	}
	return lines
}

// heard is how long the fleet may take to hear of a change while it is attacked: what it takes at peace and two rounds more.
const heard = 10 * time.Second

// unharmed: all still hear what each of them says, and no record has gone back or been lost, which the watcher sees.
func (c *cluster) unharmed(hosts ...*host) {
	c.t.Helper()
	c.hear(heard, hosts...)
}

// hear is unharmed within a limit.
func (c *cluster) hear(limit time.Duration, hosts ...*host) {
	c.t.Helper()
	for _, h := range hosts {
		c.publish(h)
	}
	took := c.until(limit, func() (missing []string) {
		for _, h := range hosts {
			missing = append(missing, c.lacks(h, hosts)...)
		}
		return missing[:min(len(missing), 4)]
	})
	c.t.Logf("%s after the start: all heard all within %s", time.Since(c.begun).Round(time.Millisecond), took)
}

// attacked runs a test with a fleet of that size that has formed.
func attacked(t *testing.T, members int, seed uint64, test func(t *testing.T, c *cluster)) {
	t.Helper()
	bubble(t, func(t *testing.T) {
		c := newCluster(t, members, seedOf(t, seed), lan())
		c.startAll()
		c.await(formed)
		test(t, c)
	})
}

func (a *attacker) String() string { return fmt.Sprintf("attacker at %s", a.net.Addr()) }
