package backend

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/manifests/render"
)

// Configs implements api.Backend.
func (b *Backend) Configs(context.Context) ([]api.ConfigTree, error) {
	listed, err := b.cfg.Trees.List()
	if err != nil {
		return nil, err
	}
	secrets, inMemory := b.cfg.Trees.SecretDir()
	out := make([]api.ConfigTree, 0, len(listed))
	for _, l := range listed {
		t := api.ConfigTree{
			DaemonSet: l.Namespace + "/" + l.DaemonSet, Revision: l.Revision, Volume: l.Volume, Secret: l.Secret,
			Path: l.Path, Sources: l.Sources, WrittenAt: l.Version,
			Pod:      render.PodName(l.DaemonSet, l.Revision) + "-" + b.cfg.Host,
			InMemory: inMemory && strings.HasPrefix(l.Path, secrets+"/"), Files: []api.ConfigFile{},
		}
		for _, f := range l.Files {
			file := api.ConfigFile{Path: f.Path, Mode: fmt.Sprintf("%04o", f.Mode.Perm()), Size: f.Size}
			if l.Secret {
				file.Keyed = b.keyed(f.SHA256)
			} else {
				file.SHA256 = f.SHA256
			}
			t.Files = append(t.Files, file)
		}
		out = append(out, t)
	}
	slices.SortFunc(out, func(x, y api.ConfigTree) int {
		return cmp.Or(cmp.Compare(x.DaemonSet, y.DaemonSet), cmp.Compare(x.Revision, y.Revision),
			cmp.Compare(x.Volume, y.Volume))
	})
	return out, nil
}

// keyed is a digest of a Secret's content for readers: it changes with the content, and nobody without this process's
// key can test a guess against it.
func (b *Backend) keyed(sum string) string {
	h := hmac.New(sha256.New, b.key[:])
	h.Write([]byte(sum))
	return hex.EncodeToString(h.Sum(nil)[:keyedBytes])
}

// keyedBytes is how much of a keyed digest is shown.
const keyedBytes = 8
