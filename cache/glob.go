package cache

import "strings"

// Match reports whether key matches the glob pattern, byte by byte and in the dialect of Redis, so
// that a pattern means the same in every tier: * is any run of bytes (a slash is nothing
// special), ? is any one byte, [abc], [a-z] and [^a-z] are one byte in or not in a set, and \
// takes the next byte as itself. A set that is not closed is a plain bracket. The time is at
// most len(pattern) × len(key); there is no exponential case.
func Match(pattern, key string) bool {
	p, k := 0, 0
	star, from := -1, 0 // where to go back to: after the last star, with it taking one byte more
	for k < len(key) {
		if p < len(pattern) && pattern[p] == '*' {
			p++
			star, from = p, k
			continue
		}
		if width, ok := matchOne(pattern[p:], key[k]); ok {
			p += width
			k++
			continue
		}
		if star < 0 {
			return false
		}
		from++
		p, k = star, from
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// matchOne matches one byte against the first element of pattern and returns its width.
func matchOne(pattern string, b byte) (width int, ok bool) {
	if pattern == "" {
		return 0, false
	}
	switch pattern[0] {
	case '?':
		return 1, true
	case '\\':
		if len(pattern) > 1 {
			return 2, pattern[1] == b
		}
	case '[':
		if width, in, closed := matchSet(pattern, b); closed {
			return width, in
		}
	}
	return 1, pattern[0] == b
}

// matchSet matches b against the set that pattern begins with.
func matchSet(pattern string, b byte) (width int, in, closed bool) {
	i, not := 1, false
	if i < len(pattern) && pattern[i] == '^' {
		i, not = i+1, true
	}
	for i < len(pattern) && pattern[i] != ']' {
		if pattern[i] == '\\' && i+1 < len(pattern) {
			i++
		}
		low, high := pattern[i], pattern[i]
		if i+2 < len(pattern) && pattern[i+1] == '-' && pattern[i+2] != ']' {
			high = pattern[i+2]
			i += 2
		}
		if low > high {
			low, high = high, low
		}
		in = in || low <= b && b <= high
		i++
	}
	if i >= len(pattern) {
		return 0, false, false
	}
	return i + 1, in != not, true
}
