package records

import (
	"testing"
)

func TestReopen(t *testing.T) {
	dir := t.TempDir()
	self, other := newHost(0), newHost(1)
	a := openAs(t, self, dir)
	if a.Problem() != nil {
		t.Fatal(a.Problem())
	}
	put(t, a, self.profile(t, a.NextStamp(SectionMember), "self"))
	offer(t, a, other.profile(t, at(now(), 1), "other"), Newer)
	want := a.Digest()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	b := openAs(t, self, dir)
	if got := b.Digest(); got != want {
		t.Errorf("after a restart: got %+v, want %+v", got, want)
	}
	if b.Problem() != nil {
		t.Error(b.Problem())
	}
	if standing(b, other.id) != Trusted || len(b.View().Members) != 2 {
		t.Errorf("got %+v", b.View())
	}
}
