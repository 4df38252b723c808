package repo

import (
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
)

// layers says what a package and those below it may never reach, through however many packages of the module. Paths end at
// a slash or at the end.
var layers = []struct {
	from  string
	never []string
	why   string
}{
	{"agent/rollout/driver", []string{"agent/catalog", "agent/reconcile", "agent/config", "agent/api", "agent/kubelet", "manifests/spec"}, "the driver knows of rollouts and of the other members, and of no files"},
	{"internal/base", []string{"manifests", "gossip", "agent", "services", "kubeapi", "cmd"}, "the ground floor imports nothing of ours"},
	{"gossip", []string{"manifests", "agent", "services", "kubeapi", "cmd"}, "gossip knows nothing of DaemonSets"},
	{"manifests", []string{"gossip", "agent", "services", "kubeapi", "cmd"}, "manifests turns files into files and knows no network"},
	{"manifests/resolve", []string{"manifests/spec", "manifests/manifestdir", "manifests/trees", "internal/base/atomicfile", "manifests/assemble"}, "resolve is pure"},
	{"agent", []string{"services", "kubeapi", "cmd"}, "DNS, proxy and API are programs of their own, which read the agent's socket"},
	{"agent/placement", []string{"manifests", "gossip", "agent/node", "agent/kubelet", "agent/config", "agent/api"}, "placement is pure"},
	{"agent/catalog", []string{"gossip", "agent/fleet", "agent/rollout/driver", "agent/reconcile", "agent/api"}, "the catalog knows of files and of this node, and of no other host"},
	{"agent/reconcile", []string{"agent/backend", "agent/member", "agent/config", "agent/api/client", "agent/systemd"}, "a round is made of what it is given, and knows neither who asks nor how it was configured"},
	{"agent/plan", []string{"manifests/spec", "manifests/manifestdir", "gossip", "agent/node", "agent/kubelet", "agent/config", "agent/api"}, "plan is pure"},
	{"agent/health", []string{"manifests", "agent/node", "agent/kubelet", "agent/config", "agent/plan", "agent/rollout", "agent/fleet"}, "every part of the agent reports to health, which knows none of them"},
	{"agent/reconcile", []string{"agent/backend", "agent/member"}, "a round is what others read"},
	{"agent/catalog", []string{"agent/backend", "agent/member"}, "the catalog is asked, and knows of nobody who asks"},
	{"agent/member", []string{"agent/api/client", "agent/reconcile", "agent/catalog", "agent/backend", "agent/rollout", "agent/plan", "agent/placement", "agent/node", "agent/kubelet", "manifests/manifestdir", "manifests/trees", "manifests/assemble", "manifests/history"}, "the member is asked, and knows nothing of rounds, rollouts and the API"},
	{"agent/rollout", []string{"manifests/spec", "manifests/manifestdir", "gossip", "agent/node", "agent/kubelet", "agent/config", "agent/api"}, "rollout is pure"},
}

// pure are the packages that read no clock, disk, network or chance.
var pure = []string{"agent/outage", "agent/placement", "agent/plan", "agent/rollout", "manifests/resolve"}

// outside says which packages that are not ours a part of the tree may not import itself.
var outside = []struct {
	from  []string
	never []string
	why   string
}{
	{[]string{"manifests"}, []string{"net", "net/http", "net/url"}, "manifests knows no network"},
	{pure, []string{"net", "os", "io/fs", "path/filepath", "math/rand", "math/rand/v2", "crypto/rand", "github.com/rs/zerolog"}, "a pure package reads no clock, disk, network or chance and logs nothing"},
	{[]string{"agent", "cmd", "gossip", "manifests"}, []string{"os/exec"}, "the agent starts no programs"},
	{[]string{"agent", "cmd", "gossip", "manifests"}, []string{"k8s.io/client-go"}, "there is no API server to be a client of"},
}

// apart are packages that are not of the kind of the one in whose directory they lie.
var apart = []string{"agent/rollout/driver"}

