package fleet

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"
)

func encodeNode(t testing.TB, n *corev1.Node, x Extras) ([]byte, LeftOut) {
	t.Helper()
	body, left, err := FromNode(n, x)
	if err != nil {
		t.Fatal(err)
	}
	return body, left
}

// decoded is both results of DecodeNode.
type decoded struct {
	Facts
	Node *corev1.Node
}

func decodeNodeOK(t testing.TB, body []byte) decoded {
	t.Helper()
	n, facts, err := DecodeNode(body)
	if err != nil {
		t.Fatal(err)
	}
	return decoded{facts, n}
}

func TestNodeRoundTrip(t *testing.T) {
	body, left := encodeNode(t, exampleNode(), exampleExtras())
	if !left.IsZero() {
		t.Errorf("left out %+v of a small node", left)
	}
	want := decoded{Facts{Extras: exampleExtras(), Ready: corev1.ConditionFalse}, exampleNode()}
	if diff := cmp.Diff(want, decodeNodeOK(t, body)); diff != "" {
		t.Errorf("told and decoded (-want +got):\n%s", diff)
	}
}

// golden holds bytes against a file: hosts of other versions read them.
func golden(t *testing.T, name string, body []byte) {
	t.Helper()
	got := hex.Dump(body)
	want, err := os.ReadFile("testdata/" + name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		err = os.WriteFile("testdata/"+name, []byte(got), 0o644)
		want = []byte(got)
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the wire format is another; hosts of other versions no longer understand this one (-want +got):\n%s", diff)
	}
}

func TestNodeGolden(t *testing.T) {
	body, _ := encodeNode(t, exampleNode(), exampleExtras())
	golden(t, "node.hex", body)
}

// TestNodeEqualFacts: what is equal has equal bytes, whatever the order it is given in, and time alone changes nothing.
func TestNodeEqualFacts(t *testing.T) {
	want, _ := encodeNode(t, exampleNode(), exampleExtras())
	other := exampleNode()
	other.Name, other.ResourceVersion, other.UID = "storage-1", "77", "u"
	slices.Reverse(other.Spec.Taints)
	slices.Reverse(other.Status.Conditions)
	for i := range other.Status.Conditions {
		other.Status.Conditions[i].LastHeartbeatTime = at(time.Duration(i) * time.Hour)
	}
	other.CreationTimestamp.Time = other.CreationTimestamp.Add(time.Millisecond).Local()
	got, _ := encodeNode(t, other, exampleExtras())
	if !bytes.Equal(want, got) {
		t.Errorf("equal facts, other bytes:\n%s\n%s", hex.Dump(want), hex.Dump(got))
	}
}

