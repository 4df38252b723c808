//go:build parity

package parity

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/daemonsetd/daemonsetd/test/e2e/host"
	"github.com/daemonsetd/daemonsetd/test/parity/seen"
)

// reports has a report for each container, by "daemonset/container".
type reports map[string]seen.Report

// settled is how often a container must have looked again and seen no change.
const settled = 3

func specFiles(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", dir, "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files in %q: %v", dir, err)
	}
	return paths
}

// wantedPods gives the pod template of each DaemonSet of the specs, by the DaemonSet's name, which is also the label "app".
func wantedPods(t *testing.T) map[string]corev1.PodSpec {
	t.Helper()
	pods := map[string]corev1.PodSpec{}
	for _, path := range specFiles(t, "specs") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for document := range split(text) {
			var ds appsv1.DaemonSet
			if err := yaml.Unmarshal(document, &ds); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if ds.Kind == "DaemonSet" {
				pods[ds.Name] = ds.Spec.Template.Spec
			}
		}
	}
	return pods
}

// collect gives the latest report of every container, or an error that says what there is none of yet.
func collect(h *host.Host, want map[string]corev1.PodSpec) (reports, error) {
	pods, err := h.Pods(interrupted)
	if err != nil {
		return nil, err
	}
	all := reports{}
	var errs []error
	for name, spec := range want {
		pod, err := podOf(pods, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, c := range spec.InitContainers {
			errs = append(errs, all.read(h, pod, name, c.Name, 0))
		}
		for _, c := range spec.Containers {
			errs = append(errs, all.read(h, pod, name, c.Name, settled))
		}
	}
	return all, errors.Join(errs...)
}

func podOf(pods []corev1.Pod, name string) (*corev1.Pod, error) {
	var found *corev1.Pod
	for i := range pods {
		if pods[i].Namespace != namespace || pods[i].Labels["app"] != name {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("pods %q and %q of one DaemonSet", found.Name, pods[i].Name)
		}
		found = &pods[i]
	}
	if found == nil {
		return nil, fmt.Errorf("no pod of %q among %d", name, len(pods))
	}
	return found, nil
}

func (r reports) read(h *host.Host, pod *corev1.Pod, name, container string, looks int) error {
	key := name + "/" + container
	text, err := os.ReadFile(h.ContainerLog(pod, container, 0))
	if err != nil {
		return fmt.Errorf("%s: %w (its pod: %s)", key, err, waiting(pod))
	}
	r[key], err = lastReport(text, looks)
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// waiting tells why containers do not run.
func waiting(pod *corev1.Pod) string {
	text := string(pod.Status.Phase)
	for _, c := range append(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses...) {
		if w := c.State.Waiting; w != nil {
			text += fmt.Sprintf(", %s: %s %s", c.Name, w.Reason, w.Message)
		}
	}
	return text
}

// lastReport finds the last report in a container's log, after which it must have looked again that often.
func lastReport(log []byte, looks int) (seen.Report, error) {
	var report seen.Report
	var last, line string
	same := 0
	for entry := range strings.Lines(string(log)) {
		// TIME STREAM P|F TEXT; P where the runtime has cut a long line.
		fields := strings.SplitN(strings.TrimSuffix(entry, "\n"), " ", 4)
		if len(fields) != 4 {
			continue
		}
		if line += fields[3]; fields[2] == "P" {
			continue
		}
		switch {
		case line == "=":
			same++
		case strings.HasPrefix(line, "{"):
			last, same = line, 0
		default:
			return report, errors.New(line)
		}
		line = ""
	}
	if last == "" || same < looks {
		return report, errors.New("has not reported yet")
	}
	return report, json.Unmarshal([]byte(last), &report)
}

// updated returns an error unless every file "generation" has the content of the update and none has the old one.
func (r reports) updated() error {
	const volumes = 5
	after := sha256.Sum256([]byte("2"))
	var found int
	for _, e := range r["live/main"].Entries {
		if e.Type != "file" || filepath.Base(e.Path) != "generation" {
			continue
		}
		if e.SHA256 != hex.EncodeToString(after[:]) {
			return fmt.Errorf("%s has not changed", e.Path)
		}
		found++
	}
	if found != volumes {
		return fmt.Errorf("want %d files \"generation\", got %d", volumes, found)
	}
	return nil
}
