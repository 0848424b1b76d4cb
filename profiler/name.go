package profiler

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxNameBytes bounds a function's name.
	maxNameBytes = 200
	unnamed      = "(unnamed)"
)

// cleanName makes a name safe to keep, print and use as a label: valid UTF-8, no control
// characters, at most 200 bytes, never empty. A clean name is returned as it is, and
// otherwise the result shares no memory with name.
func cleanName(name string) string {
	if name == "" {
		return unnamed
	}
	if len(name) <= maxNameBytes && utf8.ValidString(name) && strings.IndexFunc(name, unicode.IsControl) < 0 {
		return name
	}
	return cleanText(name, maxNameBytes)
}

// cleanText returns a copy of at most limit bytes of s, cut between characters, with
// invalid bytes and control characters replaced by the replacement character.
func cleanText(s string, limit int) string {
	var b strings.Builder
	b.Grow(min(len(s), limit))
	for _, r := range s {
		if unicode.IsControl(r) {
			r = utf8.RuneError
		}
		if b.Len()+utf8.RuneLen(r) > limit {
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}
