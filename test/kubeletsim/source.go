package kubeletsim

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Op is what a watch event says of a file.
type Op int

const (
	// Written says that the file was created, moved there, written or had its mode changed. All of them are read.
	Written Op = iota
	// Removed says that the file was removed or moved away.
	Removed
)

// watchEvent is what an inotify event comes to.
type watchEvent struct {
	file string
	op   Op
}

// source is the kubelet's view of the directory (pkg/kubelet/config/file.go:sourceFile).
type source struct {
	// store has the pods by namespace/name; a later one replaces an earlier one.
	store map[string]*corev1.Pod
	// keys has the key of the pod that was last read from a file.
	keys map[string]string
}

// list reads the directory as a whole (listConfig). The caller holds k.mu.
func (k *Kubelet) list() {
	info, err := os.Stat(k.opts.Dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// A missing directory means no pods at all.
		k.merge(nil)
		return
	case err != nil:
		k.noteFile(KindParseError, k.opts.Dir, err.Error())
		return
	case info.Mode().IsRegular():
		if pod, ok := k.read(k.opts.Dir); ok {
			k.replace([]*corev1.Pod{pod})
		}
		return
	}
	pods := k.readDir()
	if len(pods) == 0 {
		// As in the real one, the store is not emptied with it: its pods come back with the next event.
		k.merge(nil)
		return
	}
	k.replace(pods)
}

// readDir reads every file whose name does not begin with a dot, in the order of names (extractFromDir).
func (k *Kubelet) readDir() (pods []*corev1.Pod) {
	files, err := filepath.Glob(filepath.Join(k.opts.Dir, "[^.]*"))
	if err != nil {
		k.noteFile(KindParseError, k.opts.Dir, err.Error())
		return nil
	}
	slices.Sort(files)
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				k.noteFile(KindParseError, file, err.Error())
			}
			continue
		}
		if !info.Mode().IsRegular() {
			k.noteFile(KindParseError, file, "not a regular file: "+info.Mode().String())
			continue
		}
		if pod, ok := k.read(file); ok {
			pods = append(pods, pod)
		}
	}
	return pods
}

// read reads one manifest and remembers which pod it had. A file that has gone is not worth an event.
func (k *Kubelet) read(file string) (*corev1.Pod, bool) {
	pod, err := readManifest(file, k.opts.NodeName)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			k.noteFile(KindParseError, file, err.Error())
		}
		return nil, false
	}
	k.src.keys[file] = fullName(pod)
	return pod, true
}

// replace takes the pods of a listing for all there are.
func (k *Kubelet) replace(pods []*corev1.Pod) {
	k.src.store = make(map[string]*corev1.Pod, len(pods))
	for _, pod := range pods {
		if _, twice := k.src.store[fullName(pod)]; twice {
			k.note(KindDuplicate, pod, "two manifests of the directory have this pod; the later by name wins")
		}
		k.src.store[fullName(pod)] = pod
	}
	k.mergeStore()
}

// consume handles one watch event (consumeWatchEvent). A manifest that cannot be read changes nothing until the next
// listing. The caller holds k.mu.
func (k *Kubelet) consume(e watchEvent) {
	if strings.HasPrefix(filepath.Base(e.file), ".") {
		return
	}
	if e.op == Written {
		if pod, ok := k.read(e.file); ok {
			k.src.store[fullName(pod)] = pod
			k.mergeStore()
		}
		return
	}
	key, known := k.src.keys[e.file]
	if _, stored := k.src.store[key]; !known || !stored {
		return
	}
	delete(k.src.store, key)
	delete(k.src.keys, e.file)
	k.mergeStore()
}

// mergeStore passes the store on, in the order of names (the real one has none).
func (k *Kubelet) mergeStore() {
	pods := make([]*corev1.Pod, 0, len(k.src.store))
	for _, key := range slices.Sorted(maps.Keys(k.src.store)) {
		pods = append(pods, k.src.store[key])
	}
	k.merge(pods)
}
