package manpage

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Commands gives a page for a command and one for each command below it that a user sees: dsctl, dsctl-get,
// dsctl-get-configs. Every page refers to the others of its family and to those in also, such as "daemonsetd(8)".
func Commands(root *cobra.Command, section int, also ...string) []Page {
	root.InitDefaultHelpFlag()
	pages := []Page{command(root, section, also)}
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() && c.Name() != "help" {
			pages = append(pages, Commands(c, section, also...)...)
		}
	}
	return pages
}

func command(c *cobra.Command, section int, also []string) Page {
	p := Page{Name: pageName(c), Section: section}
	text, status, _ := strings.Cut(c.Long, "\nEXIT STATUS\n")
	if text == "" {
		text = c.Short + "."
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# NAME\n%s - %s\n\n", p.Name, Escape(lowerFirst(c.Short)))
	fmt.Fprintf(&b, "# SYNOPSIS\n%s\n\n", synopsis(c))
	fmt.Fprintf(&b, "# DESCRIPTION\n%s\n", Prose(text))
	b.WriteString(Options("OPTIONS", c.NonInheritedFlags()))
	b.WriteString(Options("GLOBAL OPTIONS", c.InheritedFlags()))
	if status != "" {
		fmt.Fprintf(&b, "# EXIT STATUS\n%s\n", Terms(status))
	}
	if c.Example != "" {
		fmt.Fprintf(&b, "# EXAMPLES\n%s\n", Prose(c.Example))
	}
	fmt.Fprintf(&b, "# SEE ALSO\n%s\n", strings.Join(related(c, section, also), ", "))
	p.Markdown = b.String()
	return p
}

func pageName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// synopsis is the command's way of being called: the words of the program in bold, what the user fills in as it is.
func synopsis(c *cobra.Command) string {
	name, rest := c.CommandPath(), strings.TrimPrefix(c.UseLine(), c.CommandPath())
	if c.HasAvailableSubCommands() && !c.Runnable() {
		rest = " COMMAND [flags]"
	}
	return "**" + name + "**" + Escape(rest)
}

// lowerFirst is for the line after the name, by which man -k finds a page.
func lowerFirst(s string) string {
	if len(s) > 1 && s[1] >= 'a' && s[1] <= 'z' {
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}

// Terms turns lines of a word and its meaning into a list.
func Terms(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if term, meaning, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			fmt.Fprintf(&b, "**%s**\n: %s\n\n", Escape(term), Escape(strings.TrimSpace(meaning)))
		}
	}
	return b.String()
}

// Options lists flags under a heading; without flags there is none.
func Options(heading string, flags *pflag.FlagSet) string {
	var b strings.Builder
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		fmt.Fprintf(&b, "%s\n: %s\n\n", flagTerm(f), flagUsage(f))
	})
	if b.Len() == 0 {
		return ""
	}
	return "# " + heading + "\n" + b.String()
}

func flagTerm(f *pflag.Flag) string {
	term := "**--" + f.Name + "**"
	if f.Shorthand != "" {
		term = "**-" + f.Shorthand + "**, " + term
	}
	if kind, _ := pflag.UnquoteUsage(f); kind != "" {
		term += " *" + strings.TrimSuffix(kind, "Array") + "*" // Not how often it may be given: the usage says so.
	}
	return term
}

func flagUsage(f *pflag.Flag) string {
	_, usage := pflag.UnquoteUsage(f)
	switch f.DefValue {
	case "", "false", "0", "[]", "0s":
		return Escape(usage)
	}
	return Escape(usage) + " (default " + Escape(f.DefValue) + ")"
}

// related are the pages to read next: the one above, those below, and the others that were named.
func related(c *cobra.Command, section int, also []string) []string {
	var pages []string
	add := func(c *cobra.Command) { pages = append(pages, fmt.Sprintf("**%s**(%d)", pageName(c), section)) }
	if c.HasParent() {
		add(c.Parent())
	}
	for _, below := range c.Commands() {
		if below.IsAvailableCommand() && below.Name() != "help" {
			add(below)
		}
	}
	for _, page := range also {
		name, rest, _ := strings.Cut(page, "(")
		pages = append(pages, "**"+name+"**("+rest)
	}
	return pages
}
