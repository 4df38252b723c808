package member

import (
	"io"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/daemonsetd/daemonsetd/agent/health"
	"github.com/daemonsetd/daemonsetd/agent/registry"
)

// began is when the hosts of these tests were started.
var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func newBoard() *health.Board {
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "events_total", Help: "Events."}, []string{"type"})
	events := health.NewEvents(registry.New(registry.Config{}), counter, "a")
	return health.NewBoard(zerolog.New(io.Discard), events)
}

// textOf is what the board says under a code; empty: nothing.
func textOf(b *health.Board, code health.Code) string {
	for _, item := range b.Items() {
		if item.Code == code.String() {
			return item.Text
		}
	}
	return ""
}

// listed is a list of nodes that remembers who is on it.
type listed struct {
	mu    sync.Mutex
	nodes map[string]*corev1.Node
	// calls is how often it was changed.
	calls int
}

func (l *listed) SetNodes(nodes []*corev1.Node) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	l.nodes = map[string]*corev1.Node{}
	for _, n := range nodes {
		l.nodes[n.Name] = n
	}
}

func (l *listed) PatchNodes(changed []*corev1.Node, gone []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	if l.nodes == nil {
		l.nodes = map[string]*corev1.Node{}
	}
	for _, n := range changed {
		l.nodes[n.Name] = n
	}
	for _, name := range gone {
		delete(l.nodes, name)
	}
}

func (l *listed) names() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for name := range l.nodes {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

func nodeNamed(name string) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
}
