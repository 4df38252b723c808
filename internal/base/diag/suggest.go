package diag

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// maxSuggestLength bounds the work for names that come from outside; nothing that is meant as a field name is longer.
const maxSuggestLength = 64

// Suggest finds the element of known that got was probably meant to be: the same letters in another case, or at most
// one edit (a letter added, dropped, changed, or two neighbours swapped) for each three letters. It answers false when
// nothing is near or when got itself is known. Of several equally near ones the first in alphabetical order is taken.
func Suggest(got string, known []string) (string, bool) {
	if got == "" || len(got) > maxSuggestLength || slices.Contains(known, got) {
		return "", false
	}
	best, bestDistance := "", allowedEdits(got)+1
	for _, k := range known {
		if d := suggestDistance(got, k); d < bestDistance || d == bestDistance && best != "" && k < best {
			best, bestDistance = k, d
		}
	}
	return best, best != ""
}

func allowedEdits(s string) int { return min(max(1, utf8.RuneCountInString(s)/3), 4) }

// suggestDistance counts letters of the wrong case as nothing, so that "hostport" is nearest to "hostPort".
func suggestDistance(a, b string) int {
	if len(b) > maxSuggestLength {
		return maxSuggestLength
	}
	if a, b = strings.ToLower(a), strings.ToLower(b); a == b {
		return 0
	}
	d := editDistance([]rune(a), []rune(b))
	// A word of one or two letters is an edit or two from any other.
	if d >= max(len(a), len(b)) {
		return maxSuggestLength
	}
	return d
}

// editDistance is the optimal string alignment distance: Levenshtein's with swaps of neighbours.
func editDistance(a, b []rune) int {
	before, last, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			change := last[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			cur[j] = min(change, last[j]+1, cur[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		before, last, cur = last, cur, before
	}
	return last[len(b)]
}
