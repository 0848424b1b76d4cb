package cache

import (
	"encoding/binary"
	"strconv"
	"strings"
)

const (
	// maxPatterns and maxPatternBytes bound the patterns that the generation of a cache or of the group
	// remembers. Values from before those that it has forgotten are misses.
	maxPatterns     = 32
	maxPatternBytes = 2 << 10
)

// standing is the generation of a cache or of the group as the second tier has it: a token, and the
// patterns that were cleared under it. A value has a place in their order, and those behind it
// concern it.
type standing struct {
	token string
	// first is how many patterns were forgotten, the oldest.
	first    uint64
	patterns []string
}

// parseStanding reads a generation: the token, and behind a zero byte first and the patterns. What
// is damaged has a token that no value has.
func parseStanding(generation string) standing {
	token, rest, amended := strings.Cut(generation, "\x00")
	s := standing{token: token}
	if !amended {
		return s
	}
	r := reader{rest: []byte(rest)}
	s.first = r.number()
	for len(r.rest) > 0 && len(s.patterns) < maxPatterns {
		s.patterns = append(s.patterns, r.text(maxPatternBytes))
	}
	if r.bad || len(r.rest) > 0 {
		return standing{token: generation}
	}
	return s
}

// next is the place of a value that is fetched from now on.
func (s standing) next() uint64 { return s.first + uint64(len(s.patterns)) }

// amend adds a pattern and returns the generation; false for one that is too long to remember.
func (s standing) amend(pattern string) (string, bool) {
	if len(pattern) > maxPatternBytes {
		return "", false
	}
	s.patterns = append(s.patterns[:len(s.patterns):len(s.patterns)], pattern)
	bytes := 0
	for _, p := range s.patterns {
		bytes += len(p)
	}
	for len(s.patterns) > maxPatterns || bytes > maxPatternBytes {
		bytes -= len(s.patterns[0])
		s.patterns = s.patterns[1:]
		s.first++
	}
	out := append([]byte(s.token), 0)
	out = binary.AppendUvarint(out, s.first)
	for _, p := range s.patterns {
		out = appendText(out, p)
	}
	return string(out), true
}

// last is the place behind the last pattern that a key matches; 0 when it matches none.
func (s standing) last(key string) uint64 {
	for i := len(s.patterns) - 1; i >= 0; i-- {
		if Match(s.patterns[i], key) {
			return s.first + uint64(i) + 1
		}
	}
	return 0
}

// stamp is what a value remembers of the generations it was fetched under.
func stamp(generations ...string) string {
	var b strings.Builder
	for _, g := range generations {
		s := parseStanding(g)
		b.WriteString(s.token + "." + strconv.FormatUint(s.next(), 36) + " ")
	}
	return b.String()
}

// holds reports whether a value of key with a stamp is still in force under the generations of now.
func holds(stamp, key string, generations ...string) bool {
	for _, g := range generations {
		var mark string
		mark, stamp, _ = strings.Cut(stamp, " ")
		token, text, _ := strings.Cut(mark, ".")
		place, err := strconv.ParseUint(text, 36, 64)
		now := parseStanding(g)
		if err != nil || token != now.token || place < now.first || place > now.next() || now.last(key) > place {
			return false
		}
	}
	return stamp == ""
}
