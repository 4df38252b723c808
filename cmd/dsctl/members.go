package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/daemonsetd/daemonsetd/agent/api"
	"github.com/daemonsetd/daemonsetd/agent/api/client"
)

func newMembersCommand(d *deps) *cobra.Command {
	var follow, roster bool
	cmd := &cobra.Command{
		Use:     "members [NODE|ID]",
		Aliases: []string{"member"},
		Short:   "Show the members of the fleet: who is alive, who is trusted",
		Long: long(`Show every member that this host knows of: whether it is alive, from where and when it was last heard, and how it
stands. What a member says counts while it is Trusted. It is Untrusted while its name is pinned to another id: after a
host was installed anew, and also when two hosts have one name, or one poses as another; dsctl trust moves the pin.
It is NotInRoster where members.yaml lists the members and not this one.

A member that fails is known until dsctl forget forgets it. KEY is the beginning of the public key's fingerprint; with
-o wide all of it is shown, and the key as members.yaml takes it. Other hosts may know other things.

--write-roster prints a members.yaml of all that are trusted now, with their keys, to be read through and installed on
every host. With it no other key takes part under these names, whoever has the gossip key.`,
			online("there is no such member, gossip is off, or it failed")),
		Example: example("dsctl members", "dsctl members -w", "dsctl members edge-7 -o wide",
			"dsctl members --write-roster > members.yaml",
			`dsctl members -o 'jsonpath={.items[?(@.state=="Failed")].name}'`),
		Args: atMostOne("one member: NODE or ID"),
		RunE: d.verb(func(ctx context.Context, args []string) error {
			if roster {
				return d.runWriteRoster(ctx, follow, args)
			}
			return d.runMembers(ctx, follow, args)
		}),
	}
	cmd.ValidArgsFunction = d.completeMembers(func(api.Member) bool { return true })
	cmd.Flags().BoolVarP(&follow, "watch", "w", false, "go on showing members as they change")
	cmd.Flags().BoolVar(&roster, "write-roster", false, "print a members.yaml of those that are trusted now")
	return cmd
}

// runWriteRoster prints a members file. What is not in it is counted beside it.
func (d *deps) runWriteRoster(ctx context.Context, follow bool, args []string) error {
	if follow || len(args) > 0 || d.output != formatText {
		return usagef("--write-roster prints one file of all members: give no member, no --watch and no --output")
	}
	c := d.client()
	defer c.Close()
	list, err := c.Members(ctx, "")
	if err != nil {
		return err
	}
	text := strings.Builder{}
	text.WriteString("members:\n")
	out := 0
	for _, m := range list.Items {
		if m.Standing != api.StandingTrusted || m.State == api.MemberLeft || m.Name == "" {
			out++
			continue
		}
		fmt.Fprintf(&text, "  - name: %q\n", m.Name)
		if m.Key != "" {
			fmt.Fprintf(&text, "    key: %q\n", m.Key)
		}
	}
	if out == len(list.Items) {
		return &exitError{
			code: exitFailed, err: errors.New("no member is trusted, and with an empty list nobody would count"),
			hint: "dsctl members shows why",
		}
	}
	if _, err := io.WriteString(d.out, text.String()); err != nil {
		return err
	}
	d.notef("%s listed, %d left out that are not trusted or have left; see that every host is there, and nobody else",
		count(len(list.Items)-out, "member"), out)
	if !list.Settled {
		d.notef("this host has just started, and others may know more members")
	}
	return nil
}

func (d *deps) runMembers(ctx context.Context, follow bool, args []string) error {
	member := ""
	if len(args) > 0 {
		member = args[0]
	}
	c := d.client()
	defer c.Close()
	list, err := c.Members(ctx, member)
	if err != nil {
		return err
	}
	if member != "" && len(list.Items) == 0 {
		return &exitError{
			code: exitFailed, err: fmt.Errorf("this host knows no member %q", member),
			hint: "dsctl members lists those that it knows",
		}
	}
	l := memberListing(d.output == formatWide)
	if follow {
		return d.watchMembers(ctx, c, l, member, list)
	}
	list.ListMeta = metav1.ListMeta{} // as with kubectl: printed, it would differ each time
	shown := list.Items
	if d.output == formatText && member == "" {
		shown = slices.DeleteFunc(slices.Clone(shown), func(m api.Member) bool { return nameless(&m) })
	}
	if err := d.print(l.view(list, shown)); err != nil {
		return err
	}
	if n := len(list.Items) - len(shown); n > 0 {
		d.notef("%s without a name that members.yaml does not list are not shown; -o wide shows all", count(n, "member"))
	}
	if !list.Settled {
		d.notef("this host has just started, and others may know more members")
	}
	return nil
}

