package kubelet

import (
	"testing"
	"time"
)

// TestFaultF5Upgrade: a kubelet that is upgraded is away for less time than counts as unhealthy, or for none that anybody
// sees. Its version, and its configuration, are asked for all the same, and the agent is told.
func TestFaultF5Upgrade(t *testing.T) {
	for name, c := range map[string]struct{ away, within time.Duration }{
		"seen to be away": {700 * time.Millisecond, 2 * time.Second},
		"not seen":        {0, configRefresh + time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			poll(t, PollerConfig{}, func(t *testing.T, s *script, p *Poller) {
				pass(time.Minute)
				if got := p.Latest(); got.Version != "v1.37.2" || got.Config.Last().StaticPodPath != "/x" {
					t.Fatalf("version %q, config %v", got.Version, got.Config.Last())
				}
				s.set(func(s *script) { s.down = c.away > 0 })
				pass(c.away)
				if !p.Latest().Healthy {
					t.Fatal("it counts as unhealthy")
				}
				s.set(func(s *script) {
					s.down = false
					s.body = map[string]string{
						"/metrics": "\nkubernetes_build_info{git_version=\"v1.38.0\"} 1\n",
						"/configz": `{"kubeletconfig":{"staticPodPath":"/y"}}`,
					}
				})
				woken(p)
				pass(c.within)
				if got := p.Latest(); got.Version != "v1.38.0" || got.Config.Last().StaticPodPath != "/y" {
					t.Errorf("version %q, config %v", got.Version, got.Config.Last())
				}
				if !woken(p) {
					t.Error("the agent is not told")
				}
				s.count("/metrics")
				pass(configRefresh / 2)
				if n := s.count("/metrics"); n > 0 {
					t.Errorf("the version was asked for %d times more", n)
				}
			})
		})
	}
}
