package advise

import (
	"slices"
	"strings"

	"github.com/sentientcore/upshift/internal/sqltoken"
)

// What an [expr] is.
const (
	isOther = iota // not understood; args are what was understood inside
	isColumn
	isConstant // a literal, or several
	isParameter
	isAnd
	isOr
	isNot
	isOperator // name is the operator, args its sides
	isAny      // name = ANY (…)
	isFunction
	isCast // name is the type
	isNull
	isNotNull
)

// expr is a condition as the server writes it in a plan: with every operator in brackets, columns named by
// alias, constants by type. That makes it far easier to read than what people write.
type expr struct {
	kind        int
	alias, name string
	args        []expr
	text        string // as written, without aliases
}

const (
	maxExprDepth = 100
	maxExprBytes = 16 << 10
)

// parseExpr reads a condition. It never fails: what it does not understand is isOther.
func parseExpr(text string) expr {
	if len(text) > maxExprBytes {
		return expr{}
	}
	p := exprParser{lexer: sqltoken.Lexer{SQL: text}}
	p.advance()
	e := p.expression(0)
	for p.ok { // left over
		start := p.token.Start
		p.advance()
		e = expr{kind: isOther, args: []expr{e, p.expression(0)}, text: e.text + text[start:]}
	}
	return e
}

type exprParser struct {
	lexer sqltoken.Lexer
	token sqltoken.Token
	ok    bool
}

func (p *exprParser) advance() { p.token, p.ok = p.lexer.Next() }

func (p *exprParser) word() string {
	if !p.ok {
		return ""
	}
	return p.lexer.SQL[p.token.Start:p.token.End]
}

// is reports whether the token is this word or sign.
func (p *exprParser) is(words ...string) bool {
	return p.ok && p.token.Kind != sqltoken.Literal && p.token.Kind != sqltoken.Quoted && slices.Contains(words, p.word())
}

// take moves over a word that is there.
func (p *exprParser) take(words ...string) bool {
	if p.is(words...) {
		p.advance()
		return true
	}
	return false
}

// expression reads operands and what joins them, until a bracket, a comma or the end.
func (p *exprParser) expression(depth int) expr {
	left := p.operand(depth)
	for p.ok && !p.is(")", "]", ",") {
		switch {
		case p.is("AND", "OR"):
			left = p.joined(left, depth)
		case p.is("IS"):
			left = p.test(left)
		default:
			operator := p.operator()
			left = p.continued(left, operator, depth)
		}
	}
	return left
}

func (p *exprParser) joined(left expr, depth int) expr {
	word := p.word()
	p.advance()
	right := p.operand(depth)
	for p.ok && !p.is(")", "]", ",", "AND", "OR") {
		if p.is("IS") {
			right = p.test(right)
			continue
		}
		operator := p.operator()
		right = p.continued(right, operator, depth)
	}
	kind := isAnd
	if word == "OR" {
		kind = isOr
	}
	if left.kind == kind {
		return expr{kind: kind, args: append(left.args, right), text: left.text + " " + word + " " + right.text}
	}
	return expr{kind: kind, args: []expr{left, right}, text: left.text + " " + word + " " + right.text}
}

// test reads IS [NOT] NULL and its like.
func (p *exprParser) test(left expr) expr {
	p.advance()
	e := expr{kind: isOther, args: []expr{left}, text: left.text + " IS"}
	kind := isNull
	if p.is("NOT") {
		kind = isNotNull
	}
	for p.ok && p.token.Kind == sqltoken.Word && !p.is("AND", "OR") {
		e.text += " " + p.word()
		if p.take("NULL") {
			e.kind = kind
			break
		}
		p.advance()
	}
	return e
}

// operator reads the signs of one operator; empty when there is none.
func (p *exprParser) operator() string {
	if p.take("OPERATOR") {
		name := strings.Builder{}
		p.take("(")
		for p.ok && !p.is(")") {
			if p.token.Kind == sqltoken.Punctuation && !p.is(".") {
				name.WriteString(p.word())
			}
			p.advance()
		}
		p.take(")")
		return name.String()
	}
	signs := strings.Builder{}
	for first := true; p.ok && (first || !p.token.Gap); first = false {
		w := p.word()
		if !strings.Contains("+-*/<>=~!@#%^&|`?", w[:1]) || len(w) > 1 {
			break
		}
		signs.WriteString(w)
		p.advance()
	}
	return signs.String()
}

// continued reads what follows an operand: an operator and its other side, or a word of some syntax of its
// own, as in extract(year FROM x).
func (p *exprParser) continued(left expr, operator string, depth int) expr {
	if operator != "" {
		return p.compared(left, operator, depth)
	}
	next := p.operand(depth)
	return expr{kind: isOther, args: []expr{left, next}, text: left.text + " " + next.text}
}

func (p *exprParser) compared(left expr, operator string, depth int) expr {
	if p.is("ANY", "ALL") {
		kind := isAny
		if p.is("ALL") {
			kind = isOther
		}
		word := p.word()
		p.advance()
		right := p.operand(depth)
		return expr{kind: kind, name: operator, args: []expr{left, right}, text: left.text + " " + operator + " " + word + " " + right.text}
	}
	right := p.operand(depth)
	return expr{kind: isOperator, name: operator, args: []expr{left, right}, text: left.text + " " + operator + " " + right.text}
}

