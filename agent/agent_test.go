package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/client"
	"github.com/daemonsetd/daemonsetd/agent/config"
	"github.com/daemonsetd/daemonsetd/internal/base/atomicfile"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
	"github.com/daemonsetd/daemonsetd/test/kubeletsim"
)

// On a machine: the socket, the connections to the kubelet, and the watches of specs, node files and manifests.
func TestOnAMachine(t *testing.T) {
	t.Parallel()
	b := newMachine(t)
	stop := b.run()
	b.lay("specs.d/logger.yaml", logger("logger:1", "nodeSelector: {disk: ssd}"))
	b.phase(api.PhaseNotPlaced)
	b.lay("node.yaml", nodeFile("metadata: {labels: {disk: ssd}}"))
	b.phase(api.PhaseAvailable)
	path := b.path("manifests", b.manifests()[0])
	want := b.read(path)
	b.lay("manifests/"+b.manifests()[0], strings.Replace(want, "logger:1", "logger:evil", 1))
	b.eventually("the restored bytes", func() bool { return b.read(path) == want })
	if _, err := b.client.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.remove("specs.d/logger.yaml")
	b.eventually("the manifest to go with its file", func() bool { return len(b.manifests()) == 0 })
	stop()
	if diff := cmp.Diff([]string{"READY=1", "RELOADING=1", "READY=1", "STOPPING=1"}, b.notifications()); diff != "" {
		t.Error(diff)
	}
}

func TestFileToPodAndBack(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		b.lay("specs.d/logger.yaml", logger("logger:1", "nodeSelector: {disk: ssd}"))
		b.run()
		b.phase(api.PhaseNotPlaced)
		b.lay("node.yaml", nodeFile("metadata: {labels: {disk: ssd}}"))
		b.phase(api.PhaseAvailable)
		if _, err := b.client.PatchNode(t.Context(), api.NodePatch{SetTaints: []api.Taint{{Key: "drained", Effect: "NoExecute"}}}); err != nil {
			t.Fatal(err)
		}
		b.phase(api.PhaseNotPlaced)
		if got := b.manifests(); len(got) != 0 {
			t.Errorf("manifests %v stand on a node that does not qualify", got)
		}
		if _, err := b.client.PatchNode(t.Context(), api.NodePatch{RemoveTaints: []api.TaintRef{{Key: "drained"}}}); err != nil {
			t.Fatal(err)
		}
		b.phase(api.PhaseAvailable)
		b.remove("specs.d/logger.yaml")
		b.eventually("the manifest to go with its file", func() bool { return len(b.manifests()) == 0 })
	})
}

func TestTemplateChangeReplaces(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		b.lay("specs.d/logger.yaml", logger("logger:1"))
		b.run()
		b.phase(api.PhaseAvailable)
		old := b.daemonSet().CurrentRevision
		for _, image := range []string{"logger:2", "logger:3"} {
			b.lay("specs.d/logger.yaml", logger(image))
			b.eventually("the new revision of "+image, func() bool {
				d := b.daemonSet()
				return d.Phase == api.PhaseAvailable && d.CurrentRevision != old && d.CurrentRevision == d.DesiredRevision
			})
			old = b.daemonSet().CurrentRevision
		}
		if got := b.manifests(); len(got) != 1 {
			t.Errorf("manifests %v, want one", got)
		}
	})
}

// A file that goes bad, an agent that restarts with it, and a kubelet that lists its directory: the manifest is never
// touched.
func TestBadFileAcrossRestart(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		b.lay("specs.d/logger.yaml", logger("logger:1"))
		stop := b.run()
		b.phase(api.PhaseAvailable)
		before := b.identity()
		b.lay("specs.d/logger.yaml", strings.Replace(logger("logger:2"), "containers", "contianers", 1))
		b.eventually("the bad file to be reported", func() bool { return b.health("BadSpecFile") })
		stop()
		b.run()
		b.eventually("the bad file to be reported after the restart", func() bool { return b.health("BadSpecFile") })
		b.phase(api.PhaseAvailable)
		if diff := cmp.Diff(before, b.identity()); diff != "" {
			t.Errorf("the manifest was touched:\n%s", diff)
		}
		if st := b.status(); st.State != api.StateDegraded || !strings.Contains(st.Message, "contianers") {
			t.Errorf("state %s: %s, want it to name the mistake", st.State, st.Message)
		}
		b.lay("specs.d/logger.yaml", logger("logger:1"))
		b.eventually("health", func() bool { return b.status().State == api.StateReady })
		if diff := cmp.Diff(before, b.identity()); diff != "" {
			t.Errorf("the manifest was touched by a file that is as before:\n%s", diff)
		}
	})
}

