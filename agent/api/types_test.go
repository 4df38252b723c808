package api

import (
	"crypto/ed25519"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/internal/base/diag"
)

// The wire form that scripts read.
func TestWireForms(t *testing.T) {
	for name, c := range map[string]struct {
		value any
		want  string
	}{
		"problem": {
			Problems(diag.List{{Severity: diag.Error, File: "f", Line: 3, Column: 7, Path: "spec.x", Message: "m", Hint: "h", Snippet: "secret"}}),
			`[{"severity":"error","file":"f","line":3,"column":7,"path":"spec.x","message":"m","hint":"h"}]`,
		},
		"no problems": {Problems(nil), `[]`},
		"explanation": {
			Explanation{DaemonSet: "ns/name", Node: "n", ShouldRun: true, ShouldContinueRunning: true, Reasons: []Reason{
				{Predicate: "NodeAffinity", Passed: true, Message: "m"},
			}},
			`{"daemonset":"ns/name","node":"n","shouldRun":true,"shouldContinueRunning":true,` +
				`"reasons":[{"predicate":"NodeAffinity","passed":true,"message":"m"}]}`,
		},
	} {
		data, err := json.Marshal(c.value)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, string(data)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

// The wire form of the fleet, with everything and with next to nothing.
func TestWireFormsOfTheFleet(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for name, c := range map[string]struct {
		value any
		want  string
	}{
		"member": {
			Member{
				Name: "n", ID: "i", Self: true, State: MemberAlive, Standing: StandingTrusted, Address: "a:1", Key: "k", KeyFingerprint: "f",
				Since: at, LastHeard: at, RoundTripSeconds: 0.5, AgentVersion: "v1", AgentStartedAt: at, Kubelet: KubeletAnswering, LeftOut: "1 label",
				Records:   []MemberRecord{{Section: "node", Generation: 1 << 53, Version: 2, Bytes: 3, ReceivedAt: at}},
				Conflicts: []string{"j"}, Notes: []string{"m"},
			},
			`{"name":"n","id":"i","self":true,"state":"Alive","standing":"Trusted","address":"a:1","key":"k","keyFingerprint":"f",` +
				`"since":"2026-03-04T05:06:07Z","lastHeard":"2026-03-04T05:06:07Z","roundTripSeconds":0.5,"agentVersion":"v1",` +
				`"agentStartedAt":"2026-03-04T05:06:07Z","kubelet":"Answering","leftOut":"1 label",` +
				`"records":[{"section":"node","generation":9007199254740992,"version":2,"bytes":3,"receivedAt":"2026-03-04T05:06:07Z"}],` +
				`"conflicts":["j"],"notes":["m"]}`,
		},
		"member that was never seen": {Member{Name: "n", State: MemberUnknown, Standing: StandingTrusted}, `{"name":"n","state":"Unknown","standing":"Trusted"}`},
		"facts":                      {NodeFacts{ReceivedAt: at, State: MemberFailed}, `{"receivedAt":"2026-03-04T05:06:07Z","state":"Failed"}`},
		"gossip": {
			GossipStatus{State: GossipOff, Reason: "r"},
			`{"state":"Off","reason":"r","settled":false,` +
				`"members":{"total":0,"alive":0,"failed":0,"left":0,"unknown":0,"held":0,"notInRoster":0}}`,
		},
		"spec file": {
			SpecFile{File: "f", Digest: "d", Have: 1, Lack: NameList{2, []string{"a"}}, Differ: HostDigests{1, []HostDigest{{"h", "e"}}}},
			`{"file":"f","digest":"d","have":1,"lack":{"count":2,"names":["a"]},"differ":{"count":1,"hosts":[{"host":"h","digest":"e"}]},"bad":{"count":0}}`,
		},
	} {
		data, err := json.Marshal(c.value)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, string(data)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

func TestCountMembers(t *testing.T) {
	member := func(state, standing string) Member { return Member{State: state, Standing: standing} }
	got := CountMembers([]Member{
		member(MemberAlive, StandingTrusted), member(MemberAlive, StandingTrusted), member(MemberFailed, StandingTrusted),
		member(MemberLeft, StandingTrusted), member(MemberUnknown, StandingTrusted), member("of a later version", StandingTrusted),
		member(MemberAlive, StandingUntrusted), member(MemberFailed, StandingNotInRoster), member(MemberAlive, StandingNotInRoster),
	})
	if want := (MemberCounts{Total: 6, Alive: 2, Failed: 1, Left: 1, Unknown: 2, Held: 1, NotInRoster: 2}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// The value is that of sha256sum, in base64.
func TestKeyFingerprint(t *testing.T) {
	key := ed25519.PublicKey(strings.Repeat("a", ed25519.PublicKeySize))
	if got := KeyFingerprint(key); got != "SHA256:O6P19DuSYCaDwZruYqIDQrCE3Vlx3dM4CNgaMoh5pUc" {
		t.Errorf("got %q", got)
	}
	if got := MemberKey(key); got != "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=" {
		t.Errorf("got %q", got)
	}
	if KeyFingerprint(nil) != "" || MemberKey(nil) != "" {
		t.Error("no key has a fingerprint")
	}
}

func TestHealthy(t *testing.T) {
	for _, c := range []struct {
		name   string
		status Status
		want   bool
	}{
		{"ready", Status{State: StateReady}, true},
		{"starting", Status{State: StateStarting}, true},
		{"degraded", Status{State: StateDegraded}, false},
		{"information", Status{State: StateReady, Health: []HealthItem{{Severity: SeverityInfo}}}, true},
		{"warning", Status{State: StateReady, Health: []HealthItem{{Severity: SeverityInfo}, {Severity: SeverityWarning}}}, false},
	} {
		if got := c.status.Healthy(); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
