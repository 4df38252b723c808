package member

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// TestMoved: another address counts when it has been the same at two looks; that there is none for a time does not.
func TestMoved(t *testing.T) {
	one, two, three := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.0.3")
	none := netip.Addr{}
	for name, c := range map[string]struct {
		looks []netip.Addr
		want  bool
	}{
		"the same":          {[]netip.Addr{one, one, one}, false},
		"another":           {[]netip.Addr{one, two, two}, true},
		"for a moment":      {[]netip.Addr{two, one, two, one}, false},
		"none for a time":   {[]netip.Addr{none, none, one}, false},
		"none, then back":   {[]netip.Addr{two, none, two, one}, false},
		"one after another": {[]netip.Addr{two, three, three}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(len(c.looks))*lookAtAddress+time.Second)
				defer cancel()
				i := -1
				err := moved(ctx, func() netip.AddrPort { return netip.AddrPortFrom(one, 7947) }, func() (netip.Addr, error) {
					if i++; !c.looks[i].IsValid() {
						return none, errors.New("the host has no address")
					}
					return c.looks[i], nil
				})
				if got := err != nil; got != c.want {
					t.Errorf("%v", err)
				}
			})
		})
	}
}
