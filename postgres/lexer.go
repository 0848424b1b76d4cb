package postgres

// The kinds of a [token].
const (
	kindWord        = 'w' // keyword or unquoted identifier
	kindQuoted      = 'q' // "identifier"
	kindLiteral     = 'l' // string, number, bit string, or a ? that stands for one
	kindParameter   = 'p' // $1
	kindPunctuation = '.' // one character of an operator, or a bracket, comma, semicolon
)

// token is one piece of a statement; gap tells that blanks or a comment stood before it.
type token struct {
	kind       byte
	start, end int
	gap        bool
}

// lexer cuts SQL into tokens, by the rules of Postgres with standard_conforming_strings on
// (the default since 9.1). It never fails: what is not closed goes on to the end.
type lexer struct {
	sql  string
	pos  int
	last token
	any  bool // a token was returned before
}

// next returns the next token; ok is false at the end.
func (l *lexer) next() (t token, ok bool) {
	start := l.pos
	l.skipBlank()
	if l.pos >= len(l.sql) {
		return token{}, false
	}
	t = token{start: l.pos, gap: l.pos > start}
	t.kind = l.scan()
	t.end = l.pos
	l.last, l.any = t, true
	return t, true
}

// scan moves over one token and returns its kind.
func (l *lexer) scan() byte {
	c := l.sql[l.pos]
	switch {
	case isWordStart(c):
		return l.scanWord()
	case isDigit(c), c == '.' && isDigit(l.at(1)), (c == '-' || c == '+') && l.signs():
		l.scanNumber()
		return kindLiteral
	case c == '\'':
		l.scanQuoted('\'', false)
		return kindLiteral
	case c == '"':
		l.scanQuoted('"', false)
		return kindQuoted
	case c == '?':
		l.pos++
		return kindLiteral
	case c == '$' && isDigit(l.at(1)):
		for l.pos++; l.pos < len(l.sql) && isDigit(l.sql[l.pos]); {
			l.pos++
		}
		return kindParameter
	case c == '$' && l.scanDollarQuoted():
		return kindLiteral
	}
	l.pos++
	return kindPunctuation
}

// at returns the byte n after the current one, or 0.
func (l *lexer) at(n int) byte {
	if l.pos+n < len(l.sql) {
		return l.sql[l.pos+n]
	}
	return 0
}

// signs reports whether a - or + here belongs to the number after it, as in (-1) and
// unlike in a-1.
func (l *lexer) signs() bool {
	if next := l.at(1); !isDigit(next) && (next != '.' || !isDigit(l.at(2))) {
		return false
	}
	if !l.any {
		return true
	}
	if l.last.kind != kindPunctuation {
		return false
	}
	before := l.sql[l.last.start]
	return before != ')' && before != ']'
}

func (l *lexer) skipBlank() {
	for l.pos < len(l.sql) {
		switch c := l.sql[l.pos]; {
		case c == ' ' || c >= '\t' && c <= '\r':
			l.pos++
		case c == '-' && l.at(1) == '-':
			for l.pos < len(l.sql) && l.sql[l.pos] != '\n' && l.sql[l.pos] != '\r' {
				l.pos++
			}
		case c == '/' && l.at(1) == '*':
			l.skipComment()
		default:
			return
		}
	}
}

// skipComment moves over a /* comment */, which may hold others.
func (l *lexer) skipComment() {
	depth := 0
	for l.pos < len(l.sql) {
		switch c, next := l.sql[l.pos], l.at(1); {
		case c == '/' && next == '*':
			depth++
			l.pos += 2
		case c == '*' && next == '/':
			depth--
			l.pos += 2
			if depth == 0 {
				return
			}
		default:
			l.pos++
		}
	}
}

// scanWord moves over a word, or over a string with a prefix: E'…', B'…', X'…', N'…'.
func (l *lexer) scanWord() byte {
	start := l.pos
	for l.pos < len(l.sql) && isWord(l.sql[l.pos]) {
		l.pos++
	}
	if l.pos-start == 1 && l.at(0) == '\'' {
		switch l.sql[start] {
		case 'e', 'E':
			l.scanQuoted('\'', true)
			return kindLiteral
		case 'b', 'B', 'x', 'X', 'n', 'N':
			l.scanQuoted('\'', false)
			return kindLiteral
		}
	}
	return kindWord
}

// scanNumber moves over 12, 1.5e-3, .5, 0x1F and 1_000, with its sign.
func (l *lexer) scanNumber() {
	if c := l.sql[l.pos]; c == '-' || c == '+' {
		l.pos++
	}
	if l.sql[l.pos] == '0' && (l.at(1)|0x20 == 'x' || l.at(1)|0x20 == 'o' || l.at(1)|0x20 == 'b') {
		l.pos += 2
		for l.pos < len(l.sql) && (isDigit(l.sql[l.pos]) || l.sql[l.pos] == '_' ||
			l.sql[l.pos]|0x20 >= 'a' && l.sql[l.pos]|0x20 <= 'f') {
			l.pos++
		}
		return
	}
	l.scanDigits()
	if l.at(0) == '.' && l.at(1) != '.' {
		l.pos++
		l.scanDigits()
	}
	if l.at(0)|0x20 != 'e' {
		return
	}
	sign := 1
	if c := l.at(1); c == '-' || c == '+' {
		sign = 2
	}
	if isDigit(l.at(sign)) {
		l.pos += sign
		l.scanDigits()
	}
}

func (l *lexer) scanDigits() {
	for l.pos < len(l.sql) && (isDigit(l.sql[l.pos]) || l.sql[l.pos] == '_') {
		l.pos++
	}
}

// scanQuoted moves over a quoted piece, whose quote is written twice inside.
func (l *lexer) scanQuoted(quote byte, backslash bool) {
	for l.pos++; l.pos < len(l.sql); l.pos++ {
		switch c := l.sql[l.pos]; {
		case c == '\\' && backslash:
			l.pos++
		case c == quote && l.at(1) == quote:
			l.pos++
		case c == quote:
			l.pos++
			return
		}
	}
	l.pos = len(l.sql)
}

// scanDollarQuoted moves over $tag$…$tag$ and reports false where there is no such thing.
func (l *lexer) scanDollarQuoted() bool {
	end := l.pos + 1
	for end < len(l.sql) && isWord(l.sql[end]) && l.sql[end] != '$' {
		end++
	}
	if end >= len(l.sql) || l.sql[end] != '$' {
		return false
	}
	tag := l.sql[l.pos : end+1]
	for i := end + 1; i+len(tag) <= len(l.sql); i++ {
		if l.sql[i] == '$' && l.sql[i:i+len(tag)] == tag {
			l.pos = i + len(tag)
			return true
		}
	}
	l.pos = len(l.sql)
	return true
}

func isDigit(c byte) bool { return c-'0' <= 9 }

func isWordStart(c byte) bool { return classes[c]&classWordStart != 0 }

func isWord(c byte) bool { return classes[c]&classWord != 0 }

const (
	classWordStart = 1 << iota
	classWord
)

// classes says of each byte where in a word it may stand; bytes above 0x7f are parts of
// letters.
var classes = func() (table [256]uint8) {
	for i := range table {
		c := byte(i)
		if c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c >= 0x80 {
			table[i] = classWordStart | classWord
		} else if isDigit(c) || c == '$' {
			table[i] = classWord
		}
	}
	return table
}()
