package kubelet

import (
	"net"
	"net/url"
)

// StaticPodPath is the directory from which the kubelet takes static pods, as it says itself (/configz), flags, drop-in
// files and defaults included; known is false where it does not say, or where it is not certain that it is this host's
// kubelet which does: it has told its node's name, or was asked on the loopback address. Empty and known: it takes none
// from a directory.
func (s *Snapshot) StaticPodPath(set Settings) (path string, known bool) {
	config, ok := s.Config.Now()
	if !ok || !s.Usable() || s.AssumeReady || s.Config.At().Before(s.Since) || s.Node == "" && !loopback(set.URL) {
		return "", false
	}
	return config.StaticPodPath, true
}

func loopback(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback())
}
