package kubelet

import (
	"testing"
	"time"

	kubeletconfigv1beta1 "k8s.io/kubelet/config/v1beta1"
)

// TestFaultK9: what the kubelet says of its directory counts while it says it, and is this host's.
func TestFaultK9(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	local, remote := Settings{URL: DefaultURL}, Settings{URL: "https://kubelet.example.org:10250"}
	config := Answered(&kubeletconfigv1beta1.KubeletConfiguration{StaticPodPath: "/x"}, at)
	for name, c := range map[string]struct {
		s     Snapshot
		set   Settings
		path  string
		known bool
	}{
		"asked on the loopback address": {Snapshot{Healthy: true, Config: config}, local, "/x", true},
		"somewhere else":                {Snapshot{Healthy: true, Config: config}, remote, "", false},
		"there, and known by name":      {Snapshot{Healthy: true, Config: config, Node: "a"}, remote, "/x", true},
		"of another node":               {Snapshot{Healthy: true, Config: config, Node: "b", Stranger: &Error{State: OtherNode}}, local, "", false},
		"it does not say it any more":   {Snapshot{Healthy: true, Config: config.Failed(&Error{State: Unauthorised})}, local, "", false},
		"it is away":                    {Snapshot{Config: config}, local, "", false},
		"before it came up":             {Snapshot{Healthy: true, Config: config, Since: at.Add(time.Second)}, local, "", false},
		"none": {
			Snapshot{Healthy: true, Config: Answered(&kubeletconfigv1beta1.KubeletConfiguration{}, at)}, local, "", true,
		},
	} {
		if path, known := c.s.StaticPodPath(c.set); path != c.path || known != c.known {
			t.Errorf("%s: %q, %t; want %q, %t", name, path, known, c.path, c.known)
		}
	}
}