// below reports whether dir is tree or in it.
func below(dir, tree string) bool { return dir == tree || strings.HasPrefix(dir, tree+"/") }

// ruled reports whether a rule for what is in tree is one for dir.
func ruled(dir, tree string) bool {
	return below(dir, tree) && !slices.ContainsFunc(apart, func(p string) bool { return below(dir, p) && path.Dir(p) == tree })
}

// TestLayers follows the imports of the packages, their tests left out, through the module.
func TestLayers(t *testing.T) {
	graph := imports(t)
	for _, layer := range layers {
		for _, from := range slices.Sorted(maps.Keys(graph)) {
			if !ruled(from, layer.from) {
				continue
			}
			for reached, by := range reach(graph, from) {
				if i := slices.IndexFunc(layer.never, func(tree string) bool { return below(reached, tree) }); i >= 0 {
					t.Errorf("%s reaches %s: %s (rule: %s must not reach %s)", from, by, layer.why, layer.from, layer.never[i])
				}
			}
		}
	}
}

// TestLayersSeen: the rules speak of packages that are there, so that a renamed one does not leave its rule behind.
func TestLayersSeen(t *testing.T) {
	graph := imports(t)
	for _, must := range []string{"internal/base/atomicfile", "manifests/spec", "manifests/render", "manifests/resolve", "manifests/manifestdir", "agent/placement", "agent/plan", "agent/node", "agent/kubelet", "agent/config", "agent/api", "agent/catalog", "agent/reconcile", "agent/rollout/driver", "agent/health", "agent/member", "agent/backend"} {
		if _, ok := graph[must]; !ok {
			t.Errorf("no package %s: was it renamed? Rename it in the rules too", must)
		}
	}
	if got := reach(graph, "agent"); got["manifests/spec"] == "" {
		t.Error("agent does not reach manifests/spec: the graph is not read as it is")
	}
}

// TestOutside looks at direct imports of other people's packages.
func TestOutside(t *testing.T) {
	for _, src := range sources(t) {
		if src.isTest() {
			continue
		}
		for _, rule := range outside {
			if !slices.ContainsFunc(rule.from, func(tree string) bool { return ruled(src.dir(), tree) }) {
				continue
			}
			for _, name := range src.imports {
				if name == "k8s.io/client-go/util/jsonpath" {
					continue // A template language, and no client.
				}
				if slices.ContainsFunc(rule.never, func(tree string) bool { return below(name, tree) }) {
					t.Errorf("%s imports %q: %s", src.path, name, rule.why)
				}
			}
		}
	}
}

// TestKubernetes: one package defaults and validates with the code of Kubernetes; tests compare with it as they like.
func TestKubernetes(t *testing.T) {
	for _, src := range sources(t) {
		if below(src.dir(), "manifests/spec") || below(src.dir(), "test") || src.isTest() {
			continue
		}
		for _, name := range src.imports {
			if below(name, "k8s.io/kubernetes") {
				t.Errorf("%s imports %q: only manifests/spec may", src.path, name)
			}
		}
	}
}

// imports is the graph of the module's packages, by directory, tests left out.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	graph := map[string][]string{}
	for _, src := range sources(t) {
		if src.isTest() {
			continue
		}
		graph[src.dir()] = append(graph[src.dir()], []string{}...)
		for _, name := range src.imports {
			if dir, ok := strings.CutPrefix(name, module+"/"); ok {
				graph[src.dir()] = append(graph[src.dir()], dir)
			}
		}
	}
	return graph
}

// reach gives every package that from reaches, with the way there.
func reach(graph map[string][]string, from string) map[string]string {
	ways := map[string]string{}
	var walk func(dir, way string)
	walk = func(dir, way string) {
		for _, next := range graph[dir] {
			if _, seen := ways[next]; !seen {
				ways[next] = way + next
				walk(next, way+next+" -> ")
			}
		}
	}
	walk(from, "")
	return ways
}
