package bench

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/fleet"
	"github.com/daemonsetd/daemonsetd/agent/rollout"
	"github.com/daemonsetd/daemonsetd/gossip/keyring"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
	"github.com/daemonsetd/daemonsetd/gossip/wire"
)

// swarm is thousands of members behind one address of this process: it answers probes for all of them, gives the records of
// all to whoever asks any, and takes those of the agent that is measured. It does not gossip: what an agent has to do for a
// fleet at rest is to probe, to be probed and to hold what it knows.
type swarm struct {
	b     *testing.B
	box   *box
	table *records.Table
	keys  map[record.ID]ed25519.PrivateKey
	ids   []record.ID
	udp   *net.UDPConn
	tcp   *net.TCPListener
	addr  netip.AddrPort
	// agent is where the agent that is measured listens.
	agent netip.AddrPort
	// root is the digest that the agent last showed; probed counts its probes.
	root   atomic.Uint64
	probed atomic.Int64
	// dialing bounds the streams to the agent, which takes twenty a second from one address.
	dialing sync.Mutex
	// sent counts the frames that were sealed.
	sent atomic.Uint64
	work sync.WaitGroup
}

// swarmCluster is the cluster's name.
const swarmCluster = "bench"

func newSwarm(b *testing.B, members int, agent netip.AddrPort, key keyring.Key) *swarm {
	b.Helper()
	s := &swarm{b: b, box: newBox(b, key, swarmCluster), keys: map[record.ID]ed25519.PrivateKey{}, agent: agent}
	var err error
	if s.udp, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
		b.Fatal(err)
	}
	s.addr = s.udp.LocalAddr().(*net.UDPAddr).AddrPort()
	if s.tcp, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(s.addr)); err != nil {
		b.Fatal(err)
	}
	if s.table, err = records.Open(records.Config{
		Cluster: swarmCluster, Self: record.ID{1}, Limits: records.Limits{NewAtOnce: records.DefaultMaxMembers},
	}); err != nil {
		b.Fatal(err)
	}
	for i := range members {
		s.add(i)
	}
	s.work.Go(s.packets)
	s.work.Go(s.streams)
	b.Cleanup(func() {
		_, _ = s.udp.Close(), s.tcp.Close()
		s.work.Wait()
	})
	return s
}

// add makes a member and its records: of the sizes that hosts with some 10 labels, 20 spec files and 5 DaemonSets have.
func (s *swarm) add(i int) {
	seed := make([]byte, ed25519.SeedSize)
	binary.BigEndian.PutUint64(seed, uint64(i)+1) //nolint:gosec // a number of a loop
	key := ed25519.NewKeyFromSeed(seed)
	id := record.IDOf(key.Public().(ed25519.PublicKey))
	s.keys[id], s.ids = key, append(s.ids, id)
	name := swarmName(i)
	member, err := records.EncodeProfile(records.Profile{Name: name, Address: s.addr})
	node, _, nodeErr := fleet.FromNode(exampleNode(name, i), fleet.Extras{AgentVersion: "v1.0.0", Kubelet: "Healthy", Started: time.Unix(1_700_000_000, 0)})
	specs, _, specsErr := fleet.EncodeSpecs(exampleFiles(), false)
	states, _, statesErr := rollout.Encode(exampleStates(i), 0)
	for section, body := range map[string][]byte{records.SectionMember: member, fleet.SectionNode: node, fleet.SectionSpecs: specs, "rollout": states} {
		r, signErr := record.NewSigner(swarmCluster, key).Sign(section, record.Stamp{Generation: 1_700_000_000, Version: 1}, body)
		if err != nil || nodeErr != nil || specsErr != nil || statesErr != nil || signErr != nil {
			s.b.Fatal(err, nodeErr, specsErr, statesErr, signErr)
		}
		if _, o := s.table.Offer(r.Encoded); o != records.Newer {
			s.b.Fatalf("record %s of %s: %s", section, name, o)
		}
	}
}

