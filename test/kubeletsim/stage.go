package kubeletsim

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/daemonsetd/daemonsetd/agent/kubelet"
)

const (
	// patience is how long a scenario waits for what has to happen.
	patience = 45 * time.Second
	// pollEvery is how often it looks.
	pollEvery = 50 * time.Millisecond
)

// stage is one performance of a scenario. After the first error nothing more is done.
type stage struct {
	Subject
	// id is in every pod, so that no two performances have a pod of one UID.
	id    string
	ctx   context.Context
	files map[string]bool
	trace Trace
	err   error
}

// view is what the kubelet lists at one moment.
type view struct {
	node          string
	pods, running []corev1.Pod
}

func (v view) pod(name string) *corev1.Pod {
	return kubelet.FindPod(v.pods, metav1.NamespaceDefault, name, v.node)
}

func (v view) ready(name string) bool {
	p := v.pod(name)
	return p != nil && kubelet.PodReady(p)
}

func (v view) failed(name string) bool {
	p := v.pod(name)
	return p != nil && kubelet.Failed(p)
}

func (v view) runs(name string) bool {
	return kubelet.FindPod(v.running, metav1.NamespaceDefault, name, v.node) != nil
}

func (s *stage) say(format string, args ...any) {
	if s.err == nil {
		s.trace = append(s.trace, fmt.Sprintf(format, args...))
	}
}

func (s *stage) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// look asks the kubelet.
func (s *stage) look() view {
	v := view{node: s.NodeName}
	if s.err != nil {
		return v
	}
	pods, err := s.Client.Pods(s.ctx)
	if err != nil {
		s.fail(err)
		return v
	}
	running, err := s.Client.RunningPods(s.ctx)
	if err != nil {
		s.fail(err)
		return v
	}
	v.pods, v.running = pods.Items, running.Items
	return v
}

// uid is that of a pod, empty when it is not listed.
func (s *stage) uid(name string) types.UID {
	if p := s.look().pod(name); p != nil {
		return p.UID
	}
	return ""
}

// version is what pod was called with, for the pod that is listed.
func (s *stage) version(name string) string {
	if p := s.look().pod(name); p != nil {
		return versionOf(p)
	}
	return "none"
}

// pause waits.
func (s *stage) pause(d time.Duration) {
	if s.err != nil {
		return
	}
	select {
	case <-s.ctx.Done():
		s.fail(s.ctx.Err())
	case <-time.After(d):
	}
}

// await waits until something is so, says whether it came to be, and returns how long it took.
func (s *stage) await(what string, so func(view) bool) time.Duration {
	return s.within(what, patience, so)
}

// within is await with a limit that matters.
func (s *stage) within(what string, limit time.Duration, so func(view) bool) time.Duration {
	start := time.Now()
	for s.err == nil {
		switch v := s.look(); {
		case s.err == nil && so(v):
			s.say("%s: yes", what)
			return time.Since(start)
		case time.Since(start) > limit:
			s.say("%s: no", what)
			return time.Since(start)
		}
		s.pause(pollEvery)
	}
	return 0
}

// pod returns a manifest that a real kubelet can run without a network plugin. It ends at once when it is told to. The
// kubelet makes the UID from the manifest. What it remembers under a UID goes on for minutes after the pod's end: a
// container that ended, until the next garbage collection, and the back-off of 10 s, 20 s and so on that goes with it.
func (s *stage) pod(name, version string) *corev1.Pod {
	return &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{"version": version, "performance": s.id}},
		Spec: corev1.PodSpec{
			HostNetwork:                   true,
			TerminationGracePeriodSeconds: new(int64(1)),
			Containers: []corev1.Container{{
				Name: "main", Image: s.Image, ImagePullPolicy: corev1.PullNever,
				Command: []string{"/bin/sh", "-c", "trap 'exit 0' TERM; [ -n \"$IGNORE\" ] && trap '' TERM; while :; do sleep " +
					"0.1; done"},
			}},
		},
	}
}

func (s *stage) encode(p *corev1.Pod) []byte {
	if p.Annotations[ignoresTerm] != "" {
		p.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "IGNORE", Value: "1"}}
	}
	data, err := yaml.Marshal(p)
	if err != nil {
		s.fail(err)
	}
	return data
}

// write puts a manifest there as a careful writer does.
func (s *stage) write(file string, p *corev1.Pod) { s.writeText(file, string(s.encode(p))) }

func (s *stage) writeText(file, text string) {
	s.files[file] = true
	if s.err != nil {
		return
	}
	temp := filepath.Join(s.Dir, ".temp")
	s.check(os.WriteFile(temp, []byte(text), 0o600))
	s.check(os.Rename(temp, filepath.Join(s.Dir, file)))
}

// writeInto writes into a directory of the directory.
func (s *stage) writeInto(dir, file string, p *corev1.Pod) {
	s.files[dir] = true
	s.check(os.MkdirAll(filepath.Join(s.Dir, dir), 0o700))
	s.check(os.WriteFile(filepath.Join(s.Dir, dir, file), s.encode(p), 0o600))
}

// link puts a symbolic link there, to a hidden manifest.
func (s *stage) link(file string, p *corev1.Pod) {
	s.files[file], s.files[".target"] = true, true
	s.check(os.WriteFile(filepath.Join(s.Dir, ".target"), s.encode(p), 0o600))
	s.check(os.Symlink(".target", filepath.Join(s.Dir, file)))
}

func (s *stage) remove(file string) {
	if s.err == nil {
		s.check(os.RemoveAll(filepath.Join(s.Dir, file)))
	}
}

func (s *stage) check(err error) {
	if err != nil {
		s.fail(err)
	}
}

// clear removes what the scenario wrote, failed or not, and waits until nothing runs. The wait outlasts what the
// kubelet remembers of a pod by its name, so that the next scenario may use the same names.
func (s *stage) clear() {
	for file := range s.files {
		s.check(os.RemoveAll(filepath.Join(s.Dir, file)))
	}
	start := time.Now()
	for s.err == nil {
		v := s.look()
		if len(v.pods) == 0 && len(v.running) == 0 {
			break
		}
		if time.Since(start) > patience {
			s.fail(errors.New("pods of the scenario still run"))
		}
		s.pause(pollEvery)
	}
	s.pause(5 * time.Second)
}
