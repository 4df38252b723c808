package config

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/daemonsetd/daemonsetd/gossip/keyring"
)

func TestBindAndAdvertise(t *testing.T) {
	addr := netip.MustParseAddrPort
	tests := map[string]struct {
		bind, advertise netip.AddrPort // zero: refused
	}{
		"0.0.0.0:7947":          {bind: addr("0.0.0.0:7947")},
		"[::]:7947":             {bind: addr("[::]:7947")},
		"192.0.2.1":             {addr("192.0.2.1:7947"), addr("192.0.2.1:0")},
		"192.0.2.1:0":           {addr("192.0.2.1:0"), addr("192.0.2.1:0")},
		"192.0.2.1:8000":        {addr("192.0.2.1:8000"), addr("192.0.2.1:8000")},
		"2001:db8::1":           {addr("[2001:db8::1]:7947"), addr("[2001:db8::1]:0")},
		"[2001:db8::1]":         {addr("[2001:db8::1]:7947"), addr("[2001:db8::1]:0")},
		"[2001:db8::1]:1":       {addr("[2001:db8::1]:1"), addr("[2001:db8::1]:1")},
		"[fe80::1%eth0]:1":      {addr("[fe80::1%eth0]:1"), addr("[fe80::1%eth0]:1")},
		"[::ffff:192.0.2.1]:80": {addr("192.0.2.1:80"), addr("192.0.2.1:80")},
		":7947":                 {}, "7947": {}, "host.example:7947": {}, "192.0.2.1:70000": {}, "[192.0.2.1": {}, "192.0.2.1:": {}, " 192.0.2.1": {},
	}
	for text, want := range tests {
		g := Gossip{Bind: text, Advertise: text}
		if got, err := g.BindAddress(); got != want.bind || (err == nil) != want.bind.IsValid() {
			t.Errorf("bind %q: %v, %v; want %v", text, got, err, want.bind)
		}
		if got, err := g.AdvertiseAddress(); got != want.advertise || (err == nil) != want.advertise.IsValid() {
			t.Errorf("advertise %q: %v, %v; want %v", text, got, err, want.advertise)
		}
	}
	if got, err := (Gossip{}).AdvertiseAddress(); got.IsValid() || err != nil {
		t.Errorf("no advertise address: %v, %v", got, err)
	}
	if _, err := (Gossip{}).BindAddress(); err == nil {
		t.Error("an empty bind address is taken")
	}
}

func TestSeeds(t *testing.T) {
	tests := map[string]string{
		"edge-1": "edge-1:7947", "edge-1.example.org.": "edge-1.example.org.:7947", "Edge-1:80": "Edge-1:80",
		"192.0.2.1": "192.0.2.1:7947", "192.0.2.1:1": "192.0.2.1:1", "2001:db8::1": "[2001:db8::1]:7947", "[2001:db8::1]:2": "[2001:db8::1]:2",
	}
	for text, want := range tests {
		seeds, err := Gossip{Join: []string{text}}.Seeds()
		if err != nil || len(seeds) != 1 || seeds[0].String() != want {
			t.Errorf("%q: %v, %v; want %s", text, seeds, err, want)
		}
	}
	refused := map[string]string{
		"": "neither an IP address nor a DNS name", "a,b": "repeat --gossip-join", "a b": "neither", "a:0": "no port", "a:http": "no port", "a:": "no port",
		"a:1:2": "too many colons", "0.0.0.0": "nobody can be reached", "192.0.2.1:0": "nobody can be reached", "192.0.2.999": "no DNS name ends in a number",
		"192.0.2": "no DNS name ends in a number", "224.0.0.1": "nobody can be reached", "http://a": "no port", "[edge]x": "neither", ":7947": "neither",
	}
	for text, want := range refused {
		if _, err := (Gossip{Join: []string{text}}).Seeds(); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), `gossip.join "`+text+`"`) {
			t.Errorf("%q: error %v, want it to contain %q", text, err, want)
		}
	}
	seeds, err := Gossip{Join: []string{"a", "b c", "d", "e f"}}.Seeds()
	if err == nil || strings.Count(err.Error(), "gossip.join") != 2 || len(seeds) != 2 {
		t.Errorf("of two bad hosts and two good ones came %v, %v", seeds, err)
	}
	if _, err := (Gossip{Join: make([]string, maxJoin+1)}).Seeds(); err == nil || !strings.Contains(err.Error(), "at most 256") {
		t.Errorf("too many hosts: %v", err)
	}
}