// nameless says of a member that there is nothing to say of it: the members file does not list it, so that nothing that
// it reports is kept, not even its name.
func nameless(m *api.Member) bool { return m.Name == "" && m.Standing == api.StandingNotInRoster }

// watchMembers prints the members and then what changes.
func (d *deps) watchMembers(
	ctx context.Context, c *client.Client, l listing[api.Member], member string, list *api.MemberList,
) error {
	out, err := newLive(d, l)
	if err != nil {
		return err
	}
	w := watchItems(out)
	w.wants = func(m *api.Member) bool { return member != "" || d.output != formatText || !nameless(m) }
	wanted := func(list *api.MemberList) itemList[api.Member] {
		items := slices.DeleteFunc(list.Items, func(m api.Member) bool { return !w.wants(&m) })
		return itemList[api.Member]{items, list.ResourceVersion}
	}
	w.events = func(ctx context.Context, version string) iter.Seq2[client.WatchEvent[api.Member], error] {
		return client.WatchMembers(ctx, c, member, version)
	}
	w.list = func(ctx context.Context) (itemList[api.Member], error) {
		list, err := c.Members(ctx, member)
		if err != nil {
			return itemList[api.Member]{}, err
		}
		return wanted(list), nil
	}
	return w.run(ctx, wanted(list))
}

func memberListing(wide bool) listing[api.Member] {
	l := listing[api.Member]{
		header: []string{"NAME", "ID", "STATE", "STANDING", "ADDRESS", "LAST-HEARD", "KEY", "ROUND-TRIP"},
		name:   func(m *api.Member) string { return cmp.Or(m.ID, m.Name) },
		none:   "there are no members",
	}
	if wide {
		l.header = append(l.header, "SINCE", "FACTS", "VERSION", "KUBELET", "PUBLIC-KEY")
	}
	l.header = append(l.header, "NOTES")
	l.cells = func(m *api.Member, change watch.EventType) []string {
		cells := memberCells(m)
		if change == watch.Deleted {
			cells[2] = api.MemberForgotten
		}
		if wide {
			cells[6] = m.KeyFingerprint
			cells = append(cells, age(m.Since), age(factsOf(m)), m.AgentVersion, m.Kubelet, m.Key)
		}
		return append(cells, memberNotes(m))
	}
	return l
}

func memberCells(m *api.Member) []string {
	heard := age(m.LastHeard)
	switch {
	case m.Self:
		heard = "self"
	case m.LastHeard.IsZero():
		heard = "never"
	}
	return []string{
		m.Name, m.ID, m.State, m.Standing, m.Address, heard, shortFingerprint(m.KeyFingerprint),
		roundTrip(m.RoundTripSeconds),
	}
}

// factsOf is when the latest of what is known of a member came.
func factsOf(m *api.Member) time.Time {
	var latest time.Time
	for _, r := range m.Records {
		if r.ReceivedAt.After(latest) {
			latest = r.ReceivedAt
		}
	}
	return latest
}

// memberNotes is what the agent has to say, or else that others have the same name.
func memberNotes(m *api.Member) string {
	if len(m.Notes) == 0 && len(m.Conflicts) > 0 {
		return "same name as " + strings.Join(m.Conflicts, ", ")
	}
	return strings.Join(m.Notes, "; ")
}

// shortFingerprint is enough to tell keys apart, and not to trust one.
func shortFingerprint(s string) string {
	_, digest, ok := strings.Cut(s, ":")
	if !ok {
		return s
	}
	return digest[:min(len(digest), 12)]
}

// roundTrip is three digits and a unit.
func roundTrip(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case seconds <= 0:
		return none
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < time.Second:
		return d.Round(10 * time.Microsecond).String()
	default:
		return d.Round(10 * time.Millisecond).String()
	}
}

// completeMembers completes one member that is wanted: by its name, or by its id where others have the same name.
func (d *deps) completeMembers(
	want func(api.Member) bool,
) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		c, ctx, cancel := d.quick(cmd.Context())
		defer cancel()
		defer c.Close()
		list, err := c.Members(ctx, "")
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var out []string
		for _, m := range list.Items {
			switch {
			case !want(m):
			case m.Name == "" || len(m.Conflicts) > 0:
				out = append(out, m.ID)
			default:
				out = append(out, m.Name)
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}