// identity is name, inode and times of the manifests.
func (b *bed) identity() map[string]string {
	ids := map[string]string{}
	for _, name := range b.manifests() {
		info, err := os.Stat(b.path("manifests", name))
		if err != nil {
			b.t.Fatal(err)
		}
		ids[name] = fmt.Sprint(files.IDOf(info))
	}
	return ids
}

func TestDriftIsRestored(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		b.lay("specs.d/logger.yaml", logger("logger:1"))
		b.run()
		b.phase(api.PhaseAvailable)
		path := b.path("manifests", b.manifests()[0])
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b.lay("manifests/"+b.manifests()[0], strings.Replace(string(want), "logger:1", "logger:evil", 1))
		b.eventually("the restored bytes", func() bool {
			got, err := os.ReadFile(path)
			return err == nil && string(got) == string(want)
		})
		b.eventually("an event that tells of the restored manifest", func() bool {
			events, err := b.client.Events(t.Context(), client.Selection{})
			return err == nil && slices.ContainsFunc(events.Items, func(e corev1.Event) bool {
				return e.Reason == "ManifestRestored" && e.Type == corev1.EventTypeWarning
			})
		})
	})
}

func TestForeignPodIsNotTouched(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		b.lay("specs.d/logger.yaml", logger("logger:1"))
		stop := b.run()
		b.phase(api.PhaseAvailable)
		name := b.manifests()[0]
		ours, err := os.ReadFile(b.path("manifests", name))
		if err != nil {
			t.Fatal(err)
		}
		stop()
		b.remove("manifests/" + name)
		foreign := strings.Replace(string(ours), "daemonsetd.io/daemonset: default/logger", "someone: else", 1)
		b.lay("manifests/theirs.yaml", foreign)
		b.run()
		b.phase(api.PhaseBlocked)
		if diff := cmp.Diff([]string{"theirs.yaml"}, b.manifests()); diff != "" {
			t.Error(diff)
		}
		got, err := os.ReadFile(b.path("manifests", "theirs.yaml"))
		if err != nil || string(got) != foreign {
			t.Errorf("the foreign file was changed: %v", err)
		}
		if m := b.status().Manifests; len(m) != 1 || m[0].State != api.ManifestConflict {
			t.Errorf("manifests %+v, want one in conflict", m)
		}
		b.remove("manifests/theirs.yaml")
		b.phase(api.PhaseAvailable)
	})
}

func TestKubeletDownThenUp(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		b.kubelet.SetDown(true)
		b.lay("specs.d/logger.yaml", logger("logger:1"))
		b.run()
		b.phase(api.PhaseNotPlaced)
		st := b.status()
		if st.Kubelet.State != api.KubeletUnreachable && st.Kubelet.State != api.KubeletUnhealthy || st.Kubelet.URL == "" || st.Kubelet.Answer == "" || st.Kubelet.Remedy == "" {
			t.Errorf("kubelet %+v, want what was asked, what came back and what to set", st.Kubelet)
		}
		b.kubelet.SetDown(false)
		b.phase(api.PhaseAvailable)
		before := b.identity()
		b.kubelet.SetDown(true)
		b.eventually("the kubelet to be missed", func() bool { return b.health("KubeletUnhealthy") })
		b.lay("specs.d/logger.yaml", logger("logger:2"))
		b.eventually("the new template to be known", func() bool { d := b.daemonSet(); return d.DesiredRevision != d.CurrentRevision })
		if diff := cmp.Diff(before, b.identity()); diff != "" {
			t.Errorf("something was done although the kubelet is down:\n%s", diff)
		}
		b.kubelet.SetDown(false)
		b.eventually("the new revision", func() bool {
			d := b.daemonSet()
			return d.Phase == api.PhaseAvailable && d.CurrentRevision == d.DesiredRevision
		})
	})
}

func TestFailedPodIsIssuedAgain(t *testing.T) {
	virtually(t, func(t *testing.T) {
		healed := make(chan struct{})
		b := newBed(t, kubeletsim.Options{Behaviour: func(*corev1.Pod) kubeletsim.Behaviour {
			behaviour := kubeletsim.DefaultBehaviour()
			select {
			case <-healed:
			default:
				behaviour.Reject, behaviour.Message = "UnexpectedAdmissionError", "no room"
			}
			return behaviour
		}})
		b.lay("specs.d/logger.yaml", logger("logger:1"))
		b.run()
		b.phase(api.PhaseRefused)
		if m := b.daemonSet().Message; !strings.Contains(m, "no room") {
			t.Errorf("message %q, want the kubelet's reason", m)
		}
		close(healed)
		b.phase(api.PhaseAvailable)
	})
}

