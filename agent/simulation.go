package agent

import (
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/hashicorp/memberlist"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/gossip/record"
)

// Simulation is what an agent has in place of the machine's sockets and watches, so that many run in one process and in
// virtual time (testing/synctest): the system's calls to wait would keep that from passing. Such an agent is told by
// Wake that a file has changed; everything else is as it is outside.
type Simulation struct {
	// Gossip makes what carries packets and streams.
	Gossip func() memberlist.NodeAwareTransport
	// Verify is in place of verifying each signature; nil: it is verified.
	Verify func(r record.Record, cluster string) error
	// Kubelet is in place of connections to the kubelet.
	Kubelet http.RoundTripper
	// Refuse says why the manifests directory takes no change now, as on a disk that is full or failed; nil: the disk
	// says.
	Refuse func() error
	// API is where the API is served, nothing that waits on the operating system; nil: it is not served. Who connects
	// counts as the user whom the agent runs as.
	API net.Listener
}

// ownUser is who asks over Simulation.API.
func ownUser(net.Conn) (api.Peer, error) {
	return api.Peer{UID: uint32(os.Geteuid())}, nil //nolint:gosec // Linux has no negative ones
}

// Wake has everything read again, as a watch would.
func (a *Agent) Wake() { a.member.Poke() }

// Rollout says in one line where this host stands with a DaemonSet, for a simulation that has failed.
func (a *Agent) Rollout(key string) string {
	v := a.rounds.Latest()
	if v == nil {
		return "starting"
	}
	it := v.Item(key)
	if it == nil {
		return "not declared"
	}
	return fmt.Sprintf("%s, target %v, running %v, ticket %v; %s", it.State.Phase, it.State.Target, it.State.Running,
		it.State.Ticket, it.Turn.Blockers.String())
}
