package host

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// busyboxPath is where Debian's busybox-static puts it.
const busyboxPath = "/bin/busybox"

// importImage makes the image on the spot, since there is no registry to pull from. The same image serves as the pause
// image, which needs a command that only waits.
func (h *Host) importImage(ctx context.Context) error {
	archive, err := buildImage(ctx, h.opts.Programs)
	if err != nil {
		return fmt.Errorf("building the image: %w", err)
	}
	path := filepath.Join(h.Dir, "image.tar")
	if err := os.WriteFile(path, archive, 0o600); err != nil {
		return err
	}
	_, err = h.ctr(ctx, "images", "import", path)
	return err
}

// buildImage gives a docker archive: one layer with busybox, a link for each of its applets, and the programs.
func buildImage(ctx context.Context, programs map[string]string) ([]byte, error) {
	layer, err := buildLayer(ctx, programs)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(layer)
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": map[string]any{"Cmd": []string{"/bin/sleep", "2147483647"}, "Env": []string{"PATH=/bin"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + hex.EncodeToString(sum[:])}},
	})
	if err != nil {
		return nil, err
	}
	manifest, err := json.Marshal([]map[string]any{
		{"Config": "config.json", "RepoTags": []string{Image}, "Layers": []string{"layer.tar"}},
	})
	if err != nil {
		return nil, err
	}
	return tarOf([]tar.Header{
		{Name: "config.json", Mode: 0o644}, {Name: "layer.tar", Mode: 0o644}, {Name: "manifest.json", Mode: 0o644},
	}, [][]byte{config, layer, manifest})
}

func buildLayer(ctx context.Context, programs map[string]string) ([]byte, error) {
	busybox, err := os.ReadFile(busyboxPath)
	if err != nil {
		return nil, fmt.Errorf("%w (Debian package busybox-static)", err)
	}
	list, err := exec.CommandContext(ctx, busyboxPath, "--list").Output()
	if err != nil {
		return nil, fmt.Errorf("listing busybox's applets: %w", err)
	}
	headers := []tar.Header{{Name: "bin/", Typeflag: tar.TypeDir, Mode: 0o755}, {Name: "bin/busybox", Mode: 0o755}}
	bodies := [][]byte{nil, busybox}
	for applet := range strings.FieldsSeq(string(list)) {
		if applet == "busybox" {
			continue
		}
		headers = append(headers, tar.Header{Name: "bin/" + applet, Typeflag: tar.TypeSymlink, Linkname: "busybox"})
		bodies = append(bodies, nil)
	}
	for _, path := range slices.Sorted(maps.Keys(programs)) {
		program, err := os.ReadFile(programs[path])
		if err != nil {
			return nil, err
		}
		headers = append(headers, tar.Header{Name: strings.TrimPrefix(path, "/"), Mode: 0o755})
		bodies = append(bodies, program)
	}
	return tarOf(headers, bodies)
}

// tarOf writes an archive of the entries; bodies go with the headers by index.
func tarOf(headers []tar.Header, bodies [][]byte) ([]byte, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for i, header := range headers {
		header.Size = int64(len(bodies[i]))
		if err := w.WriteHeader(&header); err != nil {
			return nil, err
		}
		if _, err := w.Write(bodies[i]); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}
