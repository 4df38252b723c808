package client

import (
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestReadLines(t *testing.T) {
	for _, c := range []struct {
		name, stream string
		events       int
		gone         bool
		text         string
	}{
		{"nothing", "", 0, false, ""},
		{"two", `{"type":"ADDED","object":{"metadata":{"name":"a"}}}` + "\n" + `{"type":"DELETED","object":{}}` + "\n", 2, false, ""},
		{"gone in the middle", `{"type":"ADDED","object":{}}` + "\n" + `{"type":"ERROR","object":{"code":410,"message":"late"}}`, 1, true, "late"},
		{"another error", `{"type":"ERROR","object":{"code":500,"message":"broken"}}`, 0, false, "broken"},
		{"no JSON", "hello\n", 0, false, "no event"},
		{"another object", `{"type":"ADDED","object":[]}`, 0, false, "another kind"},
		{"cut off", `{"type":"ADDED","obj`, 0, false, "no event"},
	} {
		n := 0
		err := readLines(strings.NewReader(c.stream), func(WatchEvent[corev1.Pod], error) bool {
			n++
			return true
		})
		if n != c.events || errors.Is(err, ErrGone) != c.gone {
			t.Errorf("%s: %d events, %v", c.name, n, err)
		}
		if (err == nil) != (c.text == "") || err != nil && !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, want %q", c.name, err, c.text)
		}
	}
}

func FuzzReadLines(f *testing.F) {
	f.Add(`{"type":"ADDED","object":{"metadata":{"name":"a"}}}` + "\n" + `{"type":"ERROR","object":{"code":410}}`)
	f.Add("\n\n{}\n[]\n")
	f.Fuzz(func(_ *testing.T, stream string) {
		_ = readLines(strings.NewReader(stream), func(WatchEvent[corev1.Pod], error) bool { return true })
	})
}
