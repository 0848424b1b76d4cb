package postgres_test

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sentientcore/upshift/postgres"
)

func TestAnalyze(t *testing.T) { //nolint:tparallel // its end looks at what the subtests left
	t.Parallel()
	m, url := connected(t,
		"CREATE TABLE documents (id int PRIMARY KEY, title text)",
		"CREATE TABLE chunks (id int PRIMARY KEY, document_id int, body text, seen timestamptz, tags text[], meta jsonb)",
		"INSERT INTO documents SELECT n, 'title ' || n FROM generate_series(1, 2000) n",
		"INSERT INTO chunks SELECT n, n % 2000, 'body ' || n FROM generate_series(1, 20000) n",
		"VACUUM ANALYZE",
	)
	before := value(t, url, contents)
	for name, c := range map[string]struct {
		query   string
		params  []any
		generic bool
		types   []string
		scans   []string
		indexes []string
		node    string
	}{
		"index": {
			query: "SELECT * FROM documents WHERE id = 7", node: "Index Scan", indexes: []string{"documents_pkey"},
		},
		"generic": {
			query: "SELECT title FROM documents WHERE id = $1;", generic: true, types: []string{"integer"}, node: "Index Scan",
			indexes: []string{"documents_pkey"},
		},
		"scan": {
			query: "SELECT * FROM chunks WHERE body = $1", params: []any{"it's \\ body"}, types: []string{"text"}, node: "Seq Scan",
			scans: []string{"public.chunks"},
		},
		"join": {
			query:  "SELECT c.body FROM chunks c JOIN documents d ON d.id = c.document_id WHERE d.title = $1 AND c.id > $2",
			params: []any{"title 3", 12.0}, types: []string{"text", "integer"}, scans: []string{"public.chunks", "public.documents"},
		},
		"types": {
			query:  "SELECT * FROM chunks WHERE seen > $1 AND tags = $2 AND meta @> $3 AND ($4::bool OR id = $5)",
			params: []any{"2026-01-01T00:00:00Z", []any{"a\"b", nil, "c\\,"}, map[string]any{"k": []any{1.0}}, true, nil},
			types:  []string{"timestamp with time zone", "text[]", "jsonb", "boolean", "integer"}, scans: []string{"public.chunks"},
		},
		"insert":  {query: "INSERT INTO documents VALUES ($1, 'x') RETURNING id", generic: true, types: []string{"integer"}, node: "Insert"},
		"update":  {query: "UPDATE chunks SET body = 'x'", node: "Update", scans: []string{"public.chunks"}},
		"delete":  {query: "WITH gone AS (DELETE FROM chunks RETURNING id) SELECT count(*) FROM gone", scans: []string{"public.chunks"}},
		"values":  {query: "VALUES (1), (2)", node: "Values Scan"},
		"into":    {query: "SELECT id INTO made FROM documents", node: "Seq Scan", scans: []string{"public.documents"}},
		"comment": {query: "/* a; b */ (SELECT 1) -- DROP TABLE chunks", node: "Result"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := m.Analyze(t.Context(), c.query, c.params)
			if err != nil {
				t.Fatal(err)
			}
			scans := []string{}
			for _, s := range a.SequentialScans {
				scans = append(scans, s.Table)
				if s.EstimatedRows <= 0 && name != "types" || s.EstimatedCost <= 0 {
					t.Errorf("scan %+v", s)
				}
			}
			if !same(scans, c.scans) || !same(a.IndexesUsed, c.indexes) || !same(a.ParameterTypes, c.types) {
				t.Errorf("scans %q of %q, indexes %q of %q, types %q of %q",
					scans, c.scans, a.IndexesUsed, c.indexes, a.ParameterTypes, c.types)
			}
			if a.Generic != c.generic || a.Fingerprint != postgres.Fingerprint(c.query) || a.EstimatedCost <= 0 ||
				a.CostliestNode.NodeType == "" || a.CostliestNode.ShareRatio < 0 || a.CostliestNode.ShareRatio > 1 || a.TookSeconds <= 0 {
				t.Errorf("%+v", a)
			}
			if c.node != "" && a.Plan.NodeType != c.node {
				t.Errorf("the plan begins with %q, want %q", a.Plan.NodeType, c.node)
			}
			noNil(t, reflect.ValueOf(a), "analysis")
			if _, err := json.Marshal(a); err != nil {
				t.Error(err)
			}
		})
	}
	if got := value(t, url, "SELECT coalesce(to_regclass('made')::text, 'none')"); got != "none" {
		t.Error("analysing SELECT INTO made a table")
	}
	if after := value(t, url, contents); after != before {
		t.Errorf("analysing changed the tables: %s, then %s", before, after)
	}
}

// contents sums up what the tables of TestAnalyze hold.
const contents = "SELECT (SELECT md5(string_agg(d::text, '' ORDER BY id)) FROM documents d) || " +
	"(SELECT md5(string_agg(c::text, '' ORDER BY id)) FROM chunks c)"

func same(got, want []string) bool {
	return len(got) == len(want) && strings.Join(got, " ") == strings.Join(want, " ")
}

