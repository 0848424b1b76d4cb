package advise

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sentientcore/upshift/postgres"
)

// library is a table large enough that an index matters, and one that is only written.
var library = []string{
	`CREATE TABLE books (id int PRIMARY KEY, shelf int NOT NULL, title text NOT NULL, price numeric(8,2) NOT NULL, sold boolean NOT NULL,
		added date NOT NULL, tags jsonb NOT NULL)`,
	`INSERT INTO books SELECT n, n * 7919 % 1000, 'Title ' || n * 31 % 40000, n % 500, n % 50 = 0, date '2020-01-01' + n / 40,
		jsonb_build_object('t', n % 300) FROM generate_series(1, 40000) n`,
	"CREATE TABLE log (id bigint, who int, what text)",
	"INSERT INTO log SELECT n, n * 7919 % 2000, 'x' FROM generate_series(1, 20000) n",
	"VACUUM ANALYZE",
}

var readers = []Statement{
	{SQL: "SELECT title FROM books WHERE shelf = $1", Fingerprint: "shelf", CallsPerDay: 1e5, MeanSeconds: 0.004},
	{SQL: "SELECT id FROM books WHERE lower(title) = $1", Fingerprint: "title", CallsPerDay: 1e4, MeanSeconds: 0.01},
	{
		SQL:         "SELECT * FROM books WHERE added >= date $1 AND added < date $1 + interval $2 ORDER BY added DESC LIMIT 10",
		Fingerprint: "added", CallsPerDay: 1e4, MeanSeconds: 0.006,
	},
	{SQL: "SELECT no_such_column FROM books", Fingerprint: "broken", CallsPerDay: 1, MeanSeconds: 1},
}

