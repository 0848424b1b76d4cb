package postgres_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/sentientcore/upshift/postgres"
)

func TestVacuum(t *testing.T) {
	t.Parallel()
	m, db := connected(t,
		"CREATE TABLE plain (id int)", `CREATE TABLE "Odd ""name; DROP TABLE plain; --" (id int)`,
		"CREATE SCHEMA aside", `CREATE TABLE aside."with.dot" (id int)`, "CREATE VIEW seen AS SELECT 1 AS one",
		"CREATE TABLE parent (id int) PARTITION BY RANGE (id)", "CREATE TABLE child PARTITION OF parent FOR VALUES FROM (1) TO (9)",
		"INSERT INTO plain SELECT generate_series(1, 500)",
	)
	results, err := m.Vacuum(t.Context(), []string{
		"plain", "PLAIN", "public.plain", `Odd "name; DROP TABLE plain; --`, `"Odd ""name; DROP TABLE plain; --"`, `aside."with.dot"`,
		"aside.with.dot", "parent", "missing", "missing.plain", "seen", "pg_catalog.pg_class", "pg_class", "plain; DROP TABLE plain", "plain, seen",
		"plain\x00", strings.Repeat("x", 5000), "", ".", `"`,
	})
	if err != nil {
		t.Fatal(err)
	}
	ok := []string{
		"plain", "PLAIN", "public.plain", `Odd "name; DROP TABLE plain; --`, `"Odd ""name; DROP TABLE plain; --"`, `aside."with.dot"`,
		"aside.with.dot", "parent",
	}
	for _, name := range ok {
		if r := results[name]; r.Status != postgres.StatusOK || r.Error != "" || r.Seconds <= 0 {
			t.Errorf("%s: %+v", name, r)
		}
		delete(results, name)
	}
	if len(results) != 12 {
		t.Errorf("%d results besides the good ones, want one a name", len(results))
	}
	for name, r := range results {
		if r.Status != postgres.StatusError || r.Error == "" {
			t.Errorf("%q: %+v", name, r)
		}
		if strings.HasPrefix(name, "missing") && !strings.Contains(r.Error, `"`+name+`"`) {
			t.Errorf("%s is not named: %s", name, r.Error)
		}
	}
	await(t, "the server's account of it", func() bool {
		return value(t, db, "SELECT (last_vacuum IS NOT NULL AND last_analyze IS NOT NULL)::text FROM pg_stat_user_tables WHERE relname = 'plain'") == "true"
	})
}

func TestVacuumWhatNeedsIt(t *testing.T) {
	t.Parallel()
	m, db := connected(t,
		"CREATE TABLE churned (id int) WITH (autovacuum_enabled = off)", "CREATE TABLE quiet (id int) WITH (autovacuum_enabled = off)",
		"INSERT INTO quiet VALUES (1)", "VACUUM ANALYZE quiet",
		"INSERT INTO churned SELECT generate_series(1, 5000)", "DELETE FROM churned WHERE id > 100",
	)
	await(t, "the server's statistics", func() bool {
		return value(t, db, "SELECT (n_dead_tup > 4000)::text FROM pg_stat_user_tables WHERE relname = 'churned'") == "true"
	})
	shares := []float64{}
	o, err := m.Optimize(t.Context(), func(share float64) { shares = append(shares, share) })
	if err != nil {
		t.Fatal(err)
	}
	if r := o.Tables["public.churned"]; r.Status != postgres.StatusOK || len(o.Tables) != 1 || o.PoolAdvice == nil {
		t.Errorf("%+v", o)
	}
	if len(shares) != 2 || shares[0] != 0 || shares[1] != 1 {
		t.Errorf("progress %v", shares)
	}
	await(t, "the dead rows to be gone", func() bool {
		return value(t, db, "SELECT n_dead_tup::text FROM pg_stat_user_tables WHERE relname = 'churned'") == "0"
	})
	if again, err := m.Vacuum(t.Context(), nil); err != nil || again == nil || len(again) != 0 {
		t.Errorf("again: %v, %v; want nothing to do", again, err)
	}
}

// TestVacuumSkips holds that a table that is locked, or another's, is told apart from one
// that was vacuumed, and that one vacuum runs at a time.
func TestVacuumSkips(t *testing.T) {
	t.Parallel()
	admin := shared.Database(t)
	name := databaseOf(t, admin)
	role := "helper_" + name // roles are the whole server's, so one for each run
	execute(t, admin, "CREATE ROLE "+role+" LOGIN PASSWORD 'helper-word'", "CREATE TABLE theirs (id int)", "GRANT CREATE ON SCHEMA public TO "+role)
	mine := shared.Cluster(t).URLFor(role, "helper-word", name)
	execute(t, mine, "CREATE TABLE locked (id int)")
	m := start(t, mine, nil)
	await(t, "a connection", func() bool { ok, _, _ := m.State(); return ok })

	conn, err := pgx.Connect(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "LOCK TABLE locked IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	results, err := m.Vacuum(t.Context(), []string{"theirs", "locked"})
	if err != nil {
		t.Fatal(err)
	}
	for name, why := range map[string]string{"theirs": "theirs", "locked": "lock not available"} {
		if r := results[name]; r.Status != postgres.StatusSkipped || !strings.Contains(r.Error, why) {
			t.Errorf("%s: %+v, want it skipped for %q", name, r, why)
		}
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestVacuumOneAtATime asks for a second vacuum, and then gives up, from within the first:
// its progress is told before each table.
func TestVacuumOneAtATime(t *testing.T) {
	t.Parallel()
	m, _ := connected(t, "CREATE TABLE fresh (id int) WITH (autovacuum_enabled = off)", "INSERT INTO fresh SELECT generate_series(1, 100)")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	asked := false
	_, err := m.Optimize(ctx, func(float64) {
		if _, err := m.Vacuum(t.Context(), []string{"fresh"}); !errors.Is(err, postgres.ErrBusy) {
			t.Errorf("a second vacuum: %v, want ErrBusy", err)
		}
		asked = true
		cancel()
	})
	if !errors.Is(err, context.Canceled) || !asked {
		t.Errorf("given up: %v, want it cancelled", err)
	}
	if r, err := m.Vacuum(t.Context(), []string{"fresh"}); err != nil || r["fresh"].Status != postgres.StatusOK {
		t.Errorf("the next one: %+v, %v", r, err)
	}
}
