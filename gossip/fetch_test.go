package gossip

import (
	"context"
	"encoding/binary"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daemonsetd/daemonsetd/gossip/record"
	"github.com/daemonsetd/daemonsetd/gossip/records"
	"github.com/daemonsetd/daemonsetd/gossip/wire"
)

// TestFetchesThatNobodyAnswers: as many hints as are waited for, to which nobody ever answers, do not keep later ones out for good.
func TestFetchesThatNobodyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer := fuzzKey(2)
		n := fuzzNode(t, peer, netip.MustParseAddrPort("10.0.0.2:7947"))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); n.fetch.run(ctx) }()
		defer func() { cancel(); <-ended }()

		for i := range maxFetches {
			var id record.ID
			binary.BigEndian.PutUint32(id[:], uint32(i)) //nolint:gosec // it is small
			n.fetch.pending[wire.Ref{ID: id, Section: "test"}] = fetching{asked: time.Now(), holder: peer.ID}
		}
		head := records.Head{ID: peer.ID, Section: "test", Stamp: record.Stamp{Generation: 1, Version: 1}}
		waits := func() bool {
			n.fetch.hinted(peer.ID, head)
			n.fetch.mu.Lock()
			defer n.fetch.mu.Unlock()
			_, ok := n.fetch.pending[refOf(head)]
			return ok
		}
		if waits() {
			t.Fatalf("more than %d are waited for", maxFetches)
		}
		time.Sleep(3 * fetchTimeout)
		waits()
		time.Sleep(time.Second)
		if !waits() {
			t.Error("a hint is not followed though nobody has answered for long what takes its place")
		}
	})
}