// operand reads one, with the casts and subscripts behind it.
func (p *exprParser) operand(depth int) expr {
	e := p.bare(depth + 1)
	for p.ok {
		switch {
		case p.is(":"):
			p.advance()
			p.take(":")
			name := p.typeName()
			if e.kind == isConstant || e.kind == isParameter {
				e.text += "::" + name
				continue
			}
			e = expr{kind: isCast, name: name, args: []expr{e}, text: e.text + "::" + name}
		case p.is("["):
			p.advance()
			inside := p.list(depth, "]")
			e = expr{kind: isOther, args: append([]expr{e}, inside...), text: e.text + "[" + texts(inside) + "]"}
		default:
			return e
		}
	}
	return e
}

func (p *exprParser) bare(depth int) expr {
	word := p.word()
	switch {
	case !p.ok:
		return expr{}
	case depth > maxExprDepth:
		for p.ok {
			p.advance()
		}
		return expr{}
	case p.take("("):
		e := p.expression(depth)
		for p.take(",") { // a row
			next := p.expression(depth)
			e = expr{kind: isOther, args: []expr{e, next}, text: e.text + ", " + next.text}
		}
		p.take(")")
		e.text = "(" + e.text + ")"
		return e
	case p.take("NOT"):
		e := p.operand(depth)
		return expr{kind: isNot, args: []expr{e}, text: "NOT " + e.text}
	case p.is("CASE"):
		return p.choice(depth)
	case p.token.Kind == sqltoken.Literal, p.is("true", "false", "NULL"):
		p.advance()
		return expr{kind: isConstant, text: word}
	case p.token.Kind == sqltoken.Parameter:
		p.advance()
		return expr{kind: isParameter, text: word}
	case p.token.Kind == sqltoken.Punctuation:
		p.advance()
		if word == ")" || word == "]" || word == "," {
			return expr{}
		}
		e := p.operand(depth)
		return expr{kind: isOther, args: []expr{e}, text: word + e.text}
	}
	return p.named(depth)
}

// choice reads CASE … END for the columns in it.
func (p *exprParser) choice(depth int) expr {
	e := expr{kind: isOther, text: "CASE"}
	for p.advance(); p.ok && !p.is("END"); {
		if p.is("WHEN", "THEN", "ELSE") {
			e.text += " " + p.word()
			p.advance()
			continue
		}
		if p.is(")", "]", ",") {
			return e
		}
		part := p.operand(depth)
		e.args = append(e.args, part)
		e.text += " " + part.text
	}
	p.take("END")
	e.text += " END"
	return e
}

// named reads alias.column, or a function and its arguments.
func (p *exprParser) named(depth int) expr {
	var parts, written []string
	for p.ok && (p.token.Kind == sqltoken.Word || p.token.Kind == sqltoken.Quoted) {
		written = append(written, p.word())
		parts = append(parts, unquote(p.word()))
		p.advance()
		if !p.is(".") {
			break
		}
		p.advance()
	}
	if len(parts) == 0 {
		p.advance()
		return expr{}
	}
	if p.is("(") {
		p.advance()
		args := p.list(depth, ")")
		return expr{kind: isFunction, name: parts[len(parts)-1], args: args, text: strings.Join(written, ".") + "(" + texts(args) + ")"}
	}
	e := expr{kind: isColumn, name: parts[len(parts)-1], text: written[len(written)-1]}
	if len(parts) > 1 {
		e.alias = parts[len(parts)-2]
	}
	return e
}

func (p *exprParser) list(depth int, end string) []expr {
	var list []expr
	for p.ok && !p.is(end) {
		before := p.token.Start
		list = append(list, p.expression(depth))
		if !p.take(",") && p.ok && !p.is(end) && p.token.Start == before {
			p.advance()
		}
	}
	p.take(end)
	return list
}

func texts(list []expr) string {
	parts := make([]string, len(list))
	for i, e := range list {
		parts[i] = e.text
	}
	return strings.Join(parts, ", ")
}

func unquote(word string) string {
	if len(word) >= 2 && word[0] == '"' && word[len(word)-1] == '"' {
		return strings.ReplaceAll(word[1:len(word)-1], `""`, `"`)
	}
	return word
}

// typeName reads what follows ::.
func (p *exprParser) typeName() string {
	name := strings.Builder{}
	step := func(before string) {
		name.WriteString(before + p.word())
		p.advance()
	}
	step("")
	for p.take(".") {
		step(".")
	}
	more := func() {
		for p.is("varying", "precision", "without", "with", "time", "zone") {
			step(" ")
		}
	}
	for more(); p.is("(", "["); more() {
		end := ")"
		if p.is("[") {
			end = "]"
		}
		for p.ok && !p.is(end) {
			step("")
		}
		if p.ok {
			step("")
		}
	}
	return name.String()
}

// walk calls visit for e and all inside it.
func (e expr) walk(visit func(expr)) {
	visit(e)
	for _, a := range e.args {
		a.walk(visit)
	}
}

// conjuncts are the parts of e that all must hold.
func (e expr) conjuncts() []expr {
	if e.kind != isAnd {
		return []expr{e}
	}
	var all []expr
	for _, a := range e.args {
		all = append(all, a.conjuncts()...)
	}
	return all
}
