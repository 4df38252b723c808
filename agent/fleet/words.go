package fleet

// maxWords is how many strings are remembered; with many more than that a fleet has little in common.
const maxWords = 16 << 10

// words keeps one copy of each string that hosts have in common: ten thousand nodes have the same label keys, reasons,
// messages and versions. Not safe for concurrent use. A nil *words remembers nothing.
type words struct{ known map[string]string }

// of returns a string equal to s.
func (w *words) of(s string) string {
	if w == nil || s == "" {
		return s
	}
	if same, ok := w.known[s]; ok {
		return same
	}
	if w.known == nil || len(w.known) >= maxWords {
		w.known = make(map[string]string) // begin anew: what is still said is soon there again
	}
	w.known[s] = s
	return s
}
