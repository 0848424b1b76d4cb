// Package sqltoken cuts SQL into tokens: words, quoted names, literals, parameters, punctuation. It knows
// how Postgres writes them and no grammar.
//
//	l := sqltoken.Lexer{SQL: text}
//	for t, ok := l.Next(); ok; t, ok = l.Next() {
//		fmt.Println(text[t.Start:t.End])
//	}
//
// # What it does not do
//
// It does not tell keywords from names, join the characters of an operator, or find faults.
package sqltoken
