//go:build parity

package conformance

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

// TestFaultF1RealServer gives every generated file and every published one to a real API server, strictly and without storing it, and
// wants us to take what it takes, but for the refusals that docs/config.md tells, and nothing else.
func TestFaultF1RealServer(t *testing.T) {
	c := &comparison{server: startRealServer(t), counts: map[string]map[string]int{}, occurred: map[string]bool{}}
	base := corpus(t)["minimal.yaml"]
	one := func(t *testing.T, list []mutation) {
		for _, m := range list {
			c.object(t, m.name, mutated(t, base, m))
		}
	}
	t.Run("corpus", func(t *testing.T) {
		for name, data := range corpus(t) {
			c.object(t, name, data)
		}
	})
	t.Run("edits", func(t *testing.T) { one(t, slices.Concat(invalidMutations(), harmless())) })
	t.Run("gated fields", func(t *testing.T) { one(t, gated()) })
	t.Run("broken text", func(t *testing.T) {
		for name, text := range brokenTexts(t) {
			c.object(t, name, text)
		}
	})
	t.Run("documented refusals", func(t *testing.T) {
		for _, r := range documented() {
			c.object(t, r.name, mutated(t, base, r.mutation))
		}
	})
	t.Run("fields of the server", c.serverFields)
	t.Run("edits together", c.editsTogether)
	t.Run("references", c.references)
	t.Run("other kinds", func(t *testing.T) {
		for _, o := range otherObjects() {
			c.object(t, o.name, []byte(o.text))
		}
	})
	t.Run("published files", c.published)
	c.report(t)
}

// comparison is of one run.
type comparison struct {
	server *realServer
	// counts are by test and outcome.
	counts map[string]map[string]int
	// occurred are the names of the documented refusals that came up.
	occurred map[string]bool
}

const (
	byBoth       = "accepted by both"
	byNone       = "refused by both"
	byUs         = "refused as documented"
	byServer     = "only the API server refuses"
	undocumented = "only we refuse"
	noEffect     = "without effect"
)

func (c *comparison) count(t *testing.T, outcome string) {
	t.Helper()
	if c.counts[t.Name()] == nil {
		c.counts[t.Name()] = map[string]int{}
	}
	c.counts[t.Name()][outcome]++
}

func (c *comparison) report(t *testing.T) {
	t.Helper()
	total := map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(c.counts)) {
		t.Logf("%s: %v", name, c.counts[name])
		for outcome, n := range c.counts[name] {
			total[outcome] += n
		}
	}
	t.Logf("all: %v; %d of %d documented refusals came up", total, len(c.occurred), len(documented()))
	for _, r := range documented() {
		if !c.occurred[r.name] {
			t.Errorf("the documented refusal %q does not occur any more: take it out of the table and of docs/config.md", r.name)
		}
	}
}

// object compares one object, which stands alone in its file.
func (c *comparison) object(t *testing.T, name string, data []byte) {
	t.Helper()
	reason, err := c.server.refuses(t.Context(), data)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	outcome := c.compare(t, name, reason, spec.Parse("specs/agent.yaml", data))
	if c.count(t, outcome); outcome == byServer || outcome == undocumented {
		t.Logf("%s is\n%.4000s", name, data)
	}
}

// compare says how both sides take an object and fails the test where one does what it must not.
func (c *comparison) compare(t *testing.T, name, reason string, ours spec.Parsed) string {
	t.Helper()
	accepted := taken(ours) > 0
	switch {
	case reason == "" && accepted:
		return byBoth
	case reason != "" && !accepted:
		return byNone
	case reason != "":
		t.Errorf("%s: accepted, but the API server says: %s", name, reason)
		return byServer
	case c.explained(ours.Problems):
		return byUs
	}
	t.Errorf("%s: the API server takes it, and we say: %v", name, ours.Problems)
	return undocumented
}

// taken is how many objects are in effect.
func taken(p spec.Parsed) int {
	return len(p.DaemonSets) + len(p.ConfigMaps) + len(p.Secrets) + len(p.Services) + len(p.PriorityClasses)
}

// explained says whether each of the errors is a documented one, or follows from one: a volume that is refused is none that could be
// mounted.
func (c *comparison) explained(problems diag.List) bool {
	all := problems.HasErrors()
	badVolume := slices.ContainsFunc(problems.Errors(), func(p diag.Problem) bool {
		return strings.HasPrefix(p.Path, "spec.template.spec.volumes[")
	})
	for _, problem := range problems.Errors() {
		explains := badVolume && strings.Contains(problem.Message, "no volume of the pod has the name")
		for _, r := range documented() {
			if r.explains(problem) {
				c.occurred[r.name], explains = true, true
			}
		}
		all = all && explains
	}
	return all
}

