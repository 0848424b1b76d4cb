package postgres

import (
	"encoding/binary"
	"encoding/hex"
	"strings"

	"github.com/sentientcore/upshift/internal/sqltoken"
)

const (
	maxLexBytes  = 16 << 10 // of a statement that are looked at
	maxTextBytes = 4 << 10  // of a normalised text that are kept
	ellipsis     = "…"
)

// Fingerprint names the shape of a statement: 16 hexadecimal digits that are the same for
// statements that differ only in
//
//   - literals and parameters: strings of all kinds, numbers with their sign, $1, ?;
//   - how many of them stand in a list: IN (1, 2) and IN (1, 2, 3), VALUES (1), (2);
//   - blanks, comments, a semicolon at the end;
//   - the case of what is not quoted.
//
// So the text of pg_stat_statements and that of the program have the same fingerprint. It
// reads tokens, not grammar: true, null and the order of conditions make a difference. Only
// the first 16 KiB count. It costs about 5 ns a byte and allocates the name only.
func Fingerprint(sql string) string {
	hash, _ := fingerprint(sql)
	return hashName(hash)
}

func hashName(hash uint64) string {
	return hex.EncodeToString(binary.BigEndian.AppendUint64(nil, hash))
}

// FNV-1a, 64 bits (Fowler, Noll, Vo).
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// fingerprint hashes the shape of sql; literals tells whether it has values in its text.
func fingerprint(sql string) (hash uint64, literals bool) {
	l := sqltoken.Lexer{SQL: sql[:min(len(sql), maxLexBytes)]}
	now := shape{hash: fnvOffset}
	var value, group shape // as they were after the last value and the last (value)
	semicolons := 0
	for t, ok := l.Next(); ok; t, ok = l.Next() {
		text := l.SQL[t.Start:t.End]
		if text == ";" {
			semicolons++ // counts only when something follows
			continue
		}
		for ; semicolons > 0; semicolons-- {
			now.add(";", ';')
		}
		switch {
		case t.Kind == sqltoken.Literal || t.Kind == sqltoken.Parameter:
			literals = literals || t.Kind == sqltoken.Literal
			if now.ends("?,") {
				now = value // the list goes on
				continue
			}
			now.add("?", '?')
			value = now
		case text == ")" && now.ends("(?"):
			if now.ends(",(?") && group.tokens > 0 && now.tokens == group.tokens+3 {
				now = group // so does the list of lists
				continue
			}
			now.add(text, ')')
			group = now
		case t.Kind == sqltoken.Punctuation:
			now.add(text, text[0])
		default:
			now.add(text, t.Kind)
		}
	}
	return now.hash, literals
}

// shape is a fingerprint in the making, small enough to go back to an earlier one when a
// list turns out to go on. It remembers the last tokens by one byte each.
type shape struct {
	hash   uint64
	tokens int
	marks  uint32
}

// add takes in one token; of words (mark w) the case does not count.
func (s *shape) add(text string, mark byte) {
	h := s.hash
	for i := range len(text) {
		c := text[i]
		if mark == sqltoken.Word && c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		h = (h ^ uint64(c)) * fnvPrime
	}
	s.hash = h * fnvPrime // a zero byte ends the token
	s.tokens++
	s.marks = s.marks<<8 | uint32(mark)
}

// ends reports whether the last tokens have these marks, four at most.
func (s *shape) ends(marks string) bool {
	have := s.marks
	for i := len(marks) - 1; i >= 0; i-- {
		if byte(have) != marks[i] {
			return false
		}
		have >>= 8
	}
	return true
}

// Normalize returns the text of sql as it may be shown: each literal is a ?, comments are
// left out, blanks are one space. At most 4 KiB are kept, then an ellipsis. Unlike
// [Fingerprint] it keeps case, parameters and the length of lists.
func Normalize(sql string) string {
	cut := len(sql) > maxLexBytes
	l := sqltoken.Lexer{SQL: sql[:min(len(sql), maxLexBytes)]}
	var b strings.Builder
	semicolons := 0
	for t, ok := l.Next(); ok; t, ok = l.Next() {
		text := l.SQL[t.Start:t.End]
		if text == ";" {
			semicolons++
			continue
		}
		for ; semicolons > 0; semicolons-- {
			b.WriteByte(';')
		}
		if t.Gap && b.Len() > 0 {
			b.WriteByte(' ')
		}
		if t.Kind == sqltoken.Literal {
			text = "?"
		}
		if cut = b.Len()+len(text) > maxTextBytes; cut {
			break
		}
		b.WriteString(text)
	}
	out := strings.ToValidUTF8(b.String(), "�")
	if cut {
		out = strings.TrimRight(out, " ") + ellipsis
	}
	return out
}
