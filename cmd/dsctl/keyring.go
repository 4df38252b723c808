package main

import (
	"context"
	"errors"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/daemonsetd/daemonsetd/gossip/keyring"
)

// keyringFile is the result of the verbs of keyring: the file after them. It never has a key in it.
type keyringFile struct {
	SchemaVersion int    `json:"schemaVersion"`
	File          string `json:"file"`
	// Changed says what was done, one sentence each; empty when nothing had to be.
	Changed []string     `json:"changed,omitempty"`
	Keys    []keyringKey `json:"keys"`
}

type keyringKey struct {
	Fingerprint string `json:"fingerprint"`
	// Encrypts is set for the one key that encrypts what this host sends; all of them decrypt.
	Encrypts bool `json:"encrypts"`
}

// keyringDeps is what the verbs of keyring share.
type keyringDeps struct {
	*deps
	file string
}

// keyringExits are those of the verbs of keyring, which work without an agent.
func keyringExits() exits {
	e := offline("the file has an error, or it failed")
	e[exitForbidden] = ""
	return e
}

func newKeyringCommand(d *deps) *cobra.Command {
	k := &keyringDeps{deps: d}
	cmd := &cobra.Command{
		Use:   "keyring COMMAND",
		Short: "Make, list and change the keys that all hosts of the fleet share",
		Long: long(`Make, list and change the keys that all hosts of the fleet share. They stand in a file on each host. The first
encrypts what the host sends, every one of them decrypts what it hears. Keys are shown by their fingerprints alone.

The first key: make it on one host with generate, and bring the file to all others, mode 0600.

Another key, without a restart and with every host heard all the time; each step on every host before the next one:
  1. add     the new key, which generate made on one host, decrypts on all of them
  2. use     the new key encrypts
  3. remove  the old key is gone

The agent watches the file and takes it over by itself; dsctl reload tells what came of it. No agent is needed for
working on the file. Comments in it are kept.`, keyringExits()),
		Example: example("dsctl keyring generate",
			"ssh root@edge-2 dsctl keyring add - < /etc/daemonsetd/gossip.key",
			"dsctl keyring list", "dsctl keyring use 1a2b3c4d", "dsctl keyring remove 9f8e7d6c"),
	}
	cmd.PersistentFlags().StringVar(&k.file, "key-file", keyring.DefaultPath, "the file of the keys")
	cmd.AddCommand(newKeyringGenerateCommand(k), newKeyringListCommand(k), newKeyringAddCommand(k),
		newKeyringUseCommand(k), newKeyringRemoveCommand(k))
	cmd.RunE = d.verb(func(_ context.Context, args []string) error {
		if len(args) == 0 {
			return usagef("a command is required: add, generate, list, remove or use")
		}
		return usagef("unknown command %q, want add, generate, list, remove or use", args[0])
	})
	return cmd
}

func newKeyringListCommand(k *keyringDeps) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the fingerprints of the keys in the file",
		Long: long(`List the fingerprints of the keys in the file, the one that encrypts first. A fingerprint is the beginning of
the key's SHA-256; dsctl status shows those that the agent uses.`, keyringExits()),
		Args: noArgs,
		RunE: k.verb(k.runList),
	}
}

func (k *keyringDeps) runList(context.Context, []string) error {
	r, err := keyring.Read(k.file)
	if errors.Is(err, fs.ErrNotExist) {
		return &exitError{code: exitFailed, err: err, hint: "dsctl keyring generate makes the file"}
	}
	if err != nil {
		return k.failed(err)
	}
	return k.show(r, nil, func(p page, f keyringFile) error {
		t := newTable("FINGERPRINT", "USE")
		for _, key := range f.Keys {
			t.add(key.Fingerprint, useOf(key))
		}
		return t.write(p, p.width)
	})
}

func useOf(key keyringKey) string {
	if key.Encrypts {
		return "encrypts, decrypts"
	}
	return "decrypts"
}

// show prints what is in the file, to people as text does it.
func (k *keyringDeps) show(r *keyring.Ring, changed []string, text func(page, keyringFile) error) error {
	f := keyringFile{SchemaVersion: schemaVersion, File: k.file, Changed: changed, Keys: []keyringKey{}}
	v := view{}
	for i, key := range r.Keys() {
		f.Keys = append(f.Keys, keyringKey{Fingerprint: key.Fingerprint(), Encrypts: i == 0})
		v.names = append(v.names, key.Fingerprint())
	}
	v.object, v.rows = f, rowsOf(f.Keys)
	v.text = func(p page) error { return text(p, f) }
	return k.print(v)
}

// failed gives an error its exit code and says what to do.
func (k *keyringDeps) failed(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return &exitError{code: exitForbidden, err: err, hint: "the keys are root's; run it as root"}
	}
	return err
}
