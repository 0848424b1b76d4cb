package postgres_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sentientcore/upshift/postgres"
)

func TestFingerprintJoins(t *testing.T) {
	t.Parallel()
	for name, same := range map[string][]string{
		"literals": {
			"SELECT * FROM t WHERE a = 1 AND b = 'x'", "SELECT * FROM t WHERE a = 22 AND b = 'it''s'",
			"SELECT * FROM t WHERE a = -1.5e-3 AND b = E'a\\'b'", "SELECT * FROM t WHERE a = $1 AND b = $2",
			"SELECT * FROM t WHERE a = ? AND b = $q$ it's; -- $q$", "SELECT * FROM t WHERE a = 0xFF AND b = $$x$$",
			"select * from T where a=.5 and b=b'01'",
		},
		"blanks, comments, case, semicolon": {
			"SELECT a FROM t", "select  A\n\tfrom T;", "SELECT /* x /* nested */ */ a -- rest\nFROM t ; ;",
		},
		"lists": {
			"SELECT a FROM t WHERE b IN (1, 2, 3)", "SELECT a FROM t WHERE b IN (1)", "SELECT a FROM t WHERE b IN ($1,$2)",
		},
		"rows": {
			"INSERT INTO t VALUES (1, 'a')", "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')", "INSERT INTO t VALUES ($1)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := postgres.Fingerprint(same[0])
			for _, sql := range same[1:] {
				if got := postgres.Fingerprint(sql); got != want {
					t.Errorf("%s: %s, want %s as of %s", sql, got, want, same[0])
				}
			}
		})
	}
}

func TestFingerprintParts(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, sql := range []string{
		"", "SELECT a FROM t", "SELECT b FROM t", `SELECT "A" FROM t`, `SELECT "a" FROM t`, "SELECT a FROM t WHERE b = 1",
		"SELECT a FROM t WHERE b IN (1)", "SELECT a FROM t WHERE b IN (1, c)", "SELECT a - 1 FROM t", "SELECT a FROM t; SELECT b",
		"SELECT f(1), g(1)", "SELECT f(1), (g(1))", "SELECT ab", "SELECT a b", "INSERT INTO t VALUES (1, now()), (2, now())",
		"INSERT INTO t VALUES (1, now())",
	} {
		f := postgres.Fingerprint(sql)
		if other, ok := seen[f]; ok {
			t.Errorf("%q and %q have the fingerprint %s", sql, other, f)
		}
		seen[f] = sql
	}
}

func TestNormalize(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		"":                                    "",
		" SELECT  1 ;":                        "SELECT ?",
		"ALTER ROLE bob PASSWORD 's3cret'":    "ALTER ROLE bob PASSWORD ?",
		"SELECT a-1, -1, (a)-1, $1 - 1":       "SELECT a-?, ?, (a)-?, $1 - ?",
		"DO $body$ secret $body$":             "DO ?",
		"SELECT 'open and no end":             "SELECT ?",
		"SELECT E'\\' still inside' , x":      "SELECT ? , x",
		"SELECT /*trace=abc*/ \"A b\" FROM t": "SELECT \"A b\" FROM t",
		"SELECT U&'\\0041', n'x', X'1F'":      "SELECT U&?, ?, ?",
		"SELECT 1_000, 1..2, a$1, t1.c2":      "SELECT ?, ?.?, a$1, t1.c2",
		"SELECT $tag, $1":                     "SELECT $tag, $1",
		"a \xff b":                            "a � b",
	} {
		if got := postgres.Normalize(sql); got != want {
			t.Errorf("%q: got %q, want %q", sql, got, want)
		}
	}
	long := "SELECT " + strings.Repeat("column_name, ", 10_000)
	if got := postgres.Normalize(long); len(got) > 4<<10+len("…") || !strings.HasSuffix(got, "…") {
		t.Errorf("a long text has %d bytes, ends in %q", len(got), got[len(got)-5:])
	}
}

func FuzzFingerprint(f *testing.F) {
	for _, sql := range []string{
		"SELECT * FROM t WHERE a = 1", "INSERT INTO t VALUES (1,'a'),(2,'b');", "$a$ $b$ $a$", "E'\\'", "/*/**/", "--", "-1--1\n-+1",
		"1.e5 1e 1e+ .5. 0x 0b1", `"a""b"`, "?,?,(?),(?)", "$1$$x$$'y'z", "a\x00'b\xff", ";;;a;;",
	} {
		f.Add(sql, "planted")
	}
	f.Fuzz(func(t *testing.T, sql, value string) {
		once := postgres.Normalize(sql)
		if !utf8.ValidString(once) || len(once) > 5<<10 {
			t.Fatalf("%q: %d bytes", once, len(once))
		}
		if utf8.ValidString(sql) && len(sql) < 4<<10 {
			if twice := postgres.Normalize(once); twice != once {
				t.Errorf("%q: normalised twice %q, once %q", sql, twice, once)
			}
			if a, b := postgres.Fingerprint(sql), postgres.Fingerprint(once); a != b {
				t.Errorf("%q has %s, its text %q has %s", sql, a, once, b)
			}
		}
		quoted := "SELECT '" + strings.ReplaceAll(value, "'", "''") + "' FROM t"
		if got := postgres.Normalize(quoted); len(value) < 8<<10 && got != "SELECT ? FROM t" {
			t.Errorf("the value %q shows as %q", value, got)
		}
	})
}

func BenchmarkFingerprint(b *testing.B) {
	sql := "SELECT c.id, c.body, d.title FROM chunks c JOIN documents d ON d.id = c.document_id " +
		"WHERE c.tenant = 'acme' AND c.id IN (1, 2, 3, 4) ORDER BY c.score DESC LIMIT 10"
	b.ReportAllocs()
	b.SetBytes(int64(len(sql)))
	for b.Loop() {
		postgres.Fingerprint(sql)
	}
}
