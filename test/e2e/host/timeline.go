package host

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

// Run is the time between a container's start and its end, as containerd reported both.
type Run struct {
	// ID is the container's.
	ID string
	// Namespace, Pod and UID are the pod's; Pod is the full name, with the node's.
	Namespace, Pod, UID string
	// Container is the name in the pod; "" is the sandbox.
	Container string
	Start     time.Time
	// End is zero while the container runs.
	End time.Time
}

// Overlaps reports whether both ran at one moment.
func (r Run) Overlaps(o Run) bool {
	return (o.End.IsZero() || r.Start.Before(o.End)) && (r.End.IsZero() || o.Start.Before(r.End))
}

// Timeline follows containerd's events from the start of the host on, so that nothing that ran is missed, however
// short.
type Timeline struct {
	cancel context.CancelFunc
	done   chan struct{}

	mu   sync.Mutex
	runs map[string]*Run
	err  error
}

// startTimeline starts to follow.
func (h *Host) startTimeline(ctx context.Context) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	cmd := exec.CommandContext(ctx, "ctr", "--address", h.runtimeSocket(), "--namespace", "k8s.io", "events")
	out, err := cmd.StdoutPipe()
	if err != nil {
		cancel()
		return err
	}
	if err := cmd.Start(); err != nil {
		cancel()
		return err
	}
	tl := &Timeline{cancel: cancel, done: make(chan struct{}), runs: map[string]*Run{}}
	h.timeline = tl
	go func() {
		defer close(tl.done)
		tl.follow(ctx, h, out)
		// It ends by being killed when the host stops.
		_ = cmd.Wait()
	}()
	return nil
}

// stop ends the following and gives the first error there was.
func (tl *Timeline) stop() error {
	tl.cancel()
	<-tl.done
	tl.mu.Lock()
	defer tl.mu.Unlock()
	return tl.err
}

// follow reads lines of the form `DATE TIME +0000 UTC NAMESPACE TOPIC JSON`.
func (tl *Timeline) follow(ctx context.Context, h *Host, out io.Reader) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if err := tl.event(ctx, h, lines.Text()); err != nil && ctx.Err() == nil {
			tl.fail(err)
		}
	}
	if err := lines.Err(); err != nil && ctx.Err() == nil {
		tl.fail(err)
	}
}

func (tl *Timeline) fail(err error) {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	if tl.err == nil {
		tl.err = fmt.Errorf("following containerd's events: %w", err)
	}
}

func (tl *Timeline) event(ctx context.Context, h *Host, line string) error {
	fields := strings.SplitN(line, " ", 7)
	if len(fields) != 7 {
		return fmt.Errorf("unknown form of event %q", line)
	}
	topic := fields[5]
	if topic != "/tasks/start" && topic != "/tasks/exit" {
		return nil
	}
	at, err := time.Parse("2006-01-02 15:04:05.999999999 -0700 MST", strings.Join(fields[:4], " "))
	if err != nil {
		return err
	}
	var body struct {
		ContainerID string    `json:"container_id"`
		ID          string    `json:"id"`
		ExitedAt    time.Time `json:"exited_at"`
	}
	if err := json.Unmarshal([]byte(fields[6]), &body); err != nil {
		return err
	}
	if topic == "/tasks/start" {
		return tl.started(ctx, h, body.ContainerID, at)
	}
	// An exec probe's end has an id other than the container's.
	if body.ID == body.ContainerID {
		tl.ended(body.ContainerID, body.ExitedAt)
	}
	return nil
}

// started asks containerd whose container that is.
func (tl *Timeline) started(ctx context.Context, h *Host, id string, at time.Time) error {
	out, err := h.ctr(ctx, "containers", "info", id)
	if err != nil {
		return err
	}
	var info struct{ Labels map[string]string }
	if err := json.Unmarshal(out, &info); err != nil {
		return fmt.Errorf("container %q: %w", id, err)
	}
	tl.mu.Lock()
	defer tl.mu.Unlock()
	tl.runs[id] = &Run{
		ID:        id,
		Namespace: info.Labels["io.kubernetes.pod.namespace"],
		Pod:       info.Labels["io.kubernetes.pod.name"],
		UID:       info.Labels["io.kubernetes.pod.uid"],
		Container: info.Labels["io.kubernetes.container.name"],
		Start:     at,
	}
	return nil
}

func (tl *Timeline) ended(id string, at time.Time) {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	if run := tl.runs[id]; run != nil && run.End.IsZero() {
		run.End = at
	}
}

// Runs gives every run of a container so far whose pod is in the namespace and has a name that begins with prefix, in
// order of start; "" is any. The error is the first of the following, after which the runs may not be all there were.
func (h *Host) Runs(namespace, prefix string) ([]Run, error) {
	tl := h.timeline
	tl.mu.Lock()
	defer tl.mu.Unlock()
	var runs []Run
	for _, run := range tl.runs {
		if (namespace == "" || run.Namespace == namespace) && strings.HasPrefix(run.Pod, prefix) {
			runs = append(runs, *run)
		}
	}
	slices.SortFunc(runs, func(a, b Run) int { return a.Start.Compare(b.Start) })
	return runs, tl.err
}

// PodTimes joins the runs of each pod, sandbox and containers, into one. A pod is one manifest's content: the same name
// with another UID is another pod.
func PodTimes(runs []Run) []Run {
	var pods []Run
	for _, run := range runs {
		i := slices.IndexFunc(pods, func(p Run) bool { return p.UID == run.UID && p.Pod == run.Pod })
		if i < 0 {
			run.ID, run.Container = "", ""
			pods = append(pods, run)
			continue
		}
		if run.End.IsZero() || pods[i].End.IsZero() {
			pods[i].End = time.Time{}
		} else if run.End.After(pods[i].End) {
			pods[i].End = run.End
		}
	}
	return pods
}

// KillContainers kills every container and sandbox that runs, as a reboot does, and waits for their ends. A kubelet
// that runs would start them again.
func (h *Host) KillContainers(ctx context.Context) error {
	runs, err := h.Runs("", "")
	if err != nil {
		return err
	}
	for _, run := range runs {
		if run.End.IsZero() {
			if _, err := h.ctr(ctx, "tasks", "kill", "--signal", "SIGKILL", run.ID); err != nil {
				return fmt.Errorf("killing %+v: %w", run, err)
			}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	return Poll(ctx, func() error {
		runs, err := h.Runs("", "")
		for _, run := range runs {
			if run.End.IsZero() {
				return fmt.Errorf("%+v still runs", run)
			}
		}
		return err
	})
}