func TestTolerationSeconds(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		b.lay("specs.d/logger.yaml", logger("logger:1", `tolerations: [{key: maintenance, operator: Exists, effect: NoExecute, tolerationSeconds: 2}]`))
		b.run()
		b.phase(api.PhaseAvailable)
		b.lay("node.yaml", nodeFile("spec: {taints: [{key: maintenance, effect: NoExecute}]}"))
		b.eventually("the taint", func() bool { return len(b.status().Node.Taints) == 1 })
		if len(b.manifests()) != 1 {
			t.Error("the pod went before its tolerationSeconds were over")
		}
		b.phase(api.PhaseNotPlaced)
		b.remove("node.yaml")
		b.phase(api.PhaseAvailable)
	})
}

func TestOnDelete(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		onDelete := func(image string) string { return logger(image) + "  updateStrategy: {type: OnDelete}\n" }
		b.lay("specs.d/logger.yaml", onDelete("logger:1"))
		b.run()
		b.phase(api.PhaseAvailable)
		old := b.manifests()[0]
		b.lay("specs.d/logger.yaml", onDelete("logger:2"))
		b.phase(api.PhaseWaiting)
		if diff := cmp.Diff([]string{old}, b.manifests()); diff != "" {
			t.Error(diff)
		}
		b.remove("manifests/" + old)
		b.eventually("the new revision", func() bool {
			d := b.daemonSet()
			return d.Phase == api.PhaseAvailable && d.CurrentRevision == d.DesiredRevision
		})
	})
}

func TestManifestsDirectoryComesLater(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		b.lay("specs.d/logger.yaml", logger("logger:1"))
		stop := b.run()
		b.phase(api.PhaseAvailable)
		stop()
		if err := os.Rename(b.path("manifests"), b.path("elsewhere")); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(b.path("manifests"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		b.run()
		b.eventually("the missing directory to be reported", func() bool { return b.health("ManifestsDirectory") })
		b.remove("manifests")
		if err := os.Rename(b.path("elsewhere"), b.path("manifests")); err != nil {
			t.Fatal(err)
		}
		b.eventually("the directory to be taken up", func() bool { return !b.health("ManifestsDirectory") })
		b.phase(api.PhaseAvailable)
	})
}

func TestOneAgentAStateDirectory(t *testing.T) {
	t.Parallel()
	b := newMachine(t)
	b.run()
	second := b.options()
	second.Config.Socket = b.path("run/second.sock")
	if _, err := New(second); err == nil || !strings.Contains(err.Error(), "--state-dir") {
		t.Errorf("a second agent on the same state directory: %v, want an error that says what to do", err)
	}
	second.Config.StateDir = b.path("state2")
	if _, err := New(second); err == nil || !strings.Contains(err.Error(), "--runtime-dir") {
		t.Errorf("a second agent on the same runtime directory: %v, want an error that says what to do", err)
	}
	second.Config.RuntimeDir = b.path("run2")
	if _, err := New(second); err == nil || !strings.Contains(err.Error(), "--manifests-dir") {
		t.Errorf("a second agent on the same manifests directory: %v, want an error that says what to do", err)
	}
	second.Config.ManifestsDir = b.path("manifests2")
	second.Config.Socket = b.cfg.Socket
	if _, err := New(second); !errors.Is(err, api.ErrInUse) {
		t.Errorf("a second agent on the same socket: %v, want %v", err, api.ErrInUse)
	}
}

func TestReload(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		b.lay("specs.d/logger.yaml", logger("logger:1"))
		b.run()
		b.phase(api.PhaseAvailable)
		before := b.identity()

		b.next = func(*config.Config) error { return errors.New("daemonsetd.yaml:3:1: unknown field") }
		if _, err := b.client.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "unknown field") {
			t.Errorf("reload of a bad configuration: %v, want the reason", err)
		}
		b.next = func(c *config.Config) error { c.SpecsDir = "/elsewhere"; return nil }
		res, err := b.client.Reload(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"specsDir"}, res.RestartRequired); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(before, b.identity()); diff != "" {
			t.Errorf("a reload touched the manifest:\n%s", diff)
		}
		b.next = nil
		if err := os.WriteFile(b.path("specs.d/bad.yaml"), []byte("kind: DaemonSet\n"), 0o644); err != nil { // in place, as cp does
			t.Fatal(err)
		}
		if res, err = b.client.Reload(t.Context()); err != nil || len(res.Problems) == 0 {
			t.Errorf("reload with a bad spec file: %+v, %v, want its problems", res, err)
		}
	})
}