// exampleNode is a node as hosts have it.
func exampleNode(name string, i int) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.Unix(1_690_000_000, 0), Labels: map[string]string{
		"kubernetes.io/hostname": name, "kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux",
		"topology.kubernetes.io/zone": fmt.Sprintf("zone-%d", i%3), "node-role.kubernetes.io/storage": "", "example.com/rack": fmt.Sprintf("rack-%03d", i/40),
	}}}
	for k := range 4 {
		n.Labels[fmt.Sprintf("example.com/feature-%02d", k)] = fmt.Sprintf("value-%d", i%7)
	}
	for _, c := range []corev1.NodeConditionType{corev1.NodeReady, corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure} {
		n.Status.Conditions = append(n.Status.Conditions, corev1.NodeCondition{
			Type: c, Status: corev1.ConditionTrue, Reason: "KubeletHasSufficientMemory", Message: "kubelet has sufficient memory available",
			LastTransitionTime: metav1.Unix(1_700_000_000, 0),
		})
	}
	n.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: fmt.Sprintf("10.1.%d.%d", i>>8, i&255)}, {Type: corev1.NodeHostName, Address: name}}
	n.Status.NodeInfo = corev1.NodeSystemInfo{
		KubeletVersion: "v1.37.2", OSImage: "Debian GNU/Linux 13 (trixie)", KernelVersion: "6.12.0-1-amd64", ContainerRuntimeVersion: "containerd://2.1.4",
		Architecture: "amd64", OperatingSystem: "linux",
	}
	return n
}

func exampleFiles() []fleet.SpecFile {
	var files []fleet.SpecFile
	for i := range 20 {
		name := fmt.Sprintf("ds-%03d.yaml", i)
		sum := sha256.Sum256([]byte(name))
		files = append(files, fleet.SpecFile{Name: name, Digest: fleet.Digest(sum[:len(fleet.Digest{})])})
	}
	return files
}

func exampleStates(i int) []rollout.State {
	var states []rollout.State
	for k := range 5 {
		r := rollout.Revision{Fleet: "7f9c6d5b48", Local: "7f9c6d5b48"}
		states = append(states, rollout.State{
			Key: fmt.Sprintf("default/ds-%03d", k), Target: rollout.Target{Generation: 3, Revision: r}, Running: r, Phase: rollout.PhaseAvailable,
			Ticket: rollout.Ticket{Generation: 3, Class: 1, Hash: uint64(i*5+k) * 0x9e3779b97f4a7c15}, //nolint:gosec // any number does
		})
	}
	return states
}

// digest is what rides on an ack.
func (s *swarm) digest() []byte {
	d := s.table.Digest()
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(nil, d.Root), d.Count)
}

// packets answers probes and takes what is pushed.
func (s *swarm) packets() {
	buf := make([]byte, 4096)
	for {
		n, from, err := s.udp.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if plain, ok := s.box.open(buf[:n]); ok {
			s.packet(plain, from)
		}
	}
}

func (s *swarm) packet(b []byte, from netip.AddrPort) {
	for _, part := range parts(b) {
		switch part[0] {
		case msgPing:
			s.probed.Add(1)
			s.reply(from, ack(unpack(part[1:]).number("SeqNo"), s.digest()))
		case msgIndirect:
			s.reply(from, ack(unpack(part[1:]).number("SeqNo"), nil))
		case msgAck:
			if payload := unpack(part[1:]).bytes("Payload"); len(payload) >= 8 {
				s.root.Store(binary.BigEndian.Uint64(payload))
			}
		case msgUser:
			s.frame(part[1:])
		}
	}
}

func (s *swarm) reply(to netip.AddrPort, plain []byte) {
	_, _ = s.udp.WriteToUDPAddrPort(s.box.packet(plain), to)
}

// ping probes the agent, which shows its digest.
func (s *swarm) ping() { s.reply(s.agent, pack(msgPing, "SeqNo", uint64(1), "Node", "")) }

// equal says whether the agent holds what the swarm does.
func (s *swarm) equal() bool { return s.root.Load() == s.table.Digest().Root }

// streams answers what comes over streams.
func (s *swarm) streams() {
	for {
		conn, err := s.tcp.Accept()
		if err != nil {
			return
		}
		s.work.Go(func() {
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
			if plain, ok := s.box.read(conn, true); ok {
				s.stream(conn, plain)
			}
		})
	}
}

func (s *swarm) stream(conn net.Conn, plain []byte) {
	switch plain[0] {
	case msgPushPull:
		_, _ = conn.Write(s.box.message(s.pushPull()))
	case msgPing:
		_, _ = conn.Write(s.box.message(ack(unpack(plain[1:]).number("SeqNo"), nil)))
	case msgUser:
		_, rest := unpackFirst(plain[1:])
		s.frame(rest)
	}
}

// count is that of the next frame.
func (s *swarm) count() record.Stamp {
	return record.Stamp{Generation: 1_700_000_000, Version: s.sent.Add(1)}
}

// roster is a members file that lists all of them and the agent: without one a fleet of this size takes minutes to be known.
func (s *swarm) roster(agent string) string {
	text := strings.Builder{}
	fmt.Fprintf(&text, "members:\n- name: %s\n", agent)
	for i, id := range s.ids {
		fmt.Fprintf(&text, "- name: %s\n  key: %s\n", swarmName(i), api.MemberKey(s.keys[id].Public().(ed25519.PublicKey)))
	}
	return text.String()
}

