package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/daemonsetd/daemonsetd/gossip/keyring"
)

func newKeyringGenerateCommand(k *keyringDeps) *cobra.Command {
	var stdout bool
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Make a new key",
		Long: long(`Make a new key and put it into the file, which is made where there is none. The first key of a file encrypts;
any further one only decrypts until dsctl keyring use. With --stdout the key itself is printed, to be kept where
secrets are kept, and no file is touched.`, keyringExits()),
		Example: example("dsctl keyring generate", "dsctl keyring generate --stdout | vault kv put secret/gossip key=-"),
		Args:    noArgs,
		RunE: k.verb(func(context.Context, []string) error {
			key := keyring.Generate()
			if stdout {
				return printLines(k.out, []string{key.Encode()})
			}
			return k.edit(func(r *keyring.Ring) ([]string, error) { return addKeys(r, "generated", key) })
		}),
	}
	cmd.Flags().BoolVar(&stdout, "stdout", false, "print the key instead of putting it into the file")
	return cmd
}

func newKeyringAddCommand(k *keyringDeps) *cobra.Command {
	return &cobra.Command{
		Use:   "add FILE|-",
		Short: "Add the keys of another key file",
		Long: long(`Add the keys of another key file, or of the standard input for -, behind those that are there. They decrypt;
dsctl keyring use makes one of them encrypt. Keys that are there already stay as they are. Where there is no file yet it
is made, and the first key of the other file encrypts. A key is never an argument: other users can see those.`, keyringExits()),
		Example: example("ssh root@edge-2 dsctl keyring add - < /etc/daemonsetd/gossip.key"),
		Args:    exactlyOne("the FILE with the keys, or -"),
		RunE: k.verb(func(_ context.Context, args []string) error {
			from, err := k.readKeys(args[0])
			if err != nil {
				return k.failed(err)
			}
			return k.edit(func(r *keyring.Ring) ([]string, error) { return addKeys(r, "added", from.Keys()...) })
		}),
	}
}

// readKeys reads another key file. What comes through a pipe has no mode to check.
func (k *keyringDeps) readKeys(path string) (*keyring.Ring, error) {
	if path != stdinArg {
		return keyring.Read(path)
	}
	data, err := io.ReadAll(io.LimitReader(k.in, keyring.MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading keys: %w", err)
	}
	return keyring.Parse(stdinName, data)
}

func newKeyringUseCommand(k *keyringDeps) *cobra.Command {
	return &cobra.Command{
		Use:   "use FINGERPRINT",
		Short: "Make a key the one that encrypts",
		Long: long(`Make a key of the file the one that encrypts what this host sends. Every host must have the key by then, or it
cannot hear this one: dsctl keyring add comes first, on every host.`, keyringExits()),
		Example:           example("dsctl keyring use 1a2b3c4d"),
		Args:              exactlyOne("the FINGERPRINT of a key"),
		ValidArgsFunction: k.completeKeys,
		RunE: k.verb(func(_ context.Context, args []string) error {
			return k.edit(func(r *keyring.Ring) ([]string, error) {
				changed, err := r.Use(args[0])
				if err != nil || !changed {
					return nil, err
				}
				return []string{fmt.Sprintf("key %s encrypts", r.Keys()[0])}, nil
			})
		}),
	}
}

func newKeyringRemoveCommand(k *keyringDeps) *cobra.Command {
	return &cobra.Command{
		Use:   "remove FINGERPRINT",
		Short: "Remove a key that does not encrypt",
		Long: long(`Remove a key from the file, except for the one that encrypts. No host may use it any more, or this one cannot
hear that host: dsctl keyring use of another key comes first, on every host.`, keyringExits()),
		Example:           example("dsctl keyring remove 9f8e7d6c"),
		Args:              exactlyOne("the FINGERPRINT of a key"),
		ValidArgsFunction: k.completeKeys,
		RunE: k.verb(func(_ context.Context, args []string) error {
			return k.edit(func(r *keyring.Ring) ([]string, error) {
				if err := r.Remove(args[0]); err != nil {
					return nil, err
				}
				return []string{fmt.Sprintf("key %s removed", strings.ToLower(args[0]))}, nil
			})
		}),
	}
}

// addKeys says what it did with each key that was not there.
func addKeys(r *keyring.Ring, how string, keys ...keyring.Key) ([]string, error) {
	if len(r.Keys()) == 0 && len(r.Bytes()) == 0 {
		r.Comment("Keys that all hosts of the fleet share. The first encrypts, every one decrypts. See dsctl keyring.")
	}
	var changed []string
	for _, key := range keys {
		note := fmt.Sprintf("%s, %s %s", key, how, time.Now().UTC().Format(time.DateOnly))
		if added, err := r.Add(key, note); err != nil {
			return nil, err
		} else if !added {
			continue
		}
		use := "it decrypts"
		if r.Keys()[0] == key {
			use = "it encrypts and decrypts"
		}
		changed = append(changed, fmt.Sprintf("key %s %s; %s", key, how, use))
	}
	return changed, nil
}

// edit changes the file and shows what was done. No change is an outcome, too.
func (k *keyringDeps) edit(change func(*keyring.Ring) (changed []string, err error)) error {
	var after *keyring.Ring
	var changed []string
	err := keyring.Edit(k.file, func(r *keyring.Ring) (_ bool, err error) {
		changed, err = change(r)
		after = r
		return len(changed) > 0, err
	})
	if errors.Is(err, keyring.ErrUnknownKey) || errors.Is(err, keyring.ErrInUse) {
		return &exitError{code: exitFailed, err: err}
	}
	if err != nil {
		return k.failed(err)
	}
	if err := k.show(after, changed, printChanged); err != nil {
		return err
	}
	if len(changed) > 0 {
		k.notef("a running agent takes %s over by itself", k.file)
		k.next("dsctl reload")
	}
	return nil
}

func printChanged(p page, f keyringFile) error {
	if len(f.Changed) == 0 {
		p.printf("unchanged\n")
	}
	for _, line := range f.Changed {
		p.printf("%s\n", line)
	}
	return nil
}

// completeKeys completes one fingerprint of the file.
func (k *keyringDeps) completeKeys(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	if r, err := keyring.Read(k.file); err == nil && len(args) == 0 {
		for _, key := range r.Keys() {
			names = append(names, key.Fingerprint())
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