func TestSearch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ engine, confidence string }{
		{EngineStructural, postgres.ConfidenceStructural},
		{EngineSandbox, postgres.ConfidenceSandbox},
		{EngineHypoPG, postgres.ConfidenceHypothetical},
	} {
		t.Run(c.engine, func(t *testing.T) {
			t.Parallel()
			conn := database(t, library...)
			if c.engine == EngineHypoPG {
				if _, err := conn.Exec(t.Context(), "CREATE EXTENSION hypopg"); err != nil {
					t.Skip("the server has no hypopg")
				}
			}
			a, err := Search(t.Context(), conn, readers, Config{Engine: c.engine, BudgetBytes: 20 << 20, Timeout: time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			if a.Confidence != c.confidence || a.Planned != 3 || len(a.Skipped) != 1 || a.Skipped[0].Fingerprint != "broken" ||
				!strings.Contains(a.Skipped[0].Reason, "no_such_column") || a.Cut {
				t.Errorf("%+v", a)
			}
			r, ok := recommended(a, "shelf")
			if !ok {
				t.Fatalf("no index on books(shelf): %+v", a.Recommendations)
			}
			if r.SavedSecondsPerDay.Mid < 100 || r.SavedSecondsPerDay.Low > r.SavedSecondsPerDay.Mid || r.Confidence != c.confidence ||
				len(r.Statements) == 0 || r.Statements[0].Fingerprint != "shelf" || len(r.ID) != 16 || r.Digest == "" {
				t.Errorf("%+v", r)
			}
			if c.engine == EngineSandbox {
				if _, ok := recommended(a, "(lower(title))"); !ok {
					t.Errorf("no index on lower(title): %+v", a.Recommendations)
				}
			}
			makeable(t, conn, a)
		})
	}
}

func recommended(a Advice, column string) (postgres.Recommendation, bool) {
	for _, r := range a.Recommendations {
		if r.Columns[0] == column {
			return r, true
		}
	}
	return postgres.Recommendation{}, false
}

// makeable holds that the statements of the advice work, that sizes are as foretold, and that nothing is
// recommended once it is there.
func makeable(t *testing.T, conn *pgx.Conn, a Advice) {
	t.Helper()
	writer := connect(t, conn.Config().ConnString())
	for _, r := range a.Recommendations {
		if _, err := writer.Exec(t.Context(), r.DDL); err != nil {
			t.Fatalf("%s: %v", r.DDL, err)
		}
		var size float64
		if err := writer.QueryRow(t.Context(), "SELECT pg_relation_size(to_regclass($1))", pgx.Identifier{r.Schema, r.Name}.Sanitize()).Scan(&size); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(r.Columns[0], "(") && math.Abs(float64(r.SizeBytes)/size-1) > 0.12 {
			t.Errorf("%s takes %.0f bytes, foretold %d", r.DDL, size, r.SizeBytes)
		}
	}
	session := connect(t, conn.Config().ConnString())
	again, err := Search(t.Context(), session, readers, Config{Engine: EngineStructural, BudgetBytes: 20 << 20, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range again.Recommendations {
		for _, before := range a.Recommendations {
			if r.ID == before.ID {
				t.Errorf("recommended although it is there: %s", r.DDL)
			}
		}
	}
	for _, r := range a.Recommendations {
		if _, err := writer.Exec(t.Context(), r.UndoDDL); err != nil {
			t.Errorf("%s: %v", r.UndoDDL, err)
		}
	}
}

// A table that is written far more than it is read gets no index.
func TestWritersPay(t *testing.T) {
	t.Parallel()
	conn := database(t, library...)
	few := []Statement{{SQL: "SELECT count(*) FROM log WHERE who = 7", CallsPerDay: 20, MeanSeconds: 0.002}}
	find := func(written float64) int {
		s := &search{cfg: Config{Timeout: time.Minute, BudgetBytes: 20 << 20}.withDefaults(), known: map[int][]record{}, deadline: time.Now().Add(time.Minute)}
		session, err := newSession(t.Context(), connect(t, conn.Config().ConnString()), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		var a Advice
		if err := s.read(t.Context(), session, few, &a); err != nil {
			t.Fatal(err)
		}
		for _, x := range s.candidates {
			x.table.writes = writes{inserted: written}
			x.writes = x.writeSeconds()
		}
		s.engine = &structural{randomPage: 1.1}
		if err := s.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		return len(s.chosen)
	}
	if n := find(0); n != 1 {
		t.Errorf("%d indexes without a writer, want 1", n)
	}
	if n := find(1e7); n != 0 {
		t.Errorf("%d indexes with ten million rows written a day, want none", n)
	}
}

func TestSearchRefuses(t *testing.T) {
	t.Parallel()
	conn := database(t)
	if _, err := Search(t.Context(), conn, nil, Config{}); !errors.Is(err, ErrNothingToDo) {
		t.Errorf("no workload: %v", err)
	}
	_, err := Search(t.Context(), conn, readers, Config{BudgetRatio: -1, Engine: "magic"})
	if err == nil || !strings.Contains(err.Error(), "BudgetRatio") || !strings.Contains(err.Error(), "magic") {
		t.Errorf("bad config: %v", err)
	}
	if _, err := Search(t.Context(), conn, readers[:1], Config{Engine: EngineHypoPG}); err == nil || !strings.Contains(err.Error(), "CREATE EXTENSION hypopg") {
		t.Errorf("no extension: %v", err)
	}
}

// Nothing in the database changes by a search, and two statements in one are refused.
func TestSearchChangesNothing(t *testing.T) {
	t.Parallel()
	conn := database(t, library...)
	hostile := []Statement{
		{SQL: "DELETE FROM books", CallsPerDay: 1, MeanSeconds: 1},
		{SQL: "SELECT 1; DROP TABLE books", CallsPerDay: 1, MeanSeconds: 1},
		{SQL: "SELECT $1; DROP TABLE books", CallsPerDay: 1, MeanSeconds: 1},
		{SQL: "DROP TABLE books", CallsPerDay: 1, MeanSeconds: 1},
		{SQL: "WITH gone AS (DELETE FROM log RETURNING id) SELECT count(*) FROM gone", CallsPerDay: 1, MeanSeconds: 1},
	}
	a, err := Search(t.Context(), connect(t, conn.Config().ConnString()), hostile, Config{Engine: EngineStructural})
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Skipped) != 3 {
		t.Errorf("skipped: %+v", a.Skipped)
	}
	var books, logs int
	if err := conn.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM books), (SELECT count(*) FROM log)").Scan(&books, &logs); err != nil {
		t.Fatal(err)
	}
	if books != 40000 || logs != 20000 {
		t.Errorf("%d books and %d log entries are left", books, logs)
	}
}
