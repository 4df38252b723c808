package conformance

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/controller/tainteviction"

	"github.com/daemonsetd/daemonsetd/agent/placement"
)

// story is a pod and what happens to the taints of its node, until horizon.
type story struct {
	ds    *appsv1.DaemonSet
	steps []change
}

// change is a new list of taints, so long after the beginning of the story. No two changes are a whole number of seconds
// apart, so that a timer never ends at the moment of a change, where either could come first.
type change struct {
	after  time.Duration
	taints []corev1.Taint
}

const (
	horizon = 30 * time.Minute
	stays   = time.Duration(-1)
)

// TestEviction runs the real taint eviction controller on a simulated clock beside NextEviction: the pod has to go at the
// same moment, or to stay to the end.
func TestEviction(t *testing.T) {
	random := newRandom(t)
	stories := number(t, "CONFORMANCE_STORIES", 500)
	results := map[string]int{}
	for range stories {
		s := newStory(random)
		want, got := upstreamEviction(t, s), ourEviction(s)
		if got != want {
			t.Fatalf("gone after %v, with the controller after %v (%v is never)\n%s\n%+v", got, want, stays, dump(s.ds), s.steps)
		}
		results[kindOf(s, want)]++
	}
	for _, kind := range []string{"stays", "goes at a change", "goes when its time is up"} {
		if results[kind] < stories/20 {
			t.Errorf("%d of %d pods are of the kind %q, want at least 5 %%", results[kind], stories, kind)
		}
	}
	t.Logf("%d stories compared, all equal: %v", stories, results)
}

func kindOf(s story, gone time.Duration) string {
	if gone == stays {
		return "stays"
	}
	for _, step := range s.steps {
		if step.after == gone {
			return "goes at a change"
		}
	}
	return "goes when its time is up"
}

func newStory(random *rand.Rand) story {
	s := story{ds: &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "ds"}}}
	keys := []string{"a", "b", "c", corev1.TaintNodeNotReady}
	for range random.IntN(6) {
		s.ds.Spec.Template.Spec.Tolerations = append(s.ds.Spec.Template.Spec.Tolerations, limitedToleration(random, keys))
	}
	after := time.Duration(0)
	for i := range 1 + random.IntN(6) {
		step := change{after: after + time.Duration(i)*time.Millisecond}
		for _, key := range keys {
			if random.IntN(3) == 0 {
				step.taints = append(step.taints, corev1.Taint{Key: key, Effect: corev1.TaintEffectNoExecute})
			}
		}
		if random.IntN(3) == 0 {
			step.taints = append(step.taints, corev1.Taint{Key: "d", Effect: corev1.TaintEffectNoSchedule})
		}
		s.steps = append(s.steps, step)
		after += time.Duration(1+random.IntN(90)) * time.Second
	}
	return s
}

func limitedToleration(random *rand.Rand, keys []string) corev1.Toleration {
	toleration := corev1.Toleration{Key: keys[random.IntN(len(keys))], Operator: corev1.TolerationOpExists}
	if random.IntN(6) == 0 {
		toleration.Key = ""
	}
	limits := []*int64{nil, new(int64(-1)), new(int64(0)), new(int64(10)), new(int64(60)), new(int64(60)), new(int64(200)), new(int64(1<<63 - 1))}
	toleration.TolerationSeconds = limits[random.IntN(len(limits))]
	return toleration
}

func nodeWith(taints []corev1.Taint) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}, Spec: corev1.NodeSpec{Taints: taints}}
}

// ourEviction says how long after the beginning the pod goes: at a change, or between two when the timer ends.
func ourEviction(s story) time.Duration {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	compiled, eviction := placement.Compile(s.ds), placement.Eviction{}
	for i, step := range s.steps {
		now := begin.Add(step.after)
		eviction = placement.NextEviction(eviction, compiled, nodeWith(step.taints), now)
		next := begin.Add(horizon)
		if i+1 < len(s.steps) {
			next = begin.Add(s.steps[i+1].after)
		}
		switch {
		case eviction.Evicted(now):
			return step.after
		case eviction.Evicted(next):
			return eviction.At.Sub(begin)
		}
	}
	return stays
}

// upstreamEviction plays the story to the real controller.
func upstreamEviction(t *testing.T, s story) time.Duration {
	t.Helper()
	gone := stays
	synctest.Test(t, func(t *testing.T) {
		var begin time.Time
		client := startController(t, s.ds, func() { gone = time.Since(begin) })
		begin = time.Now()
		for _, step := range s.steps {
			wait(begin.Add(step.after))
			if _, err := client.CoreV1().Nodes().Update(t.Context(), nodeWith(step.taints), metav1.UpdateOptions{}); err != nil {
				t.Fatalf("change the taints: %v", err)
			}
			synctest.Wait()
		}
		wait(begin.Add(horizon))
		synctest.Wait()
	})
	return gone
}

// wait lets the simulated clock run on.
func wait(until time.Time) { <-time.After(time.Until(until)) }

// startController starts the controller with the pod on a node without taints, and calls deleted when the controller
// deletes the pod.
func startController(t *testing.T, ds *appsv1.DaemonSet, deleted func()) *fake.Clientset {
	t.Helper()
	ctx := klog.NewContext(t.Context(), logr.Discard())
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: ds.Namespace, Name: ds.Name},
		Spec:       corev1.PodSpec{NodeName: "n1", Tolerations: upstreamTolerations(ds)},
	}
	client := fake.NewClientset(nodeWith(nil), pod)
	client.PrependReactor("delete", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
		deleted()
		return false, nil, nil
	})
	factory := informers.NewSharedInformerFactory(client, 0)
	pods, nodes := factory.Core().V1().Pods(), factory.Core().V1().Nodes()
	err := pods.Informer().AddIndexers(cache.Indexers{"spec.nodeName": func(object any) ([]string, error) {
		pod, ok := object.(*corev1.Pod)
		if !ok {
			return nil, fmt.Errorf("index by node: want a pod, have %T", object)
		}
		return []string{pod.Spec.NodeName}, nil
	}})
	if err != nil {
		t.Fatalf("index the pods: %v", err)
	}
	controller, err := tainteviction.New(ctx, client, pods, nodes, "taint-eviction-controller")
	if err != nil {
		t.Fatalf("make the controller: %v", err)
	}
	factory.Start(ctx.Done())
	go controller.Run(ctx)
	wait(time.Now().Add(time.Minute)) // its caches have to be filled
	synctest.Wait()
	return client
}
