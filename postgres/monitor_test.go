package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/sentientcore/upshift/internal/pgtest"
	"github.com/sentientcore/upshift/postgres"
)

func TestNothingBeforeRun(t *testing.T) {
	t.Parallel()
	m, err := postgres.New(postgres.Config{URL: "postgres://u:p@127.0.0.1:1/d"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if ok, since, text := m.State(); ok || !since.IsZero() || text != "" {
		t.Errorf("state: %v %v %q", ok, since, text)
	}
	if s := m.Stats(); s.Pool.Max != 20 || s.Warnings == nil || s.Connected || s.SlowQueries != 0 {
		t.Errorf("stats: %+v", s)
	}
	if q := m.SlowQueries(10); q == nil || len(q) != 0 {
		t.Errorf("slow queries: %v", q)
	}
	if _, err := m.Analyze(t.Context(), "SELECT 1", nil); !errors.Is(err, postgres.ErrNotConnected) {
		t.Errorf("analyze: %v", err)
	}
	if _, err := m.Vacuum(t.Context(), nil); !errors.Is(err, postgres.ErrNotConnected) {
		t.Errorf("vacuum: %v", err)
	}
	if _, err := m.Optimize(t.Context(), nil); !errors.Is(err, postgres.ErrNotConnected) {
		t.Errorf("optimize: %v", err)
	}
}

func TestSlowStatements(t *testing.T) {
	t.Parallel()
	m, url := connected(t, "CREATE TABLE docs (id int PRIMARY KEY, body text)", "INSERT INTO docs SELECT n, 'x' FROM generate_series(1, 500) n")
	if !shared.Cluster(t).HasStatements() {
		t.Skip("the server has no pg_stat_statements")
	}
	slow := "SELECT count(*), pg_sleep(0.1) FROM docs WHERE body = 'private-value' -- note"
	execute(t, url, slow, slow)
	var q postgres.SlowQuery
	await(t, "the slow statement", func() bool {
		for _, s := range m.SlowQueries(10) {
			if strings.Contains(s.Query, "FROM docs") && s.Calls == 2 && s.Planned {
				q = s
			}
		}
		return q.Calls == 2
	})
	if q.MaxSeconds < 0.1 || q.MeanSeconds < 0.1 || q.TotalSeconds < 0.2 || q.Rows != 2 || q.Source != postgres.SourceServer ||
		q.Fingerprint != postgres.Fingerprint(slow) || q.TableScans != 1 || time.Since(q.LastSeen) > time.Minute {
		t.Errorf("%+v", q)
	}
	if strings.Contains(q.Query, "private") || strings.Contains(q.Query, "note") {
		t.Errorf("a value is shown: %s", q.Query)
	}
	s := m.Stats()
	if s.SlowQueries < 1 || s.Queries.Total < 4 || s.Queries.MaxSeconds < 0.1 || s.Queries.MeanSeconds <= 0 ||
		s.Queries.Source != postgres.SourceServer || s.ServerVersion == "" || s.Pool.Peak < 1 || s.Pool.Max != 4 {
		t.Errorf("%+v", s)
	}
	for _, other := range m.SlowQueries(100) {
		if strings.Contains(other.Query, "pg_stat_statements") && !strings.Contains(other.Query, "EXTENSION") {
			t.Errorf("the monitor counts itself: %s", other.Query)
		}
	}
	if got := m.SlowQueries(0); len(got) != 0 {
		t.Errorf("limit 0: %d statements", len(got))
	}
}

// TestTotalsGoOnOverAReset holds that a reset of the server's statistics takes nothing away.
func TestTotalsGoOnOverAReset(t *testing.T) {
	t.Parallel()
	m, url := connected(t)
	if !shared.Cluster(t).HasStatements() {
		t.Skip("the server has no pg_stat_statements")
	}
	execute(t, url, "SELECT 1", "SELECT 1", "SELECT 1", "SELECT 1")
	await(t, "the statements", func() bool { return m.Stats().Queries.Total >= 5 })
	before := m.Stats().Queries.Total
	execute(t, url, "SELECT pg_stat_statements_reset(0, (SELECT oid FROM pg_database WHERE datname = current_database()))", "SELECT 2")
	await(t, "the next ones", func() bool { return m.Stats().Queries.Total > before })
}

func TestOutage(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Start(t)
	m := start(t, cluster.URL(), nil)
	await(t, "a connection", func() bool { ok, _, _ := m.State(); return ok })
	_, since, _ := m.State()
	if err := cluster.Kill(); err != nil {
		t.Fatal(err)
	}
	await(t, "the loss to show", func() bool { ok, _, text := m.State(); return !ok && text != "" })
	if _, lost, _ := m.State(); !lost.After(since) {
		t.Errorf("lost since %v, connected since %v", lost, since)
	}
	if _, err := m.Analyze(t.Context(), "SELECT 1", nil); !errors.Is(err, postgres.ErrNotConnected) {
		t.Errorf("analyze during the outage: %v", err)
	}
	if s := m.Stats(); s.Connected || s.LastError == "" {
		t.Errorf("%+v", s)
	}
	await(t, "a connection error", func() bool { return m.Stats().Pool.Errors > 0 })
	if err := cluster.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(t, "the recovery", func() bool { ok, _, text := m.State(); return ok && text == "" })
	if _, err := m.Analyze(t.Context(), "SELECT 1", nil); err != nil {
		t.Errorf("analyze after the outage: %v", err)
	}
}

// TestWrongPassword holds that Run goes on and that neither state nor log shows the secret.
func TestWrongPassword(t *testing.T) {
	t.Parallel()
	c := shared.Cluster(t)
	log := &lines{}
	m, err := postgres.New(postgres.Config{URL: c.URLFor("postgres", "pa ss/%word", "postgres")}, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	run(t, m)
	await(t, "the refusal", func() bool { _, _, text := m.State(); return text != "" })
	_, since, text := m.State()
	if !strings.Contains(text, "password authentication failed") || since.IsZero() {
		t.Errorf("state: %v %q", since, text)
	}
	for _, form := range []string{"pa ss", url.QueryEscape("pa ss/%word"), url.PathEscape("pa ss/%word")} {
		if strings.Contains(text, form) || strings.Contains(log.String(), form) {
			t.Errorf("the password shows: %q, %s", text, log)
		}
	}
	if n := strings.Count(log.String(), "database not reachable"); n != 1 {
		t.Errorf("logged %d times: %s", n, log)
	}
}

// TestSilentServer holds that a server that takes connections and says nothing is an outage
// like others, and that Run ends while it waits for it.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	m := start(t, "postgres://u:p@"+l.Addr().String()+"/d?sslmode=disable", func(c *postgres.Config) {
		c.ConnectTimeout = 200 * time.Millisecond
	})
	await(t, "two tries", func() bool { s := m.Stats(); return s.Pool.Errors > 1 && !s.Connected && s.LastError != "" })
}