// What is taken is written back in a form that is taken as the same, and never dials port 0.
func TestSeedsAreStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[a-c0-9.:\[\]%-]{0,12}`).Draw(t, "text")
		seeds, err := Gossip{Join: []string{text}}.Seeds()
		if err != nil {
			return
		}
		if seeds[0].Port == 0 || seeds[0].Host == "" {
			t.Fatalf("%q gives %+v", text, seeds[0])
		}
		again, err := Gossip{Join: []string{seeds[0].String()}}.Seeds()
		if err != nil || again[0] != seeds[0] {
			t.Fatalf("%q gives %v, and that gives %v, %v", text, seeds, again, err)
		}
	})
}

func TestCluster(t *testing.T) {
	for name, good := range map[string]bool{
		"daemonsetd": true, "Site-A.1": true, strings.Repeat("a", 63): true, strings.Repeat("a", 64): false, "": false, "a b": false, "-a": false, "a\n": false, "ü": false,
	} {
		if err := checkCluster(name); (err == nil) != good {
			t.Errorf("cluster %q: %v", name, err)
		}
	}
}

func TestGossipMode(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "gossip.key")
	if err := os.WriteFile(key, []byte(keyring.Generate().Encode()), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(key, "below-a-file")
	tests := map[string]struct {
		keyFile, bind string
		join          []string
		want          GossipMode
		err           string
	}{
		"alone":                  {bind: "0.0.0.0:7947", want: GossipMode{}},
		"key":                    {keyFile: key, bind: "0.0.0.0:7947", want: GossipMode{On: true, Keyed: true}},
		"key and join":           {keyFile: key, bind: "0.0.0.0:7947", join: []string{"a"}, want: GossipMode{On: true, Keyed: true}},
		"no key, loopback":       {bind: "127.0.0.9:7947", join: []string{"127.0.0.8"}, want: GossipMode{On: true}},
		"no key, loopback of v6": {bind: "[::1]:0", join: []string{"a"}, want: GossipMode{On: true}},
		"no key, any":            {bind: "0.0.0.0:7947", join: []string{"a"}, err: "make a key for all hosts with dsctl keyring generate, or bind 127.0.0.1"},
		"no key, one address":    {bind: "192.0.2.1", join: []string{"a"}, err: `not gossip.bind "192.0.2.1"`},
		"named and missing":      {keyFile: filepath.Join(dir, "gosip.key"), bind: "127.0.0.1", err: "gosip.key, or correct the path"},
		"not to be seen":         {keyFile: file, bind: "127.0.0.1", err: "looking for the gossip keys"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := Default()
			c.Gossip = Gossip{Bind: tt.bind, Join: tt.join, KeyFile: tt.keyFile}
			got, err := c.Gossip.Mode()
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) || got.On {
					t.Errorf("%+v, %v; want an error with %q", got, err, tt.err)
				}
				if tt.keyFile != file && !errors.Is(err, ErrNoKey) {
					t.Errorf("%v is not ErrNoKey", err)
				}
				return
			}
			if (got.Why == "") != got.Keyed {
				t.Errorf("why is %q", got.Why)
			}
			got.Why = ""
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

// A host on which nothing was set up is alone: the default key file is looked for and may be missing.
func TestGossipIsOffByDefault(t *testing.T) {
	c := Default()
	got, err := c.Gossip.Mode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(keyring.DefaultPath); err == nil {
		if !got.On || !got.Keyed {
			t.Errorf("the host has a key file, and gossip is %+v", got)
		}
		return
	}
	if got.On || !strings.Contains(got.Why, keyring.DefaultPath) || !strings.Contains(got.Why, "alone") {
		t.Errorf("nothing was set up, and gossip is %+v", got)
	}
}
