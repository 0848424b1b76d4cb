package sqltoken_test

import (
	"strings"
	"testing"

	"github.com/sentientcore/upshift/internal/sqltoken"
)

func TestLexer(t *testing.T) {
	t.Parallel()
	const sql = `SELECT "A""b", E'it\'s' /* not /* this */ */ FROM t WHERE x>=-1.5e3 AND y=$1 -- end`
	var got []string
	l := sqltoken.Lexer{SQL: sql}
	for k, ok := l.Next(); ok; k, ok = l.Next() {
		got = append(got, string(k.Kind)+sql[k.Start:k.End])
	}
	want := `wSELECT q"A""b" .,  lE'it\'s' wFROM wt wWHERE wx .> .= l-1.5e3 wAND wy .= p$1`
	if text := strings.Join(got, " "); text != strings.ReplaceAll(want, "  ", " ") {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

// FuzzLexer holds that tokens follow each other and never reach beyond the text.
func FuzzLexer(f *testing.F) {
	for _, seed := range []string{"SELECT 1", "'open", `"open`, "$a$ open", "/* open", "$1 ?", "1e", "-", "é'x'"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		l, at := sqltoken.Lexer{SQL: sql}, 0
		for k, ok := l.Next(); ok; k, ok = l.Next() {
			if k.Start < at || k.End <= k.Start || k.End > len(sql) {
				t.Fatalf("%q: token from %d to %d after %d", sql, k.Start, k.End, at)
			}
			at = k.End
		}
	})
}
