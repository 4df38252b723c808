package main

import (
	"encoding/json"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/daemonsetd/daemonsetd/agent/api"
)

// podList is what json and yaml show of manifests.
type podList struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Items      []json.RawMessage `json:"items"`
	// Trees are the files of volumes, where they were asked for.
	Trees []api.ConfigTree `json:"trees,omitzero"`
}

func renderedView(all []rendered, withTrees bool) view {
	list := podList{APIVersion: "v1", Kind: "List", Items: []json.RawMessage{}}
	v := view{text: func(p page) error { return printRendered(p, all, withTrees) }}
	if withTrees {
		list.Trees = []api.ConfigTree{}
	}
	for _, r := range all {
		raw, err := yaml.YAMLToJSON(r.manifest.Data)
		if err != nil {
			// What Render wrote is YAML; if it were not, the text would show it.
			continue
		}
		list.Items = append(list.Items, raw)
		v.names = append(v.names, r.manifest.FileName)
		if withTrees {
			list.Trees = append(list.Trees, r.trees...)
			v.names = append(v.names, filePaths(r.trees)...)
		}
	}
	v.object, v.rows = list, rowsOf(list.Items)
	return v
}

func filePaths(trees []api.ConfigTree) []string {
	var paths []string
	for _, t := range trees {
		for _, f := range t.Files {
			paths = append(paths, filepath.Join(t.Path, f.Path))
		}
	}
	return paths
}

func printRendered(p page, all []rendered, withTrees bool) error {
	for i, r := range all {
		if i > 0 {
			p.printf("---\n")
		}
		if _, err := p.Write(r.manifest.Data); err != nil {
			return err
		}
		if !withTrees {
			continue
		}
		for _, t := range r.trees {
			printTree(p, t)
		}
	}
	return nil
}

// printTree prints comments, so that what is printed stays YAML.
func printTree(p page, t api.ConfigTree) {
	more := ""
	if t.InMemory {
		more += ", in memory"
	}
	if len(t.Sources) > 0 {
		more += ", from " + cellText(strings.Join(t.Sources, ", "))
	}
	p.printf("# Files of volume %s at %s%s:\n", t.Volume, cellText(t.Path), more)
	for _, f := range t.Files {
		p.printf("#   %s  %s  %s  sha256:%s\n", cellText(f.Path), f.Mode, count(int(f.Size), "byte"), f.SHA256)
	}
}
