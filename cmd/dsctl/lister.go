package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/daemonsetd/daemonsetd/agent/api/client"
	"github.com/daemonsetd/daemonsetd/agent/registry"
)

// answer is a list of Kubernetes objects as the agent gave it: object is the whole of it, of which items are a part.
type answer[T any] struct {
	object  any
	items   *[]T
	version string
}

func (a answer[T]) list() itemList[T] { return itemList[T]{*a.items, a.version} }

// kind is what differs between the kinds of Kubernetes objects that are listed.
type kind[T any] struct {
	resource registry.Resource
	ask      func(ctx context.Context, c *client.Client, sel client.Selection) (answer[T], error)
	// columns are kubectl's; with namespaces, the first of them is the namespace.
	columns func(namespaces, wide bool) listing[T]
	// absent says that objects do not exist, by their quoted names; hint says where to look.
	absent func(namespace, names string) string
	hint   string
}

// lister lists and watches the objects that were asked for.
type lister[T any, P object[T]] struct {
	kind[T]

	d      *deps
	client *client.Client
	// all: those of all namespaces; labels: with a column of their labels.
	all, labels bool
	names       []string
	selection   client.Selection
}

// named takes the names of a command line: NAME..., or one NAMESPACE/NAME.
func (l *lister[T, P]) named(args []string) error {
	if len(args) > 0 && l.all {
		return usagef("a resource cannot be retrieved by name across all namespaces")
	}
	for _, arg := range args {
		namespace, name, ok := strings.Cut(arg, "/")
		switch {
		case !ok:
			l.names = append(l.names, arg)
		case len(args) == 1 && namespace != "" && name != "":
			l.selection.Namespace, l.names = namespace, []string{name}
		default:
			return usagef("%q: want NAME..., with -n for the namespace, or one NAMESPACE/NAME", arg)
		}
	}
	if l.all {
		l.selection.Namespace = ""
	}
	return nil
}

// wants says whether an object is among those that were asked for by name, if any were.
func (l *lister[T, P]) wants(o *T) bool {
	return len(l.names) == 0 || slices.Contains(l.names, P(o).GetName())
}

// list gives the objects, and an error that names those that do not exist.
func (l *lister[T, P]) list(ctx context.Context) (a answer[T], missing, err error) {
	if a, err = l.ask(ctx, l.client, l.selection); err != nil {
		return a, nil, err
	}
	if err := sortItems(l.d.sortBy, *a.items); err != nil {
		return a, nil, err
	}
	*a.items = slices.DeleteFunc(*a.items, func(o T) bool { return !l.wants(&o) })
	var none []string
	for _, name := range l.names {
		if !slices.ContainsFunc(*a.items, func(o T) bool { return P(&o).GetName() == name }) {
			none = append(none, fmt.Sprintf("%q", name))
		}
	}
	if len(none) > 0 {
		missing = &exitError{
			code: exitFailed, err: errors.New(l.absent(l.selection.Namespace, strings.Join(none, ", "))), hint: l.hint,
		}
	}
	return a, missing, nil
}

func (l *lister[T, P]) listing() listing[T] {
	out := l.columns(l.all, l.d.output == formatWide)
	if !l.all && l.selection.Namespace != "" {
		out.none = fmt.Sprintf("No resources found in %s namespace; -A lists those of all namespaces", l.selection.Namespace)
	}
	if l.labels {
		out = out.withLabels(func(o *T) map[string]string { return P(o).GetLabels() })
	}
	return out
}

// view is the list, or the object itself where one was asked for by name, as with kubectl.
func (l *lister[T, P]) view(a answer[T]) view {
	v := l.listing().view(a.object, *a.items)
	if len(l.names) == 1 && len(*a.items) == 1 {
		v.object = &(*a.items)[0]
	}
	return v
}

// show prints the objects, and with watch what becomes of them.
func (l *lister[T, P]) show(ctx context.Context, watch bool) error {
	if l.selection.LabelSelector != "" && len(l.names) > 0 {
		return usagef("a name cannot be given together with a selector")
	}
	var err error
	if l.client, err = l.d.settled(ctx); err != nil {
		return err
	}
	defer l.client.Close()
	a, missing, err := l.list(ctx)
	if err != nil {
		return err
	}
	if watch && missing == nil {
		return l.watch(ctx, a)
	}
	if len(*a.items) == 0 && missing != nil {
		return missing
	}
	d := l.d
	return errors.Join(d.print(l.view(a)), missing)
}

// watch prints the objects and then what changes.
func (l *lister[T, P]) watch(ctx context.Context, a answer[T]) error {
	out, err := newLive(l.d, l.listing())
	if err != nil {
		return err
	}
	w := watchObjects[T, P](l.client, l.resource, l.selection, out)
	w.wants = l.wants
	w.list = func(ctx context.Context) (itemList[T], error) {
		a, _, err := l.list(ctx)
		if err != nil {
			return itemList[T]{}, err
		}
		return a.list(), nil
	}
	return w.run(ctx, a.list())
}
