package postgres

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// TestLeastOver1s holds that only calls are counted that must have been above a second.
func TestLeastOver1s(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		calls   uint64
		seconds float64
		most    float64
		newMost bool
		want    uint64
	}{
		"fast":                        {calls: 1000, seconds: 2, most: 0.4},
		"one, just now":               {calls: 10, seconds: 3, most: 2, newMost: true, want: 1},
		"one, long ago":               {calls: 10, seconds: 3, most: 2},
		"all":                         {calls: 4, seconds: 8, most: 2, want: 4},
		"half at the very least":      {calls: 4, seconds: 6, most: 2, want: 2},
		"a slow one and a quick one":  {calls: 2, seconds: 3, most: 3, want: 1},
		"exactly a second":            {calls: 3, seconds: 3, most: 1},
		"more time than calls × most": {calls: 2, seconds: 10, most: 2, want: 2},
		"none":                        {newMost: true, most: 5},
	} {
		if got := leastOver1s(c.calls, c.seconds, c.most, c.newMost); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}

func TestRedactor(t *testing.T) {
	t.Parallel()
	r := newRedactor("postgres://u:p%2Fw d@h/d", "p/w d")
	for text, want := range map[string]string{
		"cannot open postgres://u:p%2Fw d@h/d": "cannot open ***",
		"p/w d and p%2Fw%20d and p%2Fw+d":      "*** and *** and ***",
		"two\nlines\t here":                    "two lines here",
		"see mysql://x:other@host/db now":      "see mysql://x:***@host/db now",
		"host=h password='o ther' user=u":      "host=h password=*** user=u",
		"host=h sslpassword=other user=u":      "host=h sslpassword=*** user=u",
		"nothing to hide":                      "nothing to hide",
	} {
		if got := r.clean(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	short := newRedactor("", "ab")
	if got := short.clean("about ab, cab"); got != "about ***, cab" {
		t.Errorf("a short password: %q", got)
	}
	cause := errors.New("p/w d is wrong")
	if err := r.wrap(cause); !errors.Is(err, cause) || strings.Contains(err.Error(), "p/w") {
		t.Errorf("%v", err)
	}
	if r.wrap(nil) != nil {
		t.Error("no error became one")
	}
}

func TestPoolAdvice(t *testing.T) {
	t.Parallel()
	host := server{maxConnections: 100, reserved: 3}
	for name, c := range map[string]struct {
		pool PoolStats
		want string // part of the one line; empty: none
	}{
		"idle":         {pool: PoolStats{Max: 20, Peak: 1, Acquires: 10}},
		"fine":         {pool: PoolStats{Max: 20, Peak: 12, Acquires: 1e5, Waits: 12, WaitSeconds: 0.1}},
		"short waits":  {pool: PoolStats{Max: 20, Peak: 20, Acquires: 1e5, Waits: 1e4, WaitSeconds: 1}},
		"starved":      {pool: PoolStats{Max: 20, Peak: 20, Acquires: 1e5, Waits: 1e4, WaitSeconds: 500}, want: "raise database.connection_pool_size"},
		"far too wide": {pool: PoolStats{Max: 90, Peak: 4, Acquires: 1e5}, want: "database.connection_pool_size 8 would do"},
		"impossible":   {pool: PoolStats{Max: 98}, want: "lower database.connection_pool_size to at most 97"},
	} {
		got := poolAdvice(c.pool, host)
		if got == nil || (c.want == "") != (len(got) == 0) || !strings.Contains(strings.Join(got, "\n"), c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestExplainDenied(t *testing.T) {
	t.Parallel()
	schema := "public"
	s := server{user: "app", extensionSchema: &schema}
	for code, want := range map[string]string{
		"55000": "shared_preload_libraries", "42501": `GRANT SELECT ON "public"."pg_stat_statements" TO "app"`, "XX000": "SQLSTATE",
	} {
		if got := explainDenied(&pgconn.PgError{Code: code}, s).Error(); !strings.Contains(got, want) {
			t.Errorf("%s: %s", code, got)
		}
	}
	if plain := errors.New("plain"); !errors.Is(explainDenied(plain, s), plain) {
		t.Error("another error was changed")
	}
}

func TestServerWarnings(t *testing.T) {
	t.Parallel()
	text := func(s string) *string { return &s }
	for name, c := range map[string]struct {
		s    server
		want string
	}{
		"nothing is missing": {server{extension: text("1.10"), readsAllStats: true}, ""},
		"not loaded":         {server{preloaded: text("auto_explain"), database: "d"}, "shared_preload_libraries in postgresql.conf, restart the server"},
		"not created":        {server{preloaded: text("pg_stat_statements"), database: "d"}, `in database "d" as superuser: CREATE EXTENSION`},
		"unknown":            {server{database: "d"}, "CREATE EXTENSION"},
		"too old":            {server{extension: text("1.7")}, "ALTER EXTENSION pg_stat_statements UPDATE"},
		"own only":           {server{extension: text("1.8"), user: "app"}, `GRANT pg_read_all_stats TO "app"`},
		"superuser":          {server{extension: text("1.12"), readsAllStats: true, superuser: true}, "pg_monitor"},
	} {
		got := c.s.warnings()
		if (c.want == "") != (len(got) == 0) || !strings.Contains(strings.Join(got, "\n"), c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestLiteral(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value any
		oid   uint32
		want  string
	}{
		{nil, 0, "NULL"},
		{"it's", 0, "'it''s'"},
		{`a\b`, 0, `'a\b'`},
		{true, 0, "'true'"},
		{12.0, 0, "'12'"},
		{1.5e300, 0, "'1.5e+300'"},
		{-3, 0, "'-3'"},
		{[]any{"a", nil, 2.0, []any{`"`}}, 0, `'{"a",NULL,"2",{"\""}}'`},
		{[]any{"a", 1.0}, 3802, `'["a",1]'`},
		{map[string]any{"k": "v"}, 114, `'{"k":"v"}'`},
	} {
		if got, err := literal(c.value, c.oid); err != nil || got != c.want {
			t.Errorf("%v: got %s, %v; want %s", c.value, got, err, c.want)
		}
	}
}

// TestReadPlanRefuses holds that an answer that is no plan is an error, not an empty plan.
func TestReadPlanRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "[]", "{", `[{"Plan": {}}]`, `["Utility Statement"]`} {
		if err := (&Analysis{}).read([]byte(text)); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

func FuzzReadPlan(f *testing.F) {
	f.Add([]byte(`[{"Plan": {"Node Type": "Seq Scan", "Relation Name": "t", "Total Cost": 1e999, "Plans": [{"Node Type": "x"}]}}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var a Analysis
		if err := a.read(text); err == nil && (a.Plan.NodeType == "" || a.Plan.Children == nil || a.IndexesUsed == nil) {
			t.Errorf("%q: %+v", text, a)
		}
	})
}
