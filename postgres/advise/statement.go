package advise

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sentientcore/upshift/internal/sqltoken"
)

// Statement is one of a workload: what it says and how much of it there is.
type Statement struct {
	// SQL is one statement. Parameters $1, $2 … hold for any value.
	SQL string
	// Fingerprint and Query name and show it; they are not looked at.
	Fingerprint, Query string
	// CallsPerDay is how often it runs, MeanSeconds how long a call takes on the server.
	CallsPerDay float64
	MeanSeconds float64
}

// statement is one that was planned.
type statement struct {
	Statement
	explain []string // what asks for its plan, the last of them answers
	blind   error    // why the engine cannot plan it
	cost    float64  // without any further index
	usages  []*usage
	// seconds a day, and its weight in the search.
	seconds, weight float64
}

// constantTypes are types that a literal may have in front of it: date '2026-01-01'. Where the server
// counts statements it puts $1 for the literal, and what is left is no SQL.
var constantTypes = []string{
	"date", "time", "timestamp", "timestamptz", "timetz", "interval", "numeric", "decimal", "float4", "float8", "int2", "int4",
	"int8", "uuid", "json", "jsonb", "text", "inet", "cidr", "bytea", "boolean", "bool", "point", "vector", "varchar",
}

// repair turns date $1 into $1::date and extract($1 FROM x) into extract(year FROM x), and returns the
// number of parameters.
func repair(sql string) (repaired string, parameters int) {
	l := sqltoken.Lexer{SQL: sql}
	var tokens []sqltoken.Token
	for t, ok := l.Next(); ok; t, ok = l.Next() {
		tokens = append(tokens, t)
	}
	var b strings.Builder
	word := func(i int) string {
		if i < 0 || i >= len(tokens) {
			return ""
		}
		return strings.ToLower(sql[tokens[i].Start:tokens[i].End])
	}
	for i := 0; i < len(tokens); i++ {
		t, text := tokens[i], sql[tokens[i].Start:tokens[i].End]
		if t.Gap && b.Len() > 0 {
			b.WriteByte(' ')
		}
		isType := t.Kind == sqltoken.Word && slices.Contains(constantTypes, word(i)) && word(i-1) != "." && word(i-1) != ":"
		switch next := i + 1; {
		case isType && next < len(tokens) && tokens[next].Kind == sqltoken.Parameter:
			parameters = max(parameters, number(word(next)))
			b.WriteString(word(next) + "::" + text)
			i++
		case t.Kind == sqltoken.Parameter && word(i-1) == "(" && word(i-2) == "extract" && word(next) == "from":
			b.WriteString("year")
			parameters = max(parameters, number(text))
		case t.Kind == sqltoken.Parameter:
			parameters = max(parameters, number(text))
			b.WriteString(text)
		default:
			b.WriteString(text)
		}
	}
	return b.String(), parameters
}

func number(parameter string) int {
	n := 0
	if _, err := fmt.Sscanf(parameter, "$%d", &n); err != nil || n > 1000 {
		return 0
	}
	return n
}

// explains tells whether a statement is one that reads and may be planned.
func explains(sql string) bool {
	l := sqltoken.Lexer{SQL: sql}
	for t, ok := l.Next(); ok; t, ok = l.Next() {
		switch strings.ToLower(sql[t.Start:t.End]) {
		case "(":
			continue
		case "select", "with", "values", "table", "update", "delete", "merge", "insert":
			return true
		}
		return false
	}
	return false
}