// TestNodeChanges: every fact that is told changes the bytes.
func TestNodeChanges(t *testing.T) {
	before, _ := encodeNode(t, exampleNode(), exampleExtras())
	for name, change := range map[string]func(*corev1.Node, *Extras){
		"label":         func(n *corev1.Node, _ *Extras) { n.Labels["disktype"] = "hdd" },
		"annotation":    func(n *corev1.Node, _ *Extras) { delete(n.Annotations, "example.com/rack") },
		"taint":         func(n *corev1.Node, _ *Extras) { n.Spec.Taints[0].Value = "" },
		"taint time":    func(n *corev1.Node, _ *Extras) { n.Spec.Taints[1].TimeAdded = pointerAt(2 * time.Hour) },
		"unschedulable": func(n *corev1.Node, _ *Extras) { n.Spec.Unschedulable = false },
		"status":        func(n *corev1.Node, _ *Extras) { n.Status.Conditions[2].Status = corev1.ConditionTrue },
		"reason":        func(n *corev1.Node, _ *Extras) { n.Status.Conditions[1].Reason = "Other" },
		"message":       func(n *corev1.Node, _ *Extras) { n.Status.Conditions[2].Message = "" },
		"transition":    func(n *corev1.Node, _ *Extras) { n.Status.Conditions[3].LastTransitionTime = at(0) },
		"address":       func(n *corev1.Node, _ *Extras) { n.Status.Addresses[0].Address = "10.0.0.5" },
		"address type":  func(n *corev1.Node, _ *Extras) { n.Status.Addresses[0].Type = corev1.NodeExternalIP },
		"kubelet":       func(n *corev1.Node, _ *Extras) { n.Status.NodeInfo.KubeletVersion = "v1.38.0" },
		"image":         func(n *corev1.Node, _ *Extras) { n.Status.NodeInfo.OSImage = "" },
		"kernel":        func(n *corev1.Node, _ *Extras) { n.Status.NodeInfo.KernelVersion = "7" },
		"runtime":       func(n *corev1.Node, _ *Extras) { n.Status.NodeInfo.ContainerRuntimeVersion = "cri-o://2" },
		"arch":          func(n *corev1.Node, _ *Extras) { n.Status.NodeInfo.Architecture = "arm64" },
		"os":            func(n *corev1.Node, _ *Extras) { n.Status.NodeInfo.OperatingSystem = "plan9" },
		"created":       func(n *corev1.Node, _ *Extras) { n.CreationTimestamp = at(time.Second) },
		"version":       func(_ *corev1.Node, x *Extras) { x.AgentVersion = "v2" },
		"kubelet state": func(_ *corev1.Node, x *Extras) { x.Kubelet = "Answering" },
		"specs":         func(_ *corev1.Node, x *Extras) { x.Specs = Digest{} },
		"started":       func(_ *corev1.Node, x *Extras) { x.Started = epoch },
	} {
		t.Run(name, func(t *testing.T) {
			n, x := exampleNode(), exampleExtras()
			change(n, &x)
			after, _ := encodeNode(t, n, x)
			if bytes.Equal(before, after) {
				t.Fatal("the bytes are the same")
			}
			if diff := cmp.Diff(decoded{Facts{Extras: x, Ready: n.Status.Conditions[2].Status}, n}, decodeNodeOK(t, after), cmpEmpty); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// cmpEmpty takes an empty map as none.
var cmpEmpty = cmp.Transformer("empty", func(m map[string]string) map[string]string {
	if len(m) == 0 {
		return nil
	}
	return maps.Clone(m)
})

// TestNodeAnything: whatever a node is, it fits, decodes, and what was decoded encodes to what it was; nothing is missing
// that is not named.
func TestNodeAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, x := anyNode().Draw(t, "node"), anyExtras().Draw(t, "extras")
		body, left, err := FromNode(n, x)
		if err != nil {
			t.Fatal(err)
		}
		if len(body) > MaxSection {
			t.Fatalf("%d bytes", len(body))
		}
		told, facts, err := DecodeNode(body)
		if err != nil {
			t.Fatal(err)
		}
		if got := left.Counts(); facts.LeftOut != got {
			t.Fatalf("told that %+v is missing, named %+v", facts.LeftOut, got)
		}
		if got, want := len(told.Labels)+len(left.Labels), len(n.Labels); got != want {
			t.Fatalf("%d labels are told or named, the node has %d", got, want)
		}
		if got, want := len(told.Annotations)+len(left.Annotations), len(n.Annotations); got != want {
			t.Fatalf("%d annotations are told or named, the node has %d", got, want)
		}
		if got, want := len(told.Status.Addresses)+len(left.Addresses), len(n.Status.Addresses); got != want {
			t.Fatalf("%d addresses are told or named, the node has %d", got, want)
		}
		for key, value := range told.Labels {
			if n.Labels[key] != value {
				t.Fatalf("label %q is %q, told %q", key, n.Labels[key], value)
			}
		}
		again, leftAgain, err := FromNode(told, facts.Extras)
		if err != nil {
			t.Fatal(err)
		}
		if !leftAgain.IsZero() {
			t.Fatalf("what fitted does not fit: %+v", leftAgain)
		}
		told2, facts2, err := DecodeNode(again)
		if err != nil {
			t.Fatal(err)
		}
		facts2.LeftOut = facts.LeftOut
		if diff := cmp.Diff(decoded{facts, told}, decoded{facts2, told2}); diff != "" {
			t.Fatalf("not the same the second time (-want +got):\n%s", diff)
		}
	})
}

// TestNodeTooLarge: hosts with hundreds of labels keep what matters most.
func TestNodeTooLarge(t *testing.T) {
	n := exampleNode()
	for i := range 600 {
		n.Labels[fmt.Sprintf("feature.node.kubernetes.io/cpu-cpuid.%04d", i)] = "true"
		n.Annotations[fmt.Sprintf("example.com/note-%04d", i)] = strings.Repeat("x", 100)
	}
	for i := range 300 {
		n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: fmt.Sprintf("example.com/taint-%04d", i), Effect: corev1.TaintEffectPreferNoSchedule})
	}
	n.Annotations["example.com/blob"] = strings.Repeat("b", 2000)
	n.Status.Conditions[2].Message = strings.Repeat("ä", 1000)
	body, left := encodeNode(t, n, exampleExtras())
	if len(body) > MaxSection || len(body) < MaxSection-roomHeads-64 {
		t.Errorf("%d bytes, want nearly %d", len(body), MaxSection)
	}
	facts := decodeNodeOK(t, body)
	for key, value := range exampleNode().Labels {
		if facts.Node.Labels[key] != value {
			t.Errorf("label %q was left out", key)
		}
	}
	for _, want := range exampleNode().Spec.Taints {
		if !slices.ContainsFunc(facts.Node.Spec.Taints, func(got corev1.Taint) bool { return got.MatchTaint(&want) }) {
			t.Errorf("taint %s was left out", want.ToString())
		}
	}
	if !slices.Contains(left.Annotations, "example.com/blob") || len(left.Annotations) < 500 || len(left.Labels) == 0 || len(left.Taints) == 0 {
		t.Errorf("left out %d annotations, %d labels, %d taints", len(left.Annotations), len(left.Labels), len(left.Taints))
	}
	if want := []string{"message of condition Ready"}; !slices.Equal(left.Shortened, want) {
		t.Errorf("shortened %q, want %q", left.Shortened, want)
	}
	if !strings.Contains(facts.LeftOut.String(), fmt.Sprintf("%d labels", len(left.Labels))) {
		t.Errorf("told %q", facts.LeftOut)
	}
}

