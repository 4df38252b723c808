package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// TestDocsCommands: each line of a block in the docs that runs dsctl is a command line that dsctl understands, with verb, flags and
// arguments, and each command that a sentence names is there with its flags.
func TestDocsCommands(t *testing.T) {
	root := filepath.Join("..", "..")
	pages := []string{"README.md", "CONTRIBUTING.md", "SECURITY.md"}
	for _, dir := range []string{"docs", "packaging"} {
		err := fs.WalkDir(os.DirFS(root), dir, func(path string, _ fs.DirEntry, err error) error {
			if filepath.Ext(path) == ".md" {
				pages = append(pages, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	blocks, spans := 0, 0
	for _, page := range pages {
		data, err := os.ReadFile(filepath.Join(root, page))
		if err != nil {
			t.Fatal(err)
		}
		fenced := false
		for line := range strings.Lines(string(data)) {
			if strings.HasPrefix(strings.TrimSpace(line), "```") {
				fenced = !fenced
				continue
			}
			if fenced {
				if words := commandOf(line); words != nil {
					blocks++
					if err := understood(words, true); err != nil {
						t.Errorf("%s: %s: %v", page, strings.TrimSpace(line), err)
					}
				}
				continue
			}
			for _, found := range codeSpan.FindAllStringSubmatch(line, -1) {
				spans++
				if err := understood(commandOf(found[1]), false); err != nil {
					t.Errorf("%s: `%s`: %v", page, found[1], err)
				}
			}
		}
		if fenced {
			t.Errorf("%s: a block without an end", page)
		}
	}
	if blocks < 20 || spans < 40 {
		t.Errorf("%d lines of blocks and %d commands in sentences: the docs have more", blocks, spans)
	}
}

// codeSpan is a command in a sentence.
var codeSpan = regexp.MustCompile("`(dsctl [^`]*)`")

// endOfCommand is where a shell, or what a block says beside the command, begins.
var endOfCommand = regexp.MustCompile(`( {2,}|\s[|;&>#]|;).*`)

// commandOf gives the words of a line that runs dsctl as a shell takes them; nil: it does not.
func commandOf(line string) []string {
	line = strings.TrimPrefix(strings.TrimSpace(line), "# ")
	line = strings.TrimPrefix(line, "sudo ")
	rest, ok := strings.CutPrefix(line, "dsctl ")
	if !ok {
		return nil
	}
	rest = endOfCommand.ReplaceAllString(rest, "")
	return strings.Fields(strings.NewReplacer("'", "", `"`, "", "[", "", "]", "").Replace(rest))
}

// understood says why dsctl would refuse the words before it asks anybody. Those of a sentence may lack arguments and values.
func understood(words []string, whole bool) error {
	root := newRootCommand(&deps{getenv: func(string) string { return "" }})
	cmd, rest, err := root.Find(words)
	if err != nil {
		return err
	}
	if err := cmd.ParseFlags(rest); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return nil
		}
		if !whole && strings.HasPrefix(err.Error(), "flag needs an argument") {
			return nil
		}
		return err
	}
	if !whole {
		return nil
	}
	if args := cmd.Flags().Args(); cmd.HasSubCommands() {
		return fmt.Errorf("%s does nothing by itself, and has no %q", cmd.CommandPath(), args)
	}
	return cmd.ValidateArgs(cmd.Flags().Args())
}

// TestDocsCommandsAreRead: what the check above reads of a line.
func TestDocsCommandsAreRead(t *testing.T) {
	for line, refused := range map[string]bool{
		"dsctl status": false, "# dsctl plan -f new.yaml      before: who gains": false, "dsctl get nodes -l a=b | wc -l": false,
		"dsctl stauts": true, "dsctl status --wide": true, "dsctl rollout status": true, "dsctl rollout frob x": true,
	} {
		if err := understood(commandOf(line), true); (err != nil) != refused {
			t.Errorf("%q: %v, want refused %v", line, err, refused)
		}
	}
}
