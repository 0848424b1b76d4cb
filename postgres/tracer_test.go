package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sentientcore/upshift/postgres"
)

// call has the tracer see one statement of this length, in the time of a synctest bubble.
func call(t *postgres.Tracer, sql string, took time.Duration, tag string, err error) {
	ctx := t.TraceQueryStart(context.Background(), nil, pgx.TraceQueryStartData{SQL: sql, Args: []any{"secret"}})
	time.Sleep(took)
	t.TraceQueryEnd(ctx, nil, pgx.TraceQueryEndData{CommandTag: pgconn.NewCommandTag(tag), Err: err})
}

func TestTracerCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr := postgres.NewTracer(0)
		if s := tr.Stats(); s != (postgres.QueryStats{}) {
			t.Errorf("before the first: %+v", s)
		}
		call(tr, "SELECT a FROM t WHERE b = 1", 10*time.Millisecond, "SELECT 3", nil)
		call(tr, "select a from t where b = 'secret'", 1990*time.Millisecond, "SELECT 4", nil)
		call(tr, "SELECT a FROM t WHERE b = $1", time.Second, "", errors.New("boom"))
		call(tr, "SELECT 1", 0, "SELECT 1", nil)
		tr.TraceQueryEnd(t.Context(), nil, pgx.TraceQueryEndData{}) // an end without a start
		got := tr.Stats()
		want := postgres.QueryStats{
			Total: 4, TotalSeconds: 3, MeanSeconds: 0.75, MaxSeconds: 1.99, MinSeconds: 0, Over1s: 1, Statements: 2, Source: "client",
		}
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		slow := tr.Slow(time.Second, 10)
		if len(slow) != 1 {
			t.Fatalf("%d slow statements, want 1", len(slow))
		}
		q := slow[0]
		if q.Calls != 3 || q.TotalSeconds != 3 || q.MeanSeconds != 1 || q.MaxSeconds != 1.99 || q.Rows != 7 || q.Source != "client" ||
			q.Query != "SELECT a FROM t WHERE b = ?" || q.Fingerprint != postgres.Fingerprint("SELECT a FROM t WHERE b = 2") ||
			time.Since(q.LastSeen) != 0 {
			t.Errorf("%+v", q)
		}
		if n := len(tr.Slow(2*time.Second, 10)) + len(tr.Slow(0, 0)); n != 0 {
			t.Errorf("%d statements above two seconds or within a limit of none", n)
		}
	})
}

// TestTracerIsBounded holds that the statements kept are the busy ones, within the bound,
// and that the sums lose nothing.
func TestTracerIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const limit = 50
		tr := postgres.NewTracer(limit)
		for i := range 5000 {
			call(tr, fmt.Sprintf("SELECT rare_%d", i), time.Millisecond, "", nil)
			call(tr, "SELECT busy", 2*time.Millisecond, "", nil)
		}
		s := tr.Stats()
		if s.Total != 10_000 || s.TotalSeconds != 15 || s.Statements != limit {
			t.Errorf("%+v", s)
		}
		slow := tr.Slow(time.Millisecond, 10)
		if len(slow) != 1 || slow[0].Query != "SELECT busy" || slow[0].Calls != 5000 {
			t.Errorf("%+v: want the busy one, never forgotten", slow)
		}
	})
}

// TestTracerOnAPool holds that a real pool is counted through each of its ways to send.
func TestTracerOnAPool(t *testing.T) {
	t.Parallel()
	m, url := connected(t, "CREATE TABLE sent (n int)")
	pool := traced(t, m, url)
	ctx := t.Context()
	if _, err := pool.Exec(ctx, "INSERT INTO sent VALUES ($1)", 1); err != nil {
		t.Fatal(err)
	}
	var b pgx.Batch
	b.Queue("INSERT INTO sent VALUES ($1)", 2)
	b.Queue("INSERT INTO sent VALUES ($1)", 3)
	if err := pool.SendBatch(ctx, &b).Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.CopyFrom(ctx, pgx.Identifier{"sent"}, []string{"n"}, pgx.CopyFromRows([][]any{{4}, {5}})); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(ctx, "SELECT 1 / $1::int", 0); err == nil {
		t.Fatal("a division by zero went well")
	}
	if _, err := pool.Exec(ctx, "SELECT pg_sleep(0.06)"); err != nil {
		t.Fatal(err)
	}
	calls := map[string]uint64{}
	rows := map[string]uint64{}
	for _, q := range m.Tracer().Slow(0, 10) {
		calls[q.Query], rows[q.Query] = q.Calls, q.Rows
	}
	for sql, want := range map[string][2]uint64{
		"INSERT INTO sent VALUES ($1)": {3, 3}, `COPY "sent" FROM STDIN`: {1, 2}, "SELECT ? / $1::int": {1, 0}, "SELECT pg_sleep(?)": {1, 1},
	} {
		if calls[sql] != want[0] || rows[sql] != want[1] {
			t.Errorf("%s: %d calls, %d rows, want %v; all: %v", sql, calls[sql], rows[sql], want, calls)
		}
	}
	m.Watch(pool)
	defer m.Watch(nil)
	if p := m.Stats().Pool; p.Max != 3 || p.Acquires < 5 || p.Peak != 1 || p.CheckedOut != 0 || p.MeanAcquireSeconds <= 0 || p.Errors != 0 {
		t.Errorf("the watched pool: %+v", p)
	}
	found := 0
	for _, q := range m.SlowQueries(100) {
		if strings.Contains(q.Query, "pg_sleep") {
			found++
		}
	}
	if found != 1 {
		t.Errorf("the sleeper shows %d times, want once whoever counted it", found)
	}
}

func BenchmarkTracer(b *testing.B) {
	ctx := context.Background()
	for name, sql := range map[string]string{
		"parameters": "SELECT id, body FROM chunks WHERE document_id = $1 AND tenant = $2 ORDER BY score DESC LIMIT $3",
		"literals":   "SELECT id, body FROM chunks WHERE document_id = 17 AND tenant = 'acme' ORDER BY score DESC LIMIT 10",
	} {
		b.Run(name, func(b *testing.B) {
			tr := postgres.NewTracer(0)
			tag := pgconn.NewCommandTag("SELECT 10")
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					ctx := tr.TraceQueryStart(ctx, nil, pgx.TraceQueryStartData{SQL: sql})
					tr.TraceQueryEnd(ctx, nil, pgx.TraceQueryEndData{CommandTag: tag})
				}
			})
		})
	}
}