// TestNodeManyShortLabels: the number has a limit of its own.
func TestNodeManyShortLabels(t *testing.T) {
	n := exampleNode()
	for i := range 600 {
		n.Labels[fmt.Sprintf("l%03d", i)] = ""
	}
	body, left := encodeNode(t, n, exampleExtras())
	if got := len(decodeNodeOK(t, body).Node.Labels); got != MaxLabels {
		t.Errorf("%d labels are told, want %d", got, MaxLabels)
	}
	if got, want := len(left.Labels), len(n.Labels)-MaxLabels; got != want {
		t.Errorf("%d labels were left out, want %d", got, want)
	}
}

// TestNodeScrubbed: nothing that a host tells drives a terminal.
func TestNodeScrubbed(t *testing.T) {
	n := exampleNode()
	n.Status.NodeInfo.OSImage = "Evil\x1b]0;x\x07 OS\u202e\xff"
	n.Annotations["example.com/rack"] = "a\nb\x1b[2J"
	n.Status.Conditions[2].Message = "two\nlines"
	body, _ := encodeNode(t, n, exampleExtras())
	got := decodeNodeOK(t, body).Node
	if want := "Evil ]0;x  OS \ufffd"; got.Status.NodeInfo.OSImage != want {
		t.Errorf("OS image %q, want %q", got.Status.NodeInfo.OSImage, want)
	}
	if want := "a\nb [2J"; got.Annotations["example.com/rack"] != want {
		t.Errorf("annotation %q, want %q", got.Annotations["example.com/rack"], want)
	}
	if want := "two lines"; got.Status.Conditions[2].Message != want {
		t.Errorf("message %q, want %q", got.Status.Conditions[2].Message, want)
	}
	// One that was not told by this code.
	raw := marshal(t, map[int]any{7: map[int]any{2: "\x1b[2J"}, 8: "\u202e"})
	facts := decodeNodeOK(t, raw)
	if got, want := facts.Node.Status.NodeInfo.OSImage+"|"+facts.AgentVersion, " [2J| "; got != want {
		t.Errorf("decoded %q, want %q", got, want)
	}
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	data, err := cbor.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestNodeLater: what a later version tells beside what is known is skipped and counted.
func TestNodeLater(t *testing.T) {
	raw := marshal(t, map[any]any{
		1: map[string]string{"a": "b"}, 4: true, 99: map[string]any{"x": []int{1, 2}}, "new": 1,
		3: []any{map[int]any{1: "k", 3: "NoSchedule", 77: 1}, map[int]any{1: "l", 3: "NoSchedule"}},
		5: []any{map[int]any{1: "Ready", 2: "True", 6: 7, 8: "x"}},
		7: map[int]any{1: "v9", 9: "boot"},
	})
	facts := decodeNodeOK(t, raw)
	if facts.UnknownKeys != 6 {
		t.Errorf("%d unknown keys, want 6", facts.UnknownKeys)
	}
	n := facts.Node
	if n.Labels["a"] != "b" || !n.Spec.Unschedulable || len(n.Spec.Taints) != 2 || n.Status.Conditions[0].Status != "True" || n.Status.NodeInfo.KubeletVersion != "v9" {
		t.Errorf("what is known was not read: %+v", n)
	}
	// Something of which not even the number of keys can be told.
	odd := append([]byte{0xa2, 0x04, 0xf5}, 0x18, 99, 0xa1, 0x41, 'k', 0x01) // {4: true, 99: {h'6b': 1}}
	if facts := decodeNodeOK(t, odd); !facts.Node.Spec.Unschedulable || facts.UnknownKeys != 1 {
		t.Errorf("unschedulable %v, %d unknown keys", facts.Node.Spec.Unschedulable, facts.UnknownKeys)
	}
}

// TestNodeMalformed: each is refused as malformed, with a word on what is wrong.
func TestNodeMalformed(t *testing.T) {
	many := map[string]string{}
	for i := range MaxLabels + 1 {
		many[fmt.Sprintf("l%d", i)] = ""
	}
	taint := map[int]any{1: "k", 3: "NoSchedule"}
	condition := map[int]any{1: "Ready", 2: "True"}
	for name, c := range map[string]struct {
		body []byte
		want string
	}{
		"empty":              {nil, "EOF"},
		"no map":             {marshal(t, []int{1}), "array"},
		"text":               {[]byte("labels"), "malformed"},
		"behind it":          {append(marshal(t, map[int]any{4: true}), 0), "extraneous"},
		"cut":                {marshal(t, map[int]any{1: map[string]string{"a": "b"}})[:4], "EOF"},
		"too long":           {make([]byte, MaxSection+1), "at most 16384"},
		"huge array":         {[]byte{0xa1, 0x03, 0x9a, 0xff, 0xff, 0xff, 0xff}, "max"},
		"huge text":          {[]byte{0xa1, 0x08, 0x7b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, "EOF"},
		"deep":               {append(append([]byte{0xa1, 0x18, 99}, bytes.Repeat([]byte{0x81}, 100)...), 0), "nested"},
		"endless":            {[]byte{0xbf, 0x04, 0xf5, 0xff}, "indefinite"},
		"tagged":             {[]byte{0xa1, 0x0b, 0xc1, 0x01}, "tag"},
		"key twice":          {[]byte{0xa2, 0x04, 0xf5, 0x04, 0xf4}, "duplicate"},
		"label twice":        {[]byte{0xa1, 0x01, 0xa2, 0x61, 'a', 0x60, 0x61, 'a', 0x60}, "duplicate"},
		"wrong type":         {marshal(t, map[int]any{1: 7}), "map[string]string"},
		"many labels":        {marshal(t, map[int]any{1: many}), "513 labels"},
		"label key":          {marshal(t, map[int]any{1: map[string]string{"a b": ""}}), `"a b"`},
		"label value":        {marshal(t, map[int]any{1: map[string]string{"a": "\x1b"}}), `"\x1b"`},
		"long label":         {marshal(t, map[int]any{1: map[string]string{"a": strings.Repeat("v", 64)}}), "label"},
		"huge label key":     {marshal(t, map[int]any{1: map[string]string{strings.Repeat("\u202e", 5000): ""}}), "label"},
		"huge key twice":     {append([]byte{0xa1, 0x01, 0xa2}, bytes.Repeat(append(marshal(t, strings.Repeat("k", 5000)), 0x60), 2)...), "duplicate"},
		"annotation key":     {marshal(t, map[int]any{2: map[string]string{"": "x"}}), "annotation"},
		"taint without key":  {marshal(t, map[int]any{3: []any{map[int]any{3: "NoSchedule"}}}), "taint"},
		"taint no effect":    {marshal(t, map[int]any{3: []any{map[int]any{1: "k"}}}), "taint"},
		"taint twice":        {marshal(t, map[int]any{3: []any{taint, taint}}), "twice"},
		"taint in year 9e4":  {marshal(t, map[int]any{3: []any{map[int]any{1: "k", 3: "NoSchedule", 4: 1 << 50}}}), "time"},
		"condition twice":    {marshal(t, map[int]any{5: []any{condition, condition}}), "twice"},
		"condition status":   {marshal(t, map[int]any{5: []any{map[int]any{1: "Ready", 2: "Perhaps"}}}), "Perhaps"},
		"created before all": {marshal(t, map[int]any{11: -1}), "time -1"},
		"short digest":       {marshal(t, map[int]any{10: []byte{1, 2}}), "2 bytes"},
		"no UTF-8":           {[]byte{0xa1, 0x08, 0x61, 0xff}, "UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			n, _, err := DecodeNode(c.body)
			if n != nil || !errors.Is(err, ErrMalformed) {
				t.Fatalf("got %+v, %v; want ErrMalformed", n, err)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q does not say %q", err, c.want)
			}
			if len(err.Error()) > maxProblem+64 || err.Error() != scrub(err.Error()) {
				t.Errorf("%q is too long to keep, or not to be shown", err)
			}
		})
	}
}

// FuzzDecodeNode: no bytes break the decoder, and whatever it takes can be told again.
func FuzzDecodeNode(f *testing.F) {
	body, _ := encodeNode(f, exampleNode(), exampleExtras())
	f.Add(body)
	f.Add([]byte{0xa0})
	f.Add([]byte{0xa1, 0x18, 99, 0xa1, 0x41, 'k', 0x01})
	f.Fuzz(func(t *testing.T, body []byte) {
		n, facts, err := DecodeNode(body)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("%v is not ErrMalformed", err)
			}
			return
		}
		if _, err := n.CreationTimestamp.MarshalJSON(); err != nil {
			t.Fatal(err)
		}
		again, _, err := FromNode(n, facts.Extras)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := DecodeNode(again); err != nil {
			t.Fatalf("told again it is refused: %v", err)
		}
	})
}