func swarmName(i int) string { return fmt.Sprintf("node-%05d.rack-%03d.site.example.com", i, i/40) }

// pushPull is the list of all members, and a vector that the first of them has sealed.
func (s *swarm) pushPull() []byte {
	vector := wire.NewSealer(swarmCluster, s.keys[s.ids[0]]).Seal(wire.Vector, record.ID{}, s.count(), wire.VectorPayload(s.table.Vector()))
	b := pack(msgPushPull, "Nodes", uint64(len(s.ids)), "UserStateLen", uint64(len(vector)), "Join", false)
	for _, id := range s.ids {
		b = append(b, pack(0, "Name", id.String(), "Addr", s.addr.Addr().AsSlice(), "Port", uint64(s.addr.Port()),
			"Meta", []byte{}, "Incarnation", uint64(1), "State", uint64(0), "Vsn", []byte{1, 5, 2, 0, 0, 0})[1:]...)
	}
	return append(b, vector...)
}

// frame does what a member does with a frame.
func (s *swarm) frame(data []byte) {
	f, err := wire.Open(data)
	if err != nil {
		return
	}
	switch f.Kind {
	case wire.Push:
		s.table.Offer(f.Payload)
	case wire.Pushes:
		frames, _ := wire.DecodePushes(f.Payload)
		for _, inner := range frames {
			s.frame(inner)
		}
	case wire.Hint:
		if holder, head, err := wire.DecodeHint(f.Payload); err == nil && s.table.Takes(head) {
			s.say(s.ids[0], holder, wire.Want, wire.WantPayload([]wire.Ref{{ID: head.ID, Section: head.Section}}))
		}
	case wire.Bulk:
		records, _ := wire.DecodeBulk(f.Payload)
		for _, r := range records {
			s.table.Offer(r)
		}
	case wire.Vector:
		if theirs, err := wire.DecodeVector(f.Payload); err == nil {
			s.heads(f, records.Differing(s.table.Vector(), theirs))
		}
	case wire.Heads:
		// The agent has found out what it wants and sends what is lacking here.
	case wire.Want:
		refs, _ := wire.DecodeWant(f.Payload)
		s.give(f, refs)
	}
}

// heads answers a vector with as many buckets as fit.
func (s *swarm) heads(f wire.Frame, differing records.BucketSet) {
	var some records.BucketSet
	var heads []records.Head
	for i := range wire.Buckets {
		var one records.BucketSet
		if one.Add(uint8(i)); !differing.Has(uint8(i)) { //nolint:gosec // there are 256
			continue
		}
		list := s.table.Heads(one)
		if len(heads)+len(list) > wire.MaxHeads {
			break
		}
		some.Add(uint8(i)) //nolint:gosec // there are 256
		heads = append(heads, list...)
	}
	s.say(f.To, f.From, wire.Heads, wire.HeadsPayload(some, some.Len() < differing.Len(), heads))
}

func (s *swarm) give(f wire.Frame, refs []wire.Ref) {
	var chunk [][]byte
	size := 0
	for _, ref := range refs {
		encoded, _ := s.table.Encoded(ref.ID, ref.Section)
		if size+len(encoded) > wire.MaxBulk {
			s.say(f.To, f.From, wire.Bulk, wire.BulkPayload(chunk))
			chunk, size = nil, 0
		}
		chunk, size = append(chunk, encoded), size+len(encoded)
	}
	s.say(f.To, f.From, wire.Bulk, wire.BulkPayload(chunk))
}

// say sends a frame to the agent under the seal of the member that was asked.
func (s *swarm) say(from, to record.ID, kind wire.Kind, payload []byte) {
	key, ok := s.keys[from]
	if !ok {
		key = s.keys[s.ids[0]]
	}
	frame := wire.NewSealer(swarmCluster, key).Seal(kind, to, s.count(), payload)
	s.dialing.Lock()
	defer s.dialing.Unlock()
	<-time.After(60 * time.Millisecond)
	conn, err := net.DialTimeout("tcp", s.agent.String(), time.Second)
	if err != nil {
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	message := append(pack(msgUser, "UserMsgLen", uint64(len(frame))), frame...)
	_, _ = conn.Write(append(s.box.header(), s.box.message(message)...))
	_, _ = conn.Read(make([]byte, 1)) // until it has been read
}

// describe says what the records weigh.
func (s *swarm) describe() string {
	sizes := map[string]int{}
	for _, section := range []string{"member", "node", "specs", "rollout"} {
		encoded, _ := s.table.Encoded(s.ids[0], section)
		sizes[section] = len(encoded)
	}
	return strings.TrimPrefix(fmt.Sprint(sizes), "map")
}
