package api

import (
	"strings"
	"testing"
)

func TestRevisionText(t *testing.T) {
	for text, want := range map[string][2]uint64{"0": {0, 0}, "3": {0, 3}, "1/3": {1, 3}, "2/9007199254740991": {2, 1<<53 - 1}} {
		epoch, number, err := ParseRevision(text)
		if err != nil || [2]uint64{epoch, number} != want || RevisionText(epoch, number) != text {
			t.Errorf("%q: %d, %d, %v", text, epoch, number, err)
		}
	}
	for _, text := range []string{"", "x", "-1", "1/", "/1", "1/0", "1/2/3", " 1", "99999999999999999999"} {
		if _, _, err := ParseRevision(text); err == nil || !strings.Contains(err.Error(), "wanted a number") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParseRevision(f *testing.F) {
	for _, text := range []string{"3", "1/3", "/", "1/2/3", "-1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		epoch, number, err := ParseRevision(text)
		if err != nil {
			return
		}
		if e, n, err := ParseRevision(RevisionText(epoch, number)); err != nil || e != epoch || n != number {
			t.Errorf("%q: %d, %d, then %d, %d, %v", text, epoch, number, e, n, err)
		}
	})
}
