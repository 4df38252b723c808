package screen

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// claimed is a message, or an entry of a push/pull without its first byte, that says something of a member.
func claimed(kind byte, incarnation uint32, state byte) []byte {
	b := append([]byte{kind}, "\x83\xabIncarnation\xce"...)
	b = binary.BigEndian.AppendUint32(b, incarnation)
	return append(append(b, "\xa4Node\xa1x\xa5State"...), state)
}

// TestFaultT6Absurd: no message gets to memberlist that accuses a member with an incarnation that it could not rise above, nor one that raises
// it so far, in whatever form it is written.
func TestFaultT6Absurd(t *testing.T) {
	for name, c := range map[string]struct {
		message []byte
		want    Reason
	}{
		"dead":                      {claimed(typeDead, 5, 0), ""},
		"dead, highest":             {claimed(typeDead, MaxIncarnation, 0), ""},
		"dead, above":               {claimed(typeDead, MaxIncarnation+1, 0), Absurd},
		"suspect, for ever":         {claimed(typeSuspect, math.MaxUint32, 0), Absurd},
		"alive, to answer that":     {claimed(typeAlive, MaxIncarnation+1, 0), ""},
		"alive, above":              {claimed(typeAlive, MaxIncarnation+2, 0), Absurd},
		"of 64 bits":                {[]byte("\x05\x81\xabIncarnation\xcf\x00\x00\x00\x01\x00\x00\x00\x05"), Absurd},
		"a signed number":           {[]byte("\x05\x81\xabIncarnation\xd2\x7f\xff\xff\xff"), Absurd},
		"said twice":                {[]byte("\x05\x82\xabIncarnation\x05\xabIncarnation\xce\xff\xff\xff\xff"), Misshapen},
		"as a list":                 {[]byte("\x05\x92\xce\xff\xff\xff\xff\xa1x"), Misshapen},
		"a longer form of the map":  {[]byte("\x05\xde\x00\x01\xabIncarnation\xce\xff\xff\xff\xff"), Misshapen},
		"a longer form of the name": {[]byte("\x05\x81\xd9\x0bIncarnation\xce\xff\xff\xff\xff"), Misshapen},
		"a number with a fraction":  {[]byte("\x05\x81\xabIncarnation\xcb\x7f\xef\xff\xff\xff\xff\xff\xff"), Misshapen},
		"bytes for a number":        {[]byte("\x05\x81\xabIncarnation\xa4\xff\xff\xff\xff"), Misshapen},
	} {
		if got := checkPacket(c.message); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if got := checkPacket(compound(ping(), c.message)); got != c.want {
			t.Errorf("%s, one of several: %q, want %q", name, got, c.want)
		}
	}
}

// TestFaultT6Tame: what is absurd in a push/pull is taken out, and the rest of it stays as it is: it may come from an honest member.
func TestFaultT6Tame(t *testing.T) {
	l := Limits{Message: 1 << 20, User: 1 << 10, Nodes: 100}
	message := func(entries ...[]byte) []byte {
		b := append([]byte{typePushPull}, "\x82\xa5Nodes"...)
		b = append(append(b, byte(len(entries))), "\xacUserStateLen\x02"...)
		for _, e := range entries {
			b = append(b, e[1:]...)
		}
		return append(b, "hi"...)
	}
	good := [][]byte{claimed(0, 7, stateAlive), claimed(0, MaxIncarnation+1, stateAlive), claimed(0, MaxIncarnation, 2)}
	bad := [][]byte{claimed(0, MaxIncarnation+2, stateAlive), claimed(0, MaxIncarnation+1, 2), claimed(0, math.MaxUint32, 3)}
	tamed := [][]byte{claimed(0, 0, stateAlive), claimed(0, 0, 2), claimed(0, 0, 3)}
	b := message(append(good, bad...)...)
	if why := l.checkMessage(b); why != "" {
		t.Fatalf("the message is %q", why)
	}
	if changed, ok := l.tame(b); !changed || !ok {
		t.Fatalf("changed %v, ok %v", changed, ok)
	}
	if diff := cmp.Diff(message(append(good, tamed...)...), b); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	again := bytes.Clone(b)
	if changed, ok := l.tame(b); changed || !ok || !bytes.Equal(b, again) {
		t.Errorf("once more: changed %v, ok %v", changed, ok)
	}
	for name, entry := range map[string][]byte{
		"a list":          []byte("\x00\x91\xce\xff\xff\xff\xff"),
		"64 bits":         []byte("\x00\x81\xabIncarnation\xcf\x00\x00\x00\x01\x00\x00\x00\x05"),
		"text, no number": []byte("\x00\x81\xabIncarnation\xa4\xff\xff\xff\xff"),
	} {
		if _, ok := l.tame(message(entry)); ok {
			t.Errorf("%s passes", name)
		}
	}
}