// serverFields: what only an API server sets is ignored whatever it is, and the API server, asked strictly, does not.
func (c *comparison) serverFields(t *testing.T) {
	base := corpus(t)["minimal.yaml"]
	for _, m := range lenient() {
		data := mutated(t, base, m)
		reason, err := c.server.refuses(t.Context(), data)
		if err != nil {
			t.Fatal(err)
		}
		if taken(spec.Parse("specs/agent.yaml", data)) != 1 {
			t.Errorf("%s: refused", m.name)
		}
		if reason == "" {
			c.count(t, byBoth)
		} else {
			c.count(t, "accepted as documented")
		}
	}
}

// editsTogether edits the whole corpus in several ways at once, as TestMutationsTogether does.
func (c *comparison) editsTogether(t *testing.T) {
	random, wanted := newRandom(t), number(t, "CONFORMANCE_FILES", 2000)
	bases := corpus(t)
	names := slices.Sorted(maps.Keys(bases))
	var refusals []mutation
	for _, r := range documented() {
		refusals = append(refusals, r.mutation)
	}
	pools := [][]mutation{invalidMutations(), refusals, gated(), harmless(), harmless(), harmless(), harmless()}
	for compared := 0; compared < wanted; {
		name, chosen := names[random.IntN(len(names))], choose(random, pools)
		data, err := apply(bases[name], chosen...)
		if err != nil {
			continue // edits that do not go together
		}
		compared++
		c.object(t, fmt.Sprintf("%s with %q", name, chosen), data)
	}
}

// references are the DaemonSets that the comparisons of environments and volumes make.
func (c *comparison) references(t *testing.T) {
	random := newRandom(t)
	for range 250 {
		for _, make := range []func(*rand.Rand) *appsv1.DaemonSet{newReferring, newMounting} {
			ds := make(random)
			ds.APIVersion, ds.Kind = "apps/v1", "DaemonSet"
			ds.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "ds"}}
			data, err := yaml.Marshal(ds)
			if err != nil {
				t.Fatal(err)
			}
			c.object(t, "a reference", data)
		}
	}
}

// published compares every object of the files of test/realworld, and then the files: a bad object makes its file bad, and nothing else
// does. What stands beside DaemonSets and has no effect is asked for, and counted, too.
func (c *comparison) published(t *testing.T) {
	files, err := filepath.Glob("../realworld/testdata/*.yaml")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			refused := false
			for i, document := range documents(t, data) {
				reason, err := c.server.refuses(t.Context(), document)
				if err != nil {
					t.Fatal(err)
				}
				ours := spec.Parse(file, document)
				refused = refused || ours.Problems.HasErrors()
				switch {
				case !hasEffect(document) && ours.Problems.HasErrors():
					t.Errorf("document %d has no effect, and is refused: %v", i+1, ours.Problems)
				case !hasEffect(document) && reason != "":
					t.Logf("document %d has no effect, and the API server says: %s", i+1, reason)
					c.count(t, noEffect+", refused")
				case !hasEffect(document):
					c.count(t, noEffect+", accepted")
				default:
					c.count(t, c.compare(t, fmt.Sprintf("document %d", i+1), reason, ours))
				}
			}
			if whole := spec.Parse(file, data); whole.Problems.HasErrors() != refused {
				t.Errorf("of its objects one is refused: %t; of the whole we say %v", refused, whole.Problems.Errors())
			}
		})
	}
}

// hasEffect says whether the object is of a kind that is read. What cannot be read may be.
func hasEffect(document []byte) bool {
	var object metav1.TypeMeta
	if err := yaml.Unmarshal(document, &object); err != nil {
		return true
	}
	return slices.Contains([]string{"DaemonSet", "ConfigMap", "Secret", "Service", "PriorityClass"}, object.Kind)
}

// documents splits a file as kubectl does, lists into their items.
func documents(t *testing.T, data []byte) [][]byte {
	t.Helper()
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	var all [][]byte
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		var list struct {
			Kind  string
			Items []json.RawMessage
		}
		if err := yaml.Unmarshal(document, &list); err == nil && list.Kind == "List" {
			for _, item := range list.Items {
				all = append(all, item)
			}
			continue
		}
		all = append(all, document)
	}
}
