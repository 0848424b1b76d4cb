package postgres_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/sentientcore/upshift/internal/pgtest"
	"github.com/sentientcore/upshift/postgres"
)

// shared is the server of all tests that do not kill theirs.
var shared pgtest.Shared

func TestMain(m *testing.M) {
	code := m.Run()
	if err := shared.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// start returns a running monitor of url; it ends with the test.
func start(t *testing.T, url string, change func(*postgres.Config)) *postgres.Monitor {
	t.Helper()
	cfg := postgres.Config{
		URL: url, PollInterval: 100 * time.Millisecond, SlowQueryThreshold: 50 * time.Millisecond, ConnectionPoolSize: 4,
		StatementTimeout: 3 * time.Second,
	}
	if change != nil {
		change(&cfg)
	}
	m, err := postgres.New(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	run(t, m)
	return m
}

func run(t *testing.T, m *postgres.Monitor) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// connected returns a monitor that has reached a fresh database with pg_stat_statements
// and the tables that setup makes.
func connected(t *testing.T, setup ...string) (m *postgres.Monitor, url string) {
	t.Helper()
	url = shared.Database(t)
	if shared.Cluster(t).HasStatements() {
		setup = append([]string{"CREATE EXTENSION pg_stat_statements"}, setup...)
	}
	execute(t, url, setup...)
	m = start(t, url, nil)
	await(t, "a connection", func() bool { ok, _, _ := m.State(); return ok })
	return m, url
}

func execute(t *testing.T, url string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, sql := range statements {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// databaseOf returns the name of the database in a connection string.
func databaseOf(t *testing.T, url string) string {
	t.Helper()
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	return cfg.Database
}

// value returns the text of the one value that a query yields.
func value(t *testing.T, url, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var v string
	if err := conn.QueryRow(t.Context(), sql).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// await asks until it is so, for half a minute at most.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for !so() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited half a minute for %s", what)
		}
	}
}