func TestNotifications(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		stop := b.run()
		if _, err := b.client.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		stop()
		if diff := cmp.Diff([]string{"READY=1", "RELOADING=1", "READY=1", "STOPPING=1"}, b.notifications()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestDiffPlanExplain(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		b.lay("specs.d/logger.yaml", logger("logger:1"))
		b.run()
		b.phase(api.PhaseAvailable)
		before := b.identity()
		plan, err := b.client.Plan(t.Context(), api.PlanRequest{Files: []api.PlanFile{
			{Name: "logger.yaml", Data: []byte(logger("logger:2"))},
			{Name: "other.yaml", Data: []byte(strings.ReplaceAll(logger("other:1", "nodeSelector: {no: where}"), "logger", "other"))},
		}})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, p := range plan.DaemonSets {
			got[p.DaemonSet] = p.Action
		}
		if diff := cmp.Diff(map[string]string{"default/logger": api.PlanReplace, "default/other": api.PlanNone}, got); diff != "" || !plan.Valid {
			t.Errorf("valid %v, -want +got:\n%s", plan.Valid, diff)
		}
		if plan, err = b.client.Plan(t.Context(), api.PlanRequest{Files: []api.PlanFile{{Name: "logger.yaml", Data: []byte("kind: DaemonSet")}}}); err != nil || plan.Valid || len(plan.Problems) == 0 {
			t.Errorf("plan of a bad file: %+v, %v", plan, err)
		}
		diff, err := b.client.Diff(t.Context())
		if err != nil || len(diff.Items) != 0 {
			t.Errorf("diff of a host that is as declared: %+v, %v", diff, err)
		}
		if d := cmp.Diff(before, b.identity()); d != "" {
			t.Errorf("planning touched the manifest:\n%s", d)
		}
		list, err := b.client.Explain(t.Context(), api.ExplainRequest{DaemonSet: "logger"})
		if err != nil || len(list.Items) != 1 || !list.Items[0].ShouldRun || list.Items[0].Phase != api.PhaseAvailable {
			t.Errorf("explain: %+v, %v", list, err)
		}
		b.lay("specs.d/elsewhere.yaml", strings.Replace(logger("other:1", "nodeSelector: {no: where}"), "  name: logger", "  name: other\n  namespace: elsewhere", 1))
		b.eventually("a DaemonSet of another namespace to be found by its name", func() bool {
			list, err := b.client.Explain(t.Context(), api.ExplainRequest{DaemonSet: "other"})
			return err == nil && len(list.Items) == 1 && list.Items[0].DaemonSet == "elsewhere/other"
		})
		if _, err := b.client.Explain(t.Context(), api.ExplainRequest{DaemonSet: "nobody"}); err == nil {
			t.Error("explain of a DaemonSet that is not there is no error")
		}
	})
}

func TestStatusCountsAndObjects(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		b.lay("specs.d/logger.yaml", logger("logger:1"))
		b.run()
		b.phase(api.PhaseAvailable)
		sets, err := b.client.DaemonSets(t.Context(), client.Selection{})
		if err != nil || len(sets.Items) != 1 {
			t.Fatalf("%+v, %v", sets, err)
		}
		st := sets.Items[0].Status
		if st.DesiredNumberScheduled != 1 || st.CurrentNumberScheduled != 1 || st.NumberReady != 1 || st.NumberAvailable != 1 || st.UpdatedNumberScheduled != 1 || st.NumberUnavailable != 0 {
			t.Errorf("status %+v", st)
		}
		nodes, err := b.client.Nodes(t.Context(), client.Selection{})
		if err != nil || len(nodes.Items) != 1 || nodes.Items[0].Name != "node-1" {
			t.Errorf("nodes %+v, %v", nodes, err)
		}
		var pods corev1.PodList
		if err := json.Unmarshal([]byte(b.get("/v1/pods")), &pods); err != nil || len(pods.Items) != 1 || pods.Items[0].ResourceVersion == "" {
			t.Errorf("pods %+v, %v", pods, err)
		}
	})
}

func TestDamagedStateIsSetAside(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		if err := os.WriteFile(b.path("state/pods.json"), []byte("{broken"), 0o600); err != nil {
			t.Fatal(err)
		}
		b.run()
		entries, err := os.ReadDir(b.path("state"))
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, e := range entries {
			found = found || strings.HasPrefix(e.Name(), "pods.json.bad-")
		}
		if !found {
			t.Error("the damaged file is not kept")
		}
	})
}

