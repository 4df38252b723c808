package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/apitest"
)

// TestFaultO19LeftSince: "Left for 81s" was said of a member that had been alive until 6 seconds ago.
func TestFaultO19LeftSince(t *testing.T) {
	m := memberOf("edge-4", 4)
	m.State, m.Since, m.LastHeard = api.MemberLeft, before(days3), before(minutes30)
	if got, want := lastKnown(&m), "Left for 30m, last heard 30m ago, 192.0.2.4:7947"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	m.State = api.MemberAlive
	if got := stateFor(&m); got != "Alive for 3d" {
		t.Errorf("%q, want that it is alive since it began", got)
	}
}

// TestFaultO19MemberWithoutAName: there was a row "<none> NotInRoster" of which nothing can be known.
func TestFaultO19MemberWithoutAName(t *testing.T) {
	b := fleetBackend()
	stranger := api.Member{ID: strings.Repeat("z", 26), State: api.MemberAlive, Standing: api.StandingNotInRoster}
	b.Fleet.Items = append(b.Fleet.Items, stranger)
	socket := apitest.Serve(t, b, nil)
	got := invoke(t, socket, "members")
	if strings.Contains(got.out, stranger.ID) {
		t.Errorf("it is shown:\n%s", got.out)
	}
	if want := "1 member without a name that members.yaml does not list"; !strings.Contains(got.err, want) {
		t.Errorf("it is not counted: %q", got.err)
	}
	for _, args := range [][]string{{"-o", "wide"}, {"-o", "json"}, {"-o", "name"}, {stranger.ID}} {
		if got := invoke(t, socket, append([]string{"members"}, args...)...); !strings.Contains(got.out, stranger.ID) {
			t.Errorf("members %v does not have it:\n%s", args, got.out)
		}
	}
}

// TestFaultO19Completion: numbers of revisions are completed, and -n offers namespaces and no files.
func TestFaultO19Completion(t *testing.T) {
	const revisions = "6\tfaster\n4\ta fix\n2\taaaaaaaaaa\n:36\n"
	const namespaces = "default\nkube-system\n:4\n"
	socket := apitest.Serve(t, rolloutBackend(), nil)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"rollout", "undo", "kube-system/web", "--to", ""}, revisions},
		{[]string{"rollout", "undo", "web", "-n", "kube-system", "--to-revision", ""}, revisions},
		{[]string{"rollout", "undo", "--to", ""}, ":4\n"},
		{[]string{"rollout", "diff", "ds/web", "--from", ""}, revisions},
		{[]string{"rollout", "diff", "ds/web", "--to", ""}, revisions},
		{[]string{"rollout", "history", "ds/web", "--revision", ""}, revisions},
		{[]string{"rollout", "undo", "-n", ""}, namespaces},
		{[]string{"get", "ds", "-n", ""}, namespaces},
		{[]string{"wait", "-n", ""}, namespaces},
		{[]string{"events", "-n", ""}, namespaces},
	} {
		args := append([]string{"__complete", "--socket", socket}, c.args...)
		got := invokeWith(t, streams{in: strings.NewReader("")}, args...)
		if got.code != exitOK || got.out != c.want {
			t.Errorf("%v: exit %d, %q, want %q", c.args, got.code, got.out, c.want)
		}
	}
}

// TestFaultO19Version: packages know no commit, so that there was a column of <none>.
func TestFaultO19Version(t *testing.T) {
	for name, c := range map[string]struct {
		v    versions
		want []string
	}{
		"no commit": {
			versions{Client: api.VersionInfo{Version: "v1"}, Agent: &api.VersionInfo{Version: "v1"}},
			[]string{"PROGRAM", "VERSION", "KUBERNETES", "GO", "PLATFORM"},
		},
		"a commit": {
			versions{Client: api.VersionInfo{Version: "v1"}, Agent: &api.VersionInfo{Version: "v1", Commit: "abc"}},
			[]string{"PROGRAM", "VERSION", "COMMIT", "KUBERNETES", "GO", "PLATFORM"},
		},
	} {
		var out strings.Builder
		if err := printVersions(page{Writer: &out}, c.v, true); err != nil {
			t.Fatal(err)
		}
		head, _, _ := strings.Cut(out.String(), "\n")
		if diff := cmp.Diff(c.want, strings.Fields(head)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}
