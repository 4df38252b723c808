package fleet

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Text from another host ends up on terminals and in logs. Names that Kubernetes knows in one alphabet only are refused
// when they have anything else in them; free text is scrubbed.

// isName says whether s could be the key of a label, a taint or a condition: the alphabet of qualified names.
func isName(s string) bool { return s != "" && len(s) <= maxKeyLen && inAlphabet(s, true) }

// isValue says whether s could be the value of a label or a taint.
func isValue(s string) bool { return len(s) <= maxValueLen && inAlphabet(s, false) }

func inAlphabet(s string, slash bool) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' && (c != '/' || !slash) {
			return false
		}
	}
	return true
}

// scrub puts a space for everything that cannot be seen, control characters above all, and the replacement character
// for what is no UTF-8.
func scrub(s string) string { return scrubAll(s, nil) }

// scrubLines is scrub for text that may have several lines.
func scrubLines(s string) string {
	return scrubAll(s, func(r rune) bool { return r == '\n' || r == '\t' })
}

func scrubAll(s string, keep func(rune) bool) string {
	if plain(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || keep != nil && keep(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
}

func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// cut shortens scrubbed text to limit bytes, and says whether it had to.
func cut(s string, limit int) (string, bool) {
	const mark = "..."
	if len(s) <= limit {
		return s, false
	}
	end := limit - len(mark)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + mark, true
}

// seconds is a moment on the wire: Unix seconds, which is all that Kubernetes keeps of it; 0 for none and for one that
// no object can have.
func seconds(t time.Time) int64 {
	if s := t.Unix(); s > 0 && s <= maxSecond {
		return s
	}
	return 0
}

// moment is the inverse of seconds.
func moment(s int64) (time.Time, error) {
	switch {
	case s < 0 || s > maxSecond:
		return time.Time{}, malformed("the time %d is none, want Unix seconds from 0 to %d", s, int64(maxSecond))
	case s == 0:
		return time.Time{}, nil
	}
	return time.Unix(s, 0).UTC(), nil
}

func metaMoment(s int64) (metav1.Time, error) {
	t, err := moment(s)
	return metav1.Time{Time: t}, err
}
