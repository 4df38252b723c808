package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/client-go/util/jsonpath"
)

// sortItems sorts the items of a list by a JSONPath, as kubectl's --sort-by does; with an empty one it does nothing.
// Numbers, quantities and times go by their value, other texts by their letters, and what an item does not have comes
// first. Items that are equal stay in their order.
func sortItems[T any](path string, items []T) error {
	if path == "" {
		return nil
	}
	jp := jsonpath.New("sort-by").AllowMissingKeys(true)
	if err := jp.Parse(relaxed(path)); err != nil {
		return usagef("--sort-by %q: %w", path, err)
	}
	type keyed struct {
		item T
		key  any
	}
	all, found := make([]keyed, len(items)), false
	for i, item := range items {
		key, err := valueAt(jp, item)
		if err != nil {
			return fmt.Errorf("--sort-by %q: %w", path, err)
		}
		all[i], found = keyed{item, key}, found || key != nil
	}
	if !found && len(items) > 0 {
		return usagef("--sort-by %q: no item has such a field", path)
	}
	slices.SortStableFunc(all, func(a, b keyed) int { return compareValues(a.key, b.key) })
	for i := range all {
		items[i] = all[i].item
	}
	return nil
}

// valueAt is the first value that a path finds in an item; nil: there is none.
func valueAt(path *jsonpath.JSONPath, item any) (any, error) {
	data, err := generic(item)
	if err != nil {
		return nil, err
	}
	found, err := path.FindResults(data)
	if err != nil {
		return nil, err
	}
	for _, values := range found {
		for _, v := range values {
			if v.IsValid() && v.CanInterface() {
				return v.Interface(), nil
			}
		}
	}
	return nil, nil
}

func compareValues(a, b any) int {
	x, isX := a.(float64)
	y, isY := b.(float64)
	switch {
	case a == nil || b == nil:
		return cmp.Compare(presence(a), presence(b))
	case isX && isY:
		return cmp.Compare(x, y)
	}
	s, t := fmt.Sprint(a), fmt.Sprint(b)
	p, errP := resource.ParseQuantity(s)
	q, errQ := resource.ParseQuantity(t)
	if errors.Join(errP, errQ) == nil {
		return p.Cmp(q)
	}
	return strings.Compare(s, t)
}

func presence(v any) int {
	if v == nil {
		return 0
	}
	return 1
}
