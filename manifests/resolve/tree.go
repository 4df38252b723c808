package resolve

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/daemonsetd/daemonsetd/manifests/render"
)

const (
	// groupRead is roMask of pkg/volume/volume_linux.go: what an fsGroup adds to the mode of a file in a read-only volume.
	groupRead = 0o440
	// The longest path and the longest name in it that the kubelet's writer takes (pkg/volume/util/atomic_writer.go).
	maxPath, maxName = 4096, 255
)

// plan is a tree whose content may not be whole before the revision is known.
type plan struct {
	shape Tree
	files []planned
}

// planned is a file; late, where it is set, gives its content.
type planned struct {
	File
	late func(pod) []byte
}

func (p *plan) tree(of pod) Tree {
	t := p.shape
	t.Files = make([]File, len(p.files))
	for i, f := range p.files {
		t.Files[i] = f.File
		if f.late != nil {
			t.Files[i].Data = f.late(of)
		}
	}
	t.Digest = t.digest()
	return t
}

func (t *Tree) digest() string {
	group := ""
	if t.FSGroup != nil {
		group = strconv.FormatInt(*t.FSGroup, 10)
	}
	var d digest
	d.add("tree", t.Volume, strconv.FormatBool(t.Secret), strconv.Itoa(int(t.DefaultMode)), group,
		strconv.Itoa(len(t.MountPoints)))
	d.add(t.MountPoints...)
	for _, f := range t.Files {
		d.add(f.Path, strconv.Itoa(int(f.Mode)), string(f.Data))
	}
	return d.sums()[0]
}

// builder gathers the files of one volume.
type builder struct {
	*resolver
	at    string
	plan  plan
	files map[string]planned
}

func (b *builder) begin(mode *int32, user *int64, at string) {
	b.plan.shape.DefaultMode = corev1.ConfigMapVolumeSourceDefaultMode // the same for all kinds
	if mode != nil {
		b.plan.shape.DefaultMode = *mode
	}
	b.user(user, at+".defaultUser")
}

// user tells that files keep root as their owner: the field is behind a feature gate (AtomicWriteVolumeUserFields) that
// no released kubelet opens by itself.
func (b *builder) user(user *int64, at string) {
	if user != nil {
		b.change(render.Change{Path: at, Message: "left out: files of config volumes belong to root; use fsGroup to give a " +
			"group access"})
	}
}

// object adds the files of a ConfigMap or a Secret: those of the items, or one for each key.
func (b *builder) object(ref reference, items []corev1.KeyToPath) {
	b.plan.shape.Secret = b.plan.shape.Secret || ref.kind == KindSecret
	o := object{found: true}
	if !b.any {
		var ok bool
		if o, ok = b.lookup(ref, ""); !ok {
			return
		}
	}
	if len(items) == 0 {
		b.whole(ref, o)
		for _, key := range slices.Sorted(maps.Keys(o.files)) {
			b.add(key, nil, planned{File: File{Data: o.files[key]}}, ref.path)
		}
		return
	}
	for i, item := range items {
		at := fmt.Sprintf("%s.items[%d]", ref.path, i)
		b.user(item.User, at+".user")
		data, ok := o.files[item.Key]
		switch {
		case ok || b.any:
			b.add(item.Path, item.Mode, planned{File: File{Data: data}}, at)
		case !ref.optional:
			ref := ref
			ref.path = at
			b.missing(b.about(ref, KeyMissing, item.Key, ""))
		}
	}
}

// add puts a file where it belongs. A later one of the same path replaces an earlier one, as in the kubelet's payloads.
func (b *builder) add(name string, mode *int32, f planned, at string) {
	f.Path, f.Mode = path.Clean(name), b.plan.shape.DefaultMode
	if mode != nil {
		f.Mode = *mode
	}
	if b.plan.shape.FSGroup != nil {
		f.Mode |= groupRead
	}
	if text := badPath(f.Path); text != "" {
		b.problem(BadPath, at, text)
		return
	}
	b.files[f.Path] = f
}

// badPath says why the kubelet's writer takes no file of the path (validatePath).
func badPath(name string) string {
	elements := strings.Split(name, "/")
	switch {
	case name == "." || name[0] == '/' || strings.HasPrefix(elements[0], ".."):
		return fmt.Sprintf("the path %q: wanted one below the volume that does not begin with \"..\"", name)
	case strings.ContainsRune(name, 0):
		return fmt.Sprintf("the path %q: a file name cannot hold a NUL character", name)
	case len(name) > maxPath:
		return fmt.Sprintf("the path %.40q... has %d bytes, more than %d", name, len(name), maxPath)
	}
	for _, e := range elements {
		if len(e) > maxName {
			return fmt.Sprintf("the name %.40q... in a path has %d bytes, more than %d", e, len(e), maxName)
		}
	}
	return ""
}

// finish sorts the files and reports a path that would have to be a file and a directory at once. The kubelet tries
// again and again to write such a volume; here it has a reason.
func (b *builder) finish() plan {
	for _, name := range slices.Sorted(maps.Keys(b.files)) {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if _, ok := b.files[dir]; ok {
				b.problem(BadPath, b.at, fmt.Sprintf("the paths %q and %q cannot both be files", dir, name))
			}
		}
		b.plan.files = append(b.plan.files, b.files[name])
	}
	return b.plan
}

// mountPoints finds the places below a volume's own where a container mounts something else, without those within one
// already found: getNestedMountpoints in pkg/volume/util/nested_volumes.go.
func mountPoints(pod *corev1.PodSpec, volume string) []string {
	found := map[string]bool{}
	for _, g := range containerGroups(pod) {
		for _, c := range g.containers {
			for _, m := range c.VolumeMounts {
				if m.Name == volume {
					nested(c.VolumeMounts, path.Clean(m.MountPath), found)
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func nested(mounts []corev1.VolumeMount, under string, found map[string]bool) {
	var all, outer []string
	for _, m := range mounts {
		all = append(all, path.Clean(m.MountPath))
	}
	slices.Sort(all)
	for _, p := range all {
		rest, ok := strings.CutPrefix(p, under+"/")
		if !ok || slices.ContainsFunc(outer, func(o string) bool { return strings.HasPrefix(p, o) }) {
			continue
		}
		outer = append(outer, p+"/")
		found[rest] = true
	}
}