// TestMissingRights holds that what cannot be read is a warning with its remedy, and that
// the remedy is one.
func TestMissingRights(t *testing.T) {
	t.Parallel()
	c := shared.Cluster(t)
	admin := shared.Database(t)
	name := databaseOf(t, admin)
	role := `"odd ""` + name + `"` // quoted; roles are the whole server's, so one for each run
	execute(t, admin, "CREATE ROLE "+role+" LOGIN PASSWORD 'plain-word'")
	m := start(t, c.URLFor(`odd "`+name, "plain-word", name), nil)
	warned := func(part string) func() bool {
		return func() bool { return strings.Contains(strings.Join(m.Stats().Warnings, "\n"), part) }
	}
	await(t, "the missing extension", warned("CREATE EXTENSION pg_stat_statements;"))
	if !c.HasStatements() {
		return
	}
	execute(t, admin, "CREATE SCHEMA aside", "CREATE EXTENSION pg_stat_statements SCHEMA aside")
	await(t, "the missing right on the schema", warned(`GRANT USAGE ON SCHEMA "aside" TO `+role))
	execute(t, admin, `GRANT USAGE ON SCHEMA "aside" TO `+role)
	await(t, "the missing role", func() bool {
		return warned("GRANT pg_read_all_stats TO "+role)() && !warned("cannot be read")()
	})
	execute(t, admin, "GRANT pg_read_all_stats TO "+role)
	await(t, "no warning", func() bool { return len(m.Stats().Warnings) == 0 })
	if ok, _, text := m.State(); !ok || text != "" {
		t.Errorf("missing rights count as an outage: %q", text)
	}
}

// TestEndOfRun holds that calls under way end with Run, and that it can run again.
func TestEndOfRun(t *testing.T) {
	t.Parallel()
	m, err := postgres.New(postgres.Config{URL: shared.Database(t)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- m.Run(ctx) }()
		await(t, "a connection", func() bool { ok, _, _ := m.State(); return ok })
		if err := m.Run(t.Context()); !errors.Is(err, postgres.ErrRunning) {
			t.Errorf("a second Run: %v", err)
		}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for {
					if _, err := m.Analyze(t.Context(), "SELECT 1", nil); err != nil {
						return
					}
				}
			})
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		wg.Wait()
		if ok, _, _ := m.State(); ok {
			t.Error("connected after the end of Run")
		}
	}
}

func TestCollect(t *testing.T) {
	t.Parallel()
	m, url := connected(t)
	execute(t, url, "SELECT pg_sleep(0.06)")
	await(t, "the statement", func() bool { return m.Stats().Queries.Total > 0 || !shared.Cluster(t).HasStatements() })
	pool := traced(t, m, url)
	m.Watch(pool)
	defer m.Watch(nil)
	if _, err := pool.Exec(t.Context(), "SELECT 1"); err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewPedanticRegistry()
	if err := reg.Register(m); err != nil {
		t.Fatal(err)
	}
	problems, err := testutil.GatherAndLint(reg)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		got[f.GetName()] = f.GetMetric()[0].GetGauge().GetValue() + f.GetMetric()[0].GetCounter().GetValue() +
			float64(f.GetMetric()[0].GetHistogram().GetSampleCount())
	}
	if got["upshift_postgres_connected"] != 1 || got["upshift_postgres_pool_max_connections"] != 3 ||
		got["upshift_postgres_queries_total"] < 1 || got["upshift_postgres_client_query_duration_seconds"] != 1 ||
		got["upshift_postgres_pool_peak_connections"] != 1 {
		t.Errorf("%v", got)
	}
}

// traced returns a pool of three connections that m's tracer counts.
func traced(t *testing.T, m *postgres.Monitor, url string) *pgxpool.Pool {
	t.Helper()
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	cfg.MaxConns = 3
	cfg.ConnConfig.Tracer = m.Tracer()
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// lines is a log that many goroutines write.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
