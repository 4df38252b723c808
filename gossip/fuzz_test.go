package gossip

import (
	"bytes"
	"crypto/ed25519"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/daemonsetd/daemonsetd/gossip/identity"
	"github.com/daemonsetd/daemonsetd/gossip/memnet"
	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
	"github.com/daemonsetd/daemonsetd/gossip/wire"
)

// fuzzKey makes the same identity for the same number.
func fuzzKey(n byte) identity.Identity {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
	return identity.Identity{Private: key, ID: record.IDOf(ed25519.PublicKey(key[ed25519.SeedSize:]))}
}

// fuzzNode is a Node that is not run, whose answers go nowhere, and that knows one peer.
func fuzzNode(f testing.TB, peer identity.Identity, addr netip.AddrPort) *Node {
	f.Helper()
	n, err := New(Config{
		Cluster: "test", Name: "node-1", Identity: fuzzKey(1), Transport: memnet.New(memnet.Config{}).Listen(netip.MustParseAddrPort("10.0.0.1:7947")),
		Limits: records.Limits{MaxMembers: 8, MaxBytes: 1 << 20},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = n.Close() })
	n.outbox = newOutbox(n.counts, func(outgoing) error { return nil })
	n.swim.joined(peer.ID, addr, time.Now())
	return n
}

// FuzzNode: whatever bytes come from the network, by each of the ways in which memberlist hands them over, and rightly sealed
// by a member too, the Node goes on, and holds no more than its limits.
func FuzzNode(f *testing.F) {
	peer, addr := fuzzKey(2), netip.MustParseAddrPort("10.0.0.2:7947")
	n := fuzzNode(f, peer, addr)
	r, err := record.NewSigner("test", peer.Private).Sign("test", record.Stamp{Generation: 1, Version: 1}, []byte("body"))
	if err != nil {
		f.Fatal(err)
	}
	head := records.Head{ID: peer.ID, Section: "test", Stamp: record.Stamp{Generation: 2, Version: 2}}
	var set records.BucketSet
	set.Add(peer.ID[0])
	f.Add([]byte{byte(wire.Push)}, r.Encoded)
	f.Add([]byte{byte(wire.Hint)}, wire.HintFrame(peer.ID, head)[1:])
	f.Add([]byte{byte(wire.Pushes)}, wire.PushesFrame([][]byte{wire.PushFrame(r.Encoded)})[1:])
	f.Add([]byte{byte(wire.Vector)}, wire.VectorPayload([wire.Buckets]uint64{1}))
	f.Add([]byte{byte(wire.Heads)}, wire.HeadsPayload(set, true, []records.Head{head}))
	f.Add([]byte{byte(wire.Want)}, wire.WantPayload([]wire.Ref{{ID: peer.ID, Section: "test"}}))
	f.Add([]byte{byte(wire.Bulk)}, wire.BulkPayload([][]byte{r.Encoded}))
	sealer, d := wire.NewSealer("test", peer.Private), (*delegate)(n)
	sent := record.Stamp{Generation: 1}
	count := func() record.Stamp { sent = sent.Next(); return sent }
	other := &memberlist.Node{Name: peer.ID.String(), Addr: net.IPv4(10, 0, 0, 2), Port: 7947}
	f.Fuzz(func(t *testing.T, kind, payload []byte) {
		n.blames = newBlames() // or what is sealed would soon be more than a member may send
		d.NotifyMsg(append(bytes.Clone(kind), payload...))
		d.MergeRemoteState(payload, len(kind) > 1)
		d.NotifyPingComplete(other, time.Millisecond, payload)
		_ = d.NotifyAlive(&memberlist.Node{Name: string(payload)})
		if len(kind) > 0 {
			d.NotifyMsg(sealer.Seal(wire.Kind(kind[0]), record.ID{}, count(), payload))
			d.NotifyMsg(sealer.Seal(wire.Kind(kind[0]), n.cfg.Identity.ID, count(), payload))
		}
		takeAll(n)
		n.fetch.due(time.Now())
		n.sync.step(time.Now())
		if got := len(n.View().Members); got > 10 {
			t.Errorf("%d members", got)
		}
		if bytes := n.inbox.bytes.Load(); bytes != 0 {
			t.Errorf("%d bytes are left in an inbox that is empty", bytes)
		}
	})
}

// takeAll looks at all that has come.
func takeAll(n *Node) {
	for {
		select {
		case data := <-n.inbox.pushes:
			n.inbox.taken(data)
			n.takePush(data)
		case data := <-n.inbox.sealed:
			n.inbox.taken(data)
			n.takeFrame(data)
		default:
			return
		}
	}
}