// noNil fails when a slice below v is nil: it would be null in JSON.
func noNil(t *testing.T, v reflect.Value, path string) {
	t.Helper()
	switch v.Kind() {
	case reflect.Slice:
		if v.IsNil() {
			t.Errorf("%s is nil", path)
		}
		for i := range v.Len() {
			noNil(t, v.Index(i), path+"[]")
		}
	case reflect.Struct:
		for i := range v.NumField() {
			noNil(t, v.Field(i), path+"."+v.Type().Field(i).Name)
		}
	case reflect.Float64:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			t.Errorf("%s is %v", path, f)
		}
	}
}

// TestAnalyzeRefuses holds that nothing but one statement with a plan is taken, and that
// refusals change nothing and leave the monitor working.
func TestAnalyzeRefuses(t *testing.T) { //nolint:tparallel // its end looks at what the subtests left
	t.Parallel()
	m, url := connected(t,
		"CREATE TABLE kept (id int)", "INSERT INTO kept VALUES (1)", "CREATE SEQUENCE steps",
		// Declared immutable, so that planning evaluates them, and a lie.
		"CREATE FUNCTION writer(int) RETURNS int LANGUAGE sql VOLATILE AS 'INSERT INTO kept VALUES ($1) RETURNING id'",
		"CREATE FUNCTION liar(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN writer($1); END'",
		"CREATE FUNCTION sleeper() RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM pg_sleep(600); RETURN 1; END'",
		"CREATE FUNCTION locker() RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM pg_advisory_lock(42); RETURN 1; END'",
	)
	for name, c := range map[string]struct {
		query  string
		params []any
		want   error  // one of ours
		code   string // or the server's
	}{
		"empty":              {query: " /* nothing */ ; ", want: postgres.ErrEmptyStatement},
		"two statements":     {query: "SELECT 1; DELETE FROM kept", code: "42601"},
		"two, hidden":        {query: "SELECT 1;\n--\nDROP TABLE kept", code: "42601"},
		"garbage":            {query: "SELECT FROM WHERE ((", code: "42601"},
		"explain":            {query: "EXPLAIN ANALYZE DELETE FROM kept", want: postgres.ErrNoPlan},
		"ddl":                {query: "DROP TABLE kept", want: postgres.ErrNoPlan},
		"utility":            {query: "VACUUM kept", want: postgres.ErrNoPlan},
		"do":                 {query: "DO $$ BEGIN DELETE FROM kept; END $$", want: postgres.ErrNoPlan},
		"execute":            {query: "EXECUTE upshift_analysis", want: postgres.ErrNoPlan},
		"commit":             {query: "COMMIT", want: postgres.ErrNoPlan},
		"hidden in brackets": {query: "((DELETE FROM kept))", code: "42601"},
		"zero byte":          {query: "SELECT 1\x00; DELETE FROM kept", want: postgres.ErrNoPlan},
		"too long":           {query: "SELECT " + strings.Repeat(" ", 1<<20), want: postgres.ErrStatementTooLong},
		"no such table":      {query: `SELECT * FROM "kept""; DROP TABLE kept; --"`, code: "42P01"},
		"too few parameters": {query: "SELECT * FROM kept WHERE id = $1 OR id = $2", params: []any{1}, want: postgres.ErrParameters},
		"a wrong parameter":  {query: "SELECT * FROM kept WHERE id = $1", params: []any{"x'); DELETE FROM kept; --"}, code: "22P02"},
		"parameter of bytes": {query: "SELECT * FROM kept WHERE id = $1", params: []any{"\x00"}, want: postgres.ErrParameters},
		"no JSON":            {query: "SELECT * FROM kept WHERE id = $1", params: []any{make(chan int)}, want: postgres.ErrParameters},
		"many parameters":    {query: "SELECT 1", params: make([]any, 2000), want: postgres.ErrParameters},
		"writes in planning": {query: "SELECT liar(2)", code: "25006"},
		"sleeps in planning": {query: "SELECT sleeper()", code: "57014"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := m.Analyze(t.Context(), c.query, c.params)
			var pg *pgconn.PgError
			switch {
			case err == nil:
				t.Errorf("taken: %+v", a)
			case c.want != nil && !errors.Is(err, c.want):
				t.Errorf("got %v, want %v", err, c.want)
			case c.want == nil && (!errors.As(err, &pg) || pg.Code != c.code):
				t.Errorf("got %v, want SQLSTATE %s", err, c.code)
			}
		})
	}
	if _, err := m.Analyze(t.Context(), "SELECT locker(), nextval('steps') FROM kept", nil); err != nil {
		t.Error(err)
	}
	await(t, "the advisory lock to be gone", func() bool {
		return value(t, url, "SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory' AND objid = 42") == "0"
	})
	if got := value(t, url, "SELECT count(*) || ' ' || max(id) || ' ' || (SELECT is_called FROM steps) FROM kept"); got != "1 1 false" {
		t.Errorf("analysing changed the data: %s", got)
	}
}
