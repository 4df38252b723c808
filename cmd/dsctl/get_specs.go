package main

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/client"
)

// fewHosts is how many hosts are named in a cell before the rest is counted.
const fewHosts = 3

func newGetSpecsCommand(d *deps) *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use:     "specs",
		Aliases: []string{"spec"},
		Short:   "List the spec files of the fleet: which host lacks or differs in which",
		Long: long(`List every file that a host has in its specs directory: how many hosts have the content that most have, which lack the
file, which have another content, and which cannot use theirs. Then follow the hosts that are not as most of the others
are: a file that at least half of the hosts have is lacking where it is not, and extra where it is otherwise.

With -o wide all hosts are named, with the digests of the files and of the whole directories; equal digests are equal
contents. A host that has not told of its files counts for none.`,
			online("gossip is off, or it failed")),
		Example: example("dsctl get specs", "dsctl get specs -w",
			`dsctl get specs -o 'jsonpath={.items[?(@.file=="web.yaml")].lack.names}'`),
		Args: noArgs,
		RunE: d.verb(func(ctx context.Context, _ []string) error { return d.runGetSpecs(ctx, follow) }),
	}
	cmd.Flags().BoolVarP(&follow, "watch", "w", false, "go on showing files as hosts get, change or lose them")
	return cmd
}

func (d *deps) runGetSpecs(ctx context.Context, follow bool) error {
	c, err := d.settled(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	list, err := c.Specs(ctx)
	if err != nil {
		return err
	}
	if err := sortItems(d.sortBy, list.Items); err != nil {
		return err
	}
	l := specListing(d.output == formatWide)
	if follow {
		return d.watchSpecs(ctx, c, l, list)
	}
	list.ListMeta = metav1.ListMeta{} // as with kubectl: printed, it would differ each time
	v := l.view(list, list.Items)
	files := v.text
	v.text = func(p page) error {
		if err := files(p); err != nil {
			return err
		}
		return printHostSpecs(p, list)
	}
	return d.print(v)
}

// watchSpecs prints the files and then what changes.
func (d *deps) watchSpecs(ctx context.Context, c *client.Client, l listing[api.SpecFile],
	list *api.SpecFileList,
) error {
	out, err := newLive(d, l)
	if err != nil {
		return err
	}
	w := watchItems(out)
	w.events = func(ctx context.Context, version string) iter.Seq2[client.WatchEvent[api.SpecFile], error] {
		return client.WatchSpecs(ctx, c, version)
	}
	w.list = func(ctx context.Context) (itemList[api.SpecFile], error) {
		list, err := c.Specs(ctx)
		if err != nil {
			return itemList[api.SpecFile]{}, err
		}
		return itemList[api.SpecFile]{list.Items, list.ResourceVersion}, nil
	}
	return w.run(ctx, itemList[api.SpecFile]{list.Items, list.ResourceVersion})
}

func specListing(wide bool) listing[api.SpecFile] {
	l := listing[api.SpecFile]{
		header: []string{"FILE", "HAVE", "LACK", "DIFFER", "BAD"},
		name:   func(f *api.SpecFile) string { return f.File },
		none:   "no host has told of a spec file",
	}
	if wide {
		l.header = append(l.header, "DIGEST")
	}
	few := fewHosts
	if wide {
		few = 0
	}
	l.cells = func(f *api.SpecFile, change watch.EventType) []string {
		if change == watch.Deleted {
			return slices.Concat([]string{f.File, "gone"}, make([]string, len(l.header)-2))
		}
		cells := []string{
			f.File, fmt.Sprint(f.Have), someOf(f.Lack, few), someOf(differing(f, wide), few),
			someOf(f.Bad, few),
		}
		if wide {
			cells = append(cells, f.Digest)
		}
		return cells
	}
	return l
}

func differing(f *api.SpecFile, wide bool) api.NameList {
	out := api.NameList{Count: f.Differ.Count}
	for _, d := range f.Differ.Hosts {
		if wide {
			d.Host += "=" + d.Digest
		}
		out.Names = append(out.Names, d.Host)
	}
	return out
}

// someOf names the first few, with 0 as many as were told, and counts the rest.
func someOf(l api.NameList, few int) string {
	names := l.Names
	if few > 0 {
		names = names[:min(few, len(names))]
	}
	text := strings.Join(names, ",")
	switch rest := l.Count - len(names); {
	case rest <= 0:
		return text
	case text == "":
		return fmt.Sprint(rest)
	default:
		return fmt.Sprintf("%s and %d more", text, rest)
	}
}

// printHostSpecs shows the hosts that are not as most are; all of them in the wide form.
func printHostSpecs(p page, list *api.SpecFileList) error {
	few, header := fewHosts, []string{"HOST", "STATE", "FILES", "LACKS", "EXTRA", "DIFFERS", "BAD", "TOLD"}
	if p.wide {
		few, header = 0, append(header, "DIGEST")
	}
	t, same := p.table(header...), 0
	for i := range list.Hosts {
		h := &list.Hosts[i]
		if h.AsMost() {
			same++
		}
		if p.wide || !h.AsMost() {
			t.add(hostCells(h, few, p.wide)...)
		}
	}
	if err := section(p, t); err != nil {
		return err
	}
	if list.Told > 0 {
		p.printf("\nhosts that are as most are: %d of %d\n", same, len(list.Hosts))
	}
	if list.Dropped > 0 {
		p.warnf("%s are not compared: there are too many different names", count(list.Dropped, "file"))
	}
	return nil
}

func hostCells(h *api.HostSpecs, few int, wide bool) []string {
	files, told := fmt.Sprint(h.Files), age(h.ReceivedAt)
	switch {
	case !h.Told:
		files, told = unknown, "never"
	case h.Unreadable:
		files = fmt.Sprintf("%d (unreadable)", h.Files)
	case h.LeftOut > 0:
		files = fmt.Sprintf("%d (%d not told)", h.Files, h.LeftOut)
	}
	if h.Self {
		told = "self"
	}
	cells := []string{
		h.Host, h.State, files, someOf(h.Lacks, few), someOf(h.Extra, few), someOf(h.Differs, few),
		someOf(h.Bad, few), told,
	}
	if wide {
		cells = append(cells, h.Digest)
	}
	return cells
}
