package advise

import (
	"strings"
	"testing"
)

func TestParseExpr(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"(o.o_orderdate >= '1993-01-01'::date)", "o.o_orderdate>=const"},
		{"((l.a = 3) AND (l.b < $1))", "and(l.a=const,l.b<param)"},
		{"((l.a = 3) OR ((l.b < 4) AND (l.c = 1)))", "or(l.a=const,and(l.b<const,l.c=const))"},
		{"((part.p_type)::text ~~ 'PROMO%'::text)", "cast(part.p_type)~~const"},
		{"(lower((u.email)::text) = 'x'::text)", "fn(cast(u.email))=const"},
		{"(l.m = ANY ('{MAIL,SHIP}'::bpchar[]))", "l.m=any const"},
		{"(x.done IS NOT NULL)", "notnull(x.done)"},
		{"((x.done IS NULL) AND x.ok)", "and(null(x.done),x.ok)"},
		{"(NOT x.ok)", "not(x.ok)"},
		{"(EXTRACT(year FROM o.day) = '1995'::numeric)", "fn(other(other(year,FROM),o.day))=const"},
		{`("Odd Alias"."Col" = "b""c".d)`, `Odd Alias.Col=b"c.d`},
		{"(d.body @> '{\"a\": 1}'::jsonb)", "d.body@>const"},
		{"((d.body ->> 'k'::text) = 'v'::text)", "(d.body->>const)=const"},
		{"(t.at < (now() - '01:00:00'::interval))", "t.at<(fn()-const)"},
		{"(t.a OPERATOR(public.%) 'x'::text)", "t.a%const"},
		{"", "other()"},
	} {
		if got := sketch(parseExpr(c.text)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.text, got, c.want)
		}
	}
}

// sketch writes what an expression was taken for.
func sketch(e expr) string {
	args := make([]string, len(e.args))
	for i, a := range e.args {
		args[i] = sketch(a)
		if a.kind == isOperator {
			args[i] = "(" + args[i] + ")"
		}
	}
	inside := "(" + strings.NewReplacer("((", "(", "))", ")").Replace(strings.Join(args, ",")) + ")"
	switch e.kind {
	case isColumn:
		return strings.TrimPrefix(e.alias+"."+e.name, ".")
	case isConstant:
		return "const"
	case isParameter:
		return "param"
	case isAnd, isOr:
		for i, a := range e.args {
			args[i] = sketch(a)
		}
		return map[int]string{isAnd: "and", isOr: "or"}[e.kind] + "(" + strings.Join(args, ",") + ")"
	case isOperator:
		return args[0] + e.name + args[1]
	case isAny:
		return args[0] + e.name + "any " + args[1]
	}
	names := map[int]string{isNot: "not", isFunction: "fn", isCast: "cast", isNull: "null", isNotNull: "notnull", isOther: "other"}
	return names[e.kind] + inside
}

// FuzzParseExpr holds that any text is read to its end, in bounded depth.
func FuzzParseExpr(f *testing.F) {
	for _, seed := range []string{
		"((a.b = 1) AND (c.d = ANY ('{1}'::int[])))", "CASE WHEN (a.x = 1) THEN 2 ELSE 3 END", "(a[1]).b", "(((", ")))", "a::b::c(1)[]", "NOT (NOT a)",
		"EXTRACT(year FROM x)", "OPERATOR(", "1 IS", strings.Repeat("(", 5000), strings.Repeat("NOT ", 3000), "a.b.c.d", "CASE WHEN CASE",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e := parseExpr(text)
		depth(t, e, 0)
		for range e.conjuncts() {
			continue
		}
	})
}

func depth(t *testing.T, e expr, at int) {
	t.Helper()
	if at > 100_000 {
		t.Fatal("too deep")
	}
	for _, a := range e.args {
		depth(t, a, at+1)
	}
}

func TestRepair(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		sql, want string
		n         int
	}{
		{"SELECT * FROM t WHERE d >= date $1 AND d < date $1 + interval $2", "SELECT * FROM t WHERE d >= $1::date AND d < $1::date + $2::interval", 2},
		{"SELECT extract($1 FROM d), $2 FROM t", "SELECT extract(year FROM d), $2 FROM t", 2},
		{"SELECT 1", "SELECT 1", 0},
		{"SELECT t.date, $1 FROM t", "SELECT t.date, $1 FROM t", 1},
		{"SELECT x::date $1", "SELECT x::date $1", 1},
	} {
		got, n := repair(c.sql)
		if got != c.want || n != c.n {
			t.Errorf("%s: got %s, %d, want %s, %d", c.sql, got, n, c.want, c.n)
		}
	}
}

// FuzzRepair holds that what is repaired has nothing more to repair.
func FuzzRepair(f *testing.F) {
	f.Add("SELECT date $1 + interval $2, extract($3 from x) FROM t WHERE a = 'date $1'")
	f.Add("date $1 $1 date")
	f.Fuzz(func(t *testing.T, sql string) {
		once, _ := repair(sql)
		if len(once) > 3*len(sql)+10 {
			t.Errorf("%q grew to %q", sql, once)
		}
	})
}
