package conf

import "strings"

// nearest returns the known name that is most like name, "" when none is alike.
func nearest(name string, known []string) string {
	best, found := max(len(name)/4, 2)+1, ""
	if len(name) > 128 {
		return ""
	}
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d < best {
			best, found = d, k
		}
	}
	return found
}

// nearestLast is like nearest; it also finds a known key whose last part is that of name,
// for what stands in the wrong section.
func nearestLast(name string, known []string) string {
	if n := nearest(name, known); n != "" {
		return n
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	for _, k := range known {
		if strings.HasSuffix(k, "."+last) {
			return k
		}
	}
	return ""
}

// distance is the number of changed, added, left out and swapped letters between two
// names (optimal string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			change := last[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, change)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
