package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// mutation is one edit of a DaemonSet. In path, "$" is the pod's spec and "@" its first container; [+] is a new element
// at the end of a list. The value is YAML; without one the field is removed.
type mutation struct {
	name, path, value string
}

// corpus reads the DaemonSets that the mutations start from, by file name.
func corpus(t *testing.T) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/daemonsets/*")
	if err != nil || len(files) == 0 {
		t.Fatalf("list testdata/daemonsets: %d files, %v", len(files), err)
	}
	found := map[string][]byte{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found[filepath.Base(file)] = data
	}
	return found
}

// apply makes the edits one after the other. Comments and the form of the file are lost.
func apply(data []byte, mutations ...mutation) ([]byte, error) {
	var tree any
	if err := yaml.Unmarshal(data, &tree); err != nil {
		return nil, fmt.Errorf("read the base: %w", err)
	}
	for _, m := range mutations {
		var value any
		if err := yaml.Unmarshal([]byte(m.value), &value); err != nil {
			return nil, fmt.Errorf("%s: read the value: %w", m.name, err)
		}
		edit := edit{value: value, remove: m.value == ""}
		edited, err := edit.at(tree, steps(m.path))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		tree = edited
	}
	return yaml.Marshal(tree)
}

func steps(path string) []string {
	path = strings.NewReplacer("$", "spec.template.spec", "@", "spec.template.spec.containers[0]").Replace(path)
	var list []string
	for path != "" {
		path = strings.TrimPrefix(path, ".")
		end := strings.IndexAny(path[1:], ".[") + 1
		if path[0] == '[' {
			end = strings.IndexByte(path, ']') + 1
		} else if path[0] == '{' { // a key with dots or brackets in it
			end = strings.IndexByte(path, '}') + 1
		}
		if end <= 0 {
			end = len(path)
		}
		list, path = append(list, path[:end]), path[end:]
	}
	return list
}

// edit sets or removes a value in a tree of maps and lists.
type edit struct {
	value  any
	remove bool
}

func (e edit) at(tree any, path []string) (any, error) {
	if len(path) == 0 {
		return e.value, nil
	}
	if strings.HasPrefix(path[0], "[") {
		return e.element(tree, path)
	}
	key := strings.Trim(path[0], "{}")
	fields, ok := tree.(map[string]any)
	if !ok && tree != nil {
		return nil, fmt.Errorf("%s: not a mapping", key)
	}
	if fields == nil {
		fields = map[string]any{}
	}
	if e.remove && len(path) == 1 {
		delete(fields, key)
		return fields, nil
	}
	child, err := e.at(fields[key], path[1:])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	fields[key] = child
	return fields, nil
}

func (e edit) element(tree any, path []string) (any, error) {
	list, ok := tree.([]any)
	if !ok && tree != nil {
		return nil, fmt.Errorf("%s: not a list", path[0])
	}
	index := len(list)
	if path[0] != "[+]" {
		number, err := strconv.Atoi(strings.Trim(path[0], "[]"))
		if err != nil || number >= len(list) {
			return nil, fmt.Errorf("%s: no such element of %d", path[0], len(list))
		}
		index = number
	}
	if e.remove && len(path) == 1 {
		return append(list[:index:index], list[index+1:]...), nil
	}
	if index == len(list) {
		list = append(list, nil)
	}
	child, err := e.at(list[index], path[1:])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path[0], err)
	}
	list[index] = child
	return list, nil
}
