package api

import (
	"slices"
	"strings"
)

// nearest returns the known name that is most like name, "" when none is at all.
func nearest(name string, known []string) string {
	name = strings.ToLower(name)
	if len(name) > 64 {
		return ""
	}
	best, found := max(len(name)/2, 1)+1, ""
	for _, k := range slices.Sorted(slices.Values(known)) {
		if d := distance(name, strings.ToLower(k)); d < best {
			best, found = d, k
		}
	}
	return found
}

// didYouMean is the hint that goes with an unknown name.
func didYouMean(name string, known []string) string {
	if n := nearest(name, known); n != "" {
		return "did you mean " + n + "?"
	}
	if len(known) == 0 {
		return "none is known here"
	}
	return "known: " + strings.Join(slices.Sorted(slices.Values(known)), ", ")
}

// distance is the Levenshtein distance of two short names, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(row[j+1]+1, row[j]+1, change)
		}
	}
	return row[len(b)]
}