// TestFaultK15LeftoversGoAtStart: a process that is killed while it replaces a file leaves a temporary one, which could have
// a key in it.
func TestFaultK15LeftoversGoAtStart(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{})
		gone := []string{
			"state/" + atomicfile.TempName(), "state/gossip/" + atomicfile.TempName(), "state/gossip/.identity-271828.tmp",
			"state/last-good/" + atomicfile.TempName(), "state/revisions/default/logger/" + atomicfile.TempName(),
		}
		stay := []string{"state/.swp.tmp", "state/gossip/.daemonsetd-notes.tmp"}
		for _, name := range slices.Concat(gone, stay) {
			if err := os.MkdirAll(filepath.Dir(b.path(name)), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(b.path(name), []byte("half"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		b.run()
		for _, name := range gone {
			if _, err := os.Lstat(b.path(name)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s is still there: %v", name, err)
			}
		}
		for _, name := range stay {
			if _, err := os.Lstat(b.path(name)); err != nil {
				t.Errorf("%s, which is not ours, went too: %v", name, err)
			}
		}
	})
}

// TestPacerSpacesAStorm: a burst of rounds costs no time, those that follow are spaced, and a rested pacer has its whole burst again.
func TestPacerSpacesAStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer()
		took := func(rounds int) time.Duration {
			begin := time.Now()
			for range rounds {
				if err := p.Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			return time.Since(begin).Round(time.Millisecond)
		}
		for range 2 {
			if got := took(burst); got != 0 {
				t.Errorf("a burst took %s", got)
			}
			if got := took(10); got != 10*spacing {
				t.Errorf("10 rounds more took %s, want %s", got, 10*spacing)
			}
			time.Sleep(burst * spacing)
		}
	})
}

func TestMetricsOnTCPOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	b := newMachine(t)
	opts := b.options()
	quiet, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	if quiet.MetricsAddr() != nil {
		t.Errorf("listens on %s without being asked", quiet.MetricsAddr())
	}
	if err := quiet.teardown(); err != nil {
		t.Fatal(err)
	}
	opts.Config.MetricsAddress = "127.0.0.1:0"
	a, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	base := "http://" + a.MetricsAddr().String()
	get := func(path string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(body)
	}
	if code, body := get("/metrics"); code != http.StatusOK || !strings.Contains(body, "daemonsetd_build_info") {
		t.Errorf("%d %s", code, body)
	}
	if code, _ := get("/v1/status"); code != http.StatusNotFound {
		t.Errorf("the API answers on TCP with %d", code)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// What stands while it may not be replaced is cared for as what is wanted is: hand edits are undone, and a pod that the kubelet has given
// up on is tried again.
func TestOlderRevisionIsCaredFor(t *testing.T) {
	virtually(t, func(t *testing.T) {
		b := newBed(t, kubeletsim.Options{Behaviour: func(pod *corev1.Pod) kubeletsim.Behaviour {
			behaviour := kubeletsim.DefaultBehaviour()
			if pod.Spec.Containers[0].Image == "logger:evil" {
				behaviour.Reject, behaviour.Message = "UnexpectedAdmissionError", "no room"
			}
			return behaviour
		}})
		paused := func(image string) string {
			return annotated(logger(image), `daemonsetd.io/paused: "true"`)
		}
		b.lay("specs.d/logger.yaml", paused("logger:1"))
		b.run()
		b.phase(api.PhaseAvailable)
		old := b.manifests()[0]
		want, err := os.ReadFile(b.path("manifests", old))
		if err != nil {
			t.Fatal(err)
		}
		b.lay("specs.d/logger.yaml", paused("logger:2"))
		b.phase(api.PhaseWaiting)
		for _, image := range []string{"logger:harmless", "logger:evil"} {
			b.eventually("the kubelet to have taken "+image, func() bool {
				if got, err := os.ReadFile(b.path("manifests", old)); err == nil && string(got) == string(want) {
					// At first, and where the agent was faster than the kubelet.
					b.slip("manifests/"+old, strings.Replace(string(want), "logger:1", image, 1))
				}
				there, _ := b.runsImage(image)
				return there
			})
			b.wake()
			b.eventually("the restored bytes after "+image, func() bool {
				got, err := os.ReadFile(b.path("manifests", old))
				return err == nil && string(got) == string(want)
			})
			b.phase(api.PhaseWaiting)
			b.eventually("the old pod", func() bool {
				d := b.daemonSet()
				_, ready := b.runsImage("logger:1")
				return ready && d.CurrentRevision != "" && d.CurrentRevision != d.DesiredRevision
			})
		}
		if diff := cmp.Diff([]string{old}, b.manifests()); diff != "" {
			t.Error(diff)
		}
	})
}
