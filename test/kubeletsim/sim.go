package kubeletsim

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	statsv1alpha1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

// Kubelet is one run of a simulated kubelet. A restart is a new one with the same Runtime.
type Kubelet struct {
	opts Options
	kick chan struct{}
	// ready is closed when the directory was listed for the first time.
	ready chan struct{}

	mu      sync.Mutex
	up      bool
	journal journal
	rng     *rand.Rand
	// queued are the watch events that were not handled yet.
	queued []watchEvent
	scan   map[string]fileID
	src    source
	// pods are the pods that the directory asks for, by UID.
	pods map[types.UID]*corev1.Pod
	// failed are the pods that ended for good. A status is remembered until housekeeping finds its pod gone.
	failed map[types.UID]rejection
	// amend changes what is listed; nil: nothing does.
	amend   func(*corev1.Pod)
	workers map[types.UID]*worker
	// started has the UID that may run under a name; queue, those that wait, in the order in which they came.
	started map[string]types.UID
	queue   map[string][]types.UID

	// cache is the copy that /runningpods/ is answered from.
	cache   []corev1.Pod
	cacheAt time.Time

	faults  map[string]Fault
	down    bool
	summary *statsv1alpha1.Summary
}

// New returns a Kubelet that does not run yet.
func New(opts Options) (*Kubelet, error) {
	if opts.Dir == "" || opts.NodeName == "" {
		return nil, errors.New("kubeletsim: Options.Dir and Options.NodeName are needed")
	}
	opts.Dir = filepath.Clean(opts.Dir)
	opts.setDefaults()
	return &Kubelet{
		opts:    opts,
		kick:    make(chan struct{}, 1),
		ready:   make(chan struct{}),
		rng:     rand.New(rand.NewPCG(opts.Seed, 1)),
		scan:    map[string]fileID{},
		src:     source{store: map[string]*corev1.Pod{}, keys: map[string]string{}},
		pods:    map[types.UID]*corev1.Pod{},
		failed:  map[types.UID]rejection{},
		workers: map[types.UID]*worker{},
		started: map[string]types.UID{},
		queue:   map[string][]types.UID{},
		faults:  map[string]Fault{},
		summary: defaultSummary(opts.NodeName),
	}, nil
}

// Run simulates until the context ends and returns its error. Until it is called, and after it has returned, nothing is
// answered. It runs once.
func (k *Kubelet) Run(ctx context.Context) error {
	var watch sync.WaitGroup
	if !k.opts.Manual {
		// Watched before it is listed, so that nothing is missed in between. The real one is not so careful.
		w := k.openWatch()
		watch.Go(func() { k.watch(ctx, w) })
	}
	defer watch.Wait()
	k.setUp(true)
	close(k.ready)
	defer k.setUp(false)

	lists, housekeeping := time.NewTicker(k.opts.FileCheckFrequency), time.NewTicker(housekeepingPeriod)
	defer lists.Stop()
	defer housekeeping.Stop()
	var scans <-chan time.Time
	if k.opts.ScanEvery > 0 {
		t := time.NewTicker(k.opts.ScanEvery)
		defer t.Stop()
		scans = t.C
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var act func()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-lists.C:
			act = k.list
		case <-housekeeping.C:
			act = k.housekeep
		case <-scans:
			k.Scan()
		case <-k.kick:
		case <-timer.C:
		}
		timer.Reset(k.turn(act))
	}
}

// Ready is closed once Run has listed the directory and watches it.
func (k *Kubelet) Ready() <-chan struct{} { return k.ready }

// turn does act and everything else that is due, and returns how long nothing is.
func (k *Kubelet) turn(act func()) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	if act != nil {
		act()
	}
	for len(k.queued) > 0 {
		e := k.queued[0]
		k.queued = k.queued[1:]
		k.consume(e)
	}
	for {
		w := k.nextWorker()
		if w == nil {
			return time.Hour
		}
		if wait := time.Until(w.due); wait > 0 {
			return wait
		}
		k.advance(w)
	}
}

// nextWorker returns the one whose step is due first.
func (k *Kubelet) nextWorker() (next *worker) {
	for _, w := range k.workers {
		if w.due.IsZero() {
			continue
		}
		if next == nil || w.due.Before(next.due) || (w.due.Equal(next.due) && cmp.Less(w.pod.UID, next.pod.UID)) {
			next = w
		}
	}
	return next
}

func (k *Kubelet) setUp(up bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.up = up
	if !up {
		k.journal.add(Event{Kind: KindDown})
		return
	}
	k.journal.add(Event{Kind: KindUp})
	k.list()
	k.scanQuietly()
	k.refresh()
}

// nudge lets Run look at what is due.
func (k *Kubelet) nudge() {
	select {
	case k.kick <- struct{}{}:
	default:
	}
}

// Notify reports a change of a file of the directory, by its base name, as inotify would.
func (k *Kubelet) Notify(name string, op Op) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.queued = append(k.queued, watchEvent{file: filepath.Join(k.opts.Dir, filepath.Base(name)), op: op})
	k.nudge()
}

// housekeep forgets what is over, starts anew what was added again while it ended, and stops containers of pods that
// nobody asks for (pkg/kubelet/kubelet_pods.go:HandlePodCleanups). The caller holds k.mu.
func (k *Kubelet) housekeep() {
	k.refresh()
	for uid := range k.failed {
		if _, has := k.pods[uid]; !has {
			delete(k.failed, uid)
		}
	}
	for _, w := range k.sortedWorkers() {
		pod, has := k.pods[w.pod.UID]
		if w.phase != finished || (has && !w.restart) {
			continue
		}
		delete(k.workers, w.pod.UID)
		if has {
			k.start(pod)
		}
	}
	for _, pod := range k.opts.Runtime.list() {
		if k.workers[pod.UID] == nil {
			k.stopOrphan(pod)
		}
	}
}

// stopOrphan stops containers that an earlier run of the kubelet left behind.
func (k *Kubelet) stopOrphan(pod *corev1.Pod) {
	k.workers[pod.UID] = &worker{pod: pod, phase: running}
	k.kill(pod.UID, orphanGrace)
}

func (k *Kubelet) sortedWorkers() []*worker {
	out := make([]*worker, 0, len(k.workers))
	for _, w := range k.workers {
		out = append(out, w)
	}
	slices.SortFunc(out, func(a, b *worker) int { return cmp.Compare(a.pod.UID, b.pod.UID) })
	return out
}

// refresh renews the copy that /runningpods/ is answered from.
func (k *Kubelet) refresh() { k.cache, k.cacheAt = k.opts.Runtime.Running(), time.Now() }
