package sqltoken

// The kinds of a [Token].
const (
	Word        = 'w' // keyword or unquoted identifier
	Quoted      = 'q' // "identifier"
	Literal     = 'l' // string, number, bit string, or a ? that stands for one
	Parameter   = 'p' // $1
	Punctuation = '.' // one character of an operator, or a bracket, comma, semicolon
)

// Token is SQL[Start:End], one piece of a statement; Gap tells that blanks or a comment stood before it.
type Token struct {
	Kind       byte
	Start, End int
	Gap        bool
}

// Lexer cuts SQL into tokens, by the rules of Postgres with standard_conforming_strings on
// (the default since 9.1). It never fails: what is not closed goes on to the end.
type Lexer struct {
	SQL  string
	pos  int
	last Token
	any  bool // a token was returned before
}

// Next returns the next token; ok is false at the end.
func (l *Lexer) Next() (t Token, ok bool) {
	start := l.pos
	l.skipBlank()
	if l.pos >= len(l.SQL) {
		return Token{}, false
	}
	t = Token{Start: l.pos, Gap: l.pos > start}
	t.Kind = l.scan()
	t.End = l.pos
	l.last, l.any = t, true
	return t, true
}

// scan moves over one token and returns its kind.
func (l *Lexer) scan() byte {
	c := l.SQL[l.pos]
	switch {
	case isWordStart(c):
		return l.scanWord()
	case isDigit(c), c == '.' && isDigit(l.at(1)), (c == '-' || c == '+') && l.signs():
		l.scanNumber()
		return Literal
	case c == '\'':
		l.scanQuoted('\'', false)
		return Literal
	case c == '"':
		l.scanQuoted('"', false)
		return Quoted
	case c == '?':
		l.pos++
		return Literal
	case c == '$' && isDigit(l.at(1)):
		for l.pos++; l.pos < len(l.SQL) && isDigit(l.SQL[l.pos]); {
			l.pos++
		}
		return Parameter
	case c == '$' && l.scanDollarQuoted():
		return Literal
	}
	l.pos++
	return Punctuation
}

// at returns the byte n after the current one, or 0.
func (l *Lexer) at(n int) byte {
	if l.pos+n < len(l.SQL) {
		return l.SQL[l.pos+n]
	}
	return 0
}

// signs reports whether a - or + here belongs to the number after it, as in (-1) and
// unlike in a-1.
func (l *Lexer) signs() bool {
	if next := l.at(1); !isDigit(next) && (next != '.' || !isDigit(l.at(2))) {
		return false
	}
	if !l.any {
		return true
	}
	if l.last.Kind != Punctuation {
		return false
	}
	before := l.SQL[l.last.Start]
	return before != ')' && before != ']'
}

func (l *Lexer) skipBlank() {
	for l.pos < len(l.SQL) {
		switch c := l.SQL[l.pos]; {
		case c == ' ' || c >= '\t' && c <= '\r':
			l.pos++
		case c == '-' && l.at(1) == '-':
			for l.pos < len(l.SQL) && l.SQL[l.pos] != '\n' && l.SQL[l.pos] != '\r' {
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
func (l *Lexer) skipComment() {
	depth := 0
	for l.pos < len(l.SQL) {
		switch c, next := l.SQL[l.pos], l.at(1); {
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
func (l *Lexer) scanWord() byte {
	start := l.pos
	for l.pos < len(l.SQL) && isWord(l.SQL[l.pos]) {
		l.pos++
	}
	if l.pos-start == 1 && l.at(0) == '\'' {
		switch l.SQL[start] {
		case 'e', 'E':
			l.scanQuoted('\'', true)
			return Literal
		case 'b', 'B', 'x', 'X', 'n', 'N':
			l.scanQuoted('\'', false)
			return Literal
		}
	}
	return Word
}

// scanNumber moves over 12, 1.5e-3, .5, 0x1F and 1_000, with its sign.
func (l *Lexer) scanNumber() {
	if c := l.SQL[l.pos]; c == '-' || c == '+' {
		l.pos++
	}
	if l.SQL[l.pos] == '0' && (l.at(1)|0x20 == 'x' || l.at(1)|0x20 == 'o' || l.at(1)|0x20 == 'b') {
		l.pos += 2
		for l.pos < len(l.SQL) && (isDigit(l.SQL[l.pos]) || l.SQL[l.pos] == '_' ||
			l.SQL[l.pos]|0x20 >= 'a' && l.SQL[l.pos]|0x20 <= 'f') {
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

func (l *Lexer) scanDigits() {
	for l.pos < len(l.SQL) && (isDigit(l.SQL[l.pos]) || l.SQL[l.pos] == '_') {
		l.pos++
	}
}

// scanQuoted moves over a quoted piece, whose quote is written twice inside.
func (l *Lexer) scanQuoted(quote byte, backslash bool) {
	for l.pos++; l.pos < len(l.SQL); l.pos++ {
		switch c := l.SQL[l.pos]; {
		case c == '\\' && backslash:
			l.pos++
		case c == quote && l.at(1) == quote:
			l.pos++
		case c == quote:
			l.pos++
			return
		}
	}
	l.pos = len(l.SQL)
}

// scanDollarQuoted moves over $tag$…$tag$ and reports false where there is no such thing.
func (l *Lexer) scanDollarQuoted() bool {
	end := l.pos + 1
	for end < len(l.SQL) && isWord(l.SQL[end]) && l.SQL[end] != '$' {
		end++
	}
	if end >= len(l.SQL) || l.SQL[end] != '$' {
		return false
	}
	tag := l.SQL[l.pos : end+1]
	for i := end + 1; i+len(tag) <= len(l.SQL); i++ {
		if l.SQL[i] == '$' && l.SQL[i:i+len(tag)] == tag {
			l.pos = i + len(tag)
			return true
		}
	}
	l.pos = len(l.SQL)
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
