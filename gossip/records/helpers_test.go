package records

import (
	"crypto/ed25519"
	"encoding/binary"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/daemonsetd/daemonsetd/gossip/record"
)

const cluster = "test"

// tester is what testing.T, testing.B and rapid.T have in common.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
}

// host is one member with its key.
type host struct {
	signer record.Signer
	key    ed25519.PrivateKey
	public ed25519.PublicKey
	id     record.ID
}

// newHost makes the host with number n, always the same.
func newHost(n int) host {
	seed := make([]byte, ed25519.SeedSize)
	binary.BigEndian.PutUint64(seed, uint64(n)+1)
	key := ed25519.NewKeyFromSeed(seed)
	s := record.NewSigner(cluster, key)
	return host{signer: s, key: key, public: ed25519.PublicKey(key[32:]), id: s.ID()}
}

func (h host) sign(t tester, section string, stamp record.Stamp, body string) record.Record {
	t.Helper()
	rec, err := h.signer.Sign(section, stamp, []byte(body))
	if err != nil {
		t.Fatalf("sign: %v", err)
	}
	return rec
}

// profile is the member record in which the host calls itself name.
func (h host) profile(t tester, stamp record.Stamp, name string) record.Record {
	t.Helper()
	body, err := EncodeProfile(Profile{Name: name})
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	return h.sign(t, SectionMember, stamp, string(body))
}

func at(generation, version uint64) record.Stamp {
	return record.Stamp{Generation: generation, Version: version}
}

// now is a generation that no clock refuses.
func now() uint64 { return uint64(time.Now().Unix()) }

// openAs opens the table of a host, in memory where dir is empty.
func openAs(t tester, h host, dir string) *Table {
	t.Helper()
	return openWith(t, Config{Cluster: cluster, Self: h.id, SelfKey: h.public, Dir: dir, Logger: zerolog.Nop()})
}

func openWith(t tester, c Config) *Table {
	t.Helper()
	table, err := Open(c)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	if c, ok := t.(testing.TB); ok {
		c.Cleanup(func() { _ = table.Close() })
	}
	return table
}

func offer(t tester, table *Table, rec record.Record, want Outcome) {
	t.Helper()
	if _, got := table.Offer(rec.Encoded); got != want {
		t.Errorf("offer %s of %s at %s: got %s, want %s", rec.Section, rec.Owner, rec.Stamp, got, want)
	}
}

func put(t tester, table *Table, rec record.Record) {
	t.Helper()
	if err := table.Put(rec); err != nil {
		t.Fatalf("put: %v", err)
	}
}

// standing finds a member's.
func standing(table *Table, id record.ID) Standing {
	for _, m := range table.View().Members {
		if m.ID == id {
			return m.Standing
		}
	}
	return ""
}

// fixed is a time at which something was received.
func fixed() time.Time { return time.Unix(1_700_000_000, 0) }

// idsOf are the ids of hosts.
func idsOf(hosts []host) (ids []record.ID) {
	for _, h := range hosts {
		ids = append(ids, h.id)
	}
	return ids
}
