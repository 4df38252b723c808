package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/internal/base/atomicfile"
	"github.com/daemonsetd/daemonsetd/internal/base/diag"
	"github.com/daemonsetd/daemonsetd/internal/base/files"
	"github.com/daemonsetd/daemonsetd/manifests/history"
	"github.com/daemonsetd/daemonsetd/manifests/resolve"
	"github.com/daemonsetd/daemonsetd/manifests/spec"
)

// writeUndo replaces the DaemonSet's document in its spec file.
func writeUndo(res *api.UndoResult) error {
	info, err := os.Lstat(res.Source)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file, and is not replaced: something else keeps it", res.Source)
	}
	data, err := files.Read(res.Source, spec.MaxFileBytes)
	if err != nil {
		return err
	}
	next, err := replaceDocument(res, data)
	if err != nil {
		return fmt.Errorf("%s is not changed: %w", res.Source, err)
	}
	if err := atomicfile.WriteFile(res.Source, next, info.Mode().Perm()); err != nil {
		return err
	}
	return keepOwner(res.Source, info)
}

// keepOwner gives a file that was replaced the owner of the one before.
func keepOwner(path string, before os.FileInfo) error {
	uid, gid, ok := files.Owner(before)
	if !ok || uid == os.Geteuid() && gid == os.Getegid() {
		return nil
	}
	return os.Lchown(path, uid, gid)
}

// replaceDocument is the file's content with the DaemonSet's document exchanged. It is an error where anything else
// would become another one, or the file does not have the DaemonSet as the agent knows it.
func replaceDocument(res *api.UndoResult, data []byte) ([]byte, error) {
	before, err := parseWhole(res.Source, data)
	if err != nil {
		return nil, err
	}
	old := find(before, res.DaemonSet)
	if old == nil {
		return nil, fmt.Errorf("it does not declare DaemonSet %s", res.DaemonSet)
	}
	next := splice(data, old.Source.Line, []byte(res.Document))
	after, err := parseWhole(res.Source, next)
	if err != nil {
		return nil, fmt.Errorf("it would have an error: %w", err)
	}
	changed := find(after, res.DaemonSet)
	switch {
	case changed == nil || !sameTemplate(changed.Template, res.To.Template):
		return nil, errors.New("its document cannot be exchanged for the one with the earlier template")
	case !sameBeside(before, after, res.DaemonSet):
		return nil, errors.New("the document has more than the DaemonSet in it, which would be lost")
	case !sameDaemonSet(old.Object, changed.Object):
		return nil, errors.New("it has been changed since the agent read it; dsctl reload, and try again")
	}
	return next, nil
}

// sameTemplate compares templates as JSON. The agent's answer has some characters escaped, such as the & of a shell
// command.
func sameTemplate(a, b []byte) bool {
	var x, y bytes.Buffer
	json.HTMLEscape(&x, a)
	json.HTMLEscape(&y, b)
	return bytes.Equal(x.Bytes(), y.Bytes())
}

func parseWhole(path string, data []byte) (spec.Objects, error) {
	parsed := spec.Parse(path, data)
	if errs := parsed.Problems.Errors(); len(errs) > 0 {
		return spec.Objects{}, firstProblem(errs)
	}
	return parsed.Objects, nil
}

func firstProblem(list diag.List) error {
	return fmt.Errorf("line %d: %s", list[0].Line, list[0].Message)
}

func find(objects spec.Objects, key string) *spec.DaemonSet {
	for _, ds := range objects.DaemonSets {
		if ds.Key() == key {
			return ds
		}
	}
	return nil
}

// splice exchanges the document that has a line, counted from 1, and keeps the comments before it: that line is the
// first of the object.
func splice(data []byte, line int, document []byte) []byte {
	lines := strings.SplitAfter(string(data), "\n")
	begin := line - 1
	end := begin
	for end < len(lines) && (end == begin || !endsDocument(lines[end])) {
		end++
	}
	out := strings.Join(lines[:begin], "") + string(document)
	if end < len(lines) && !strings.HasSuffix(out, "\n") {
		out += "\n"
	}
	return []byte(out + strings.Join(lines[end:], ""))
}

func endsDocument(line string) bool {
	return strings.HasPrefix(line, "---") || strings.HasPrefix(line, "...")
}

// sameBeside tells whether two files declare the same but for one DaemonSet.
func sameBeside(before, after spec.Objects, key string) bool {
	return reflect.DeepEqual(contents(before, key), contents(after, key))
}

// contents are the objects by kind, namespace and name.
func contents(o spec.Objects, but string) map[string]any {
	all := map[string]any{}
	for _, x := range o.DaemonSets {
		if x.Key() != but {
			all["DaemonSet "+x.Key()] = x.Object
		}
	}
	for _, x := range o.ConfigMaps {
		all["ConfigMap "+x.Key()] = x.Object
	}
	for _, x := range o.Secrets {
		all["Secret "+x.Key()] = x.Object
	}
	for _, x := range o.PriorityClasses {
		all["PriorityClass "+x.Key()] = x.Object
	}
	for _, x := range o.Services {
		all["Service "+x.Key()] = x.Object
	}
	return all
}

// sameDaemonSet tells whether two are the same but for what going back changes: the template, with what belongs to it.
func sameDaemonSet(a, b *appsv1.DaemonSet) bool {
	return reflect.DeepEqual(besideTemplate(a), besideTemplate(b))
}

func besideTemplate(ds *appsv1.DaemonSet) *appsv1.DaemonSet {
	out := ds.DeepCopy()
	out.Spec.Template, out.Spec.Selector = appsv1.DaemonSet{}.Spec.Template, nil
	maps.DeleteFunc(out.Annotations, func(key, _ string) bool {
		return key == history.AnnotationChangeCause || slices.Contains(resolve.Annotations(), key)
	})
	if len(out.Annotations) == 0 {
		out.Annotations = nil
	}
	return out
}
