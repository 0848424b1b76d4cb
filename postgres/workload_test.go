package postgres_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/sentientcore/upshift/postgres"
)

// The workload has what the server counted, with the values of the call that a session ran last, which
// nothing else shows.
func TestWorkload(t *testing.T) {
	t.Parallel()
	m, url := connected(t, "CREATE TABLE notes (id int, body text)")
	if !shared.Cluster(t).HasStatements() {
		t.Skip("the server has no pg_stat_statements")
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	const sql = "SELECT count(*) FROM notes WHERE body = 'private-value'"
	for range 3 {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	var found postgres.WorkloadStatement
	await(t, "the statement with its values", func() bool {
		list, err := m.Workload(t.Context(), 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range list {
			if w.Fingerprint == postgres.Fingerprint(sql) {
				found = w
			}
		}
		return found.SQL == sql
	})
	if found.CallsPerDay < 3 || found.MeanSeconds <= 0 || strings.Contains(found.Query, "private") {
		t.Errorf("%+v", found)
	}
	for _, q := range m.SlowQueries(100) {
		if strings.Contains(q.Query, "private") {
			t.Errorf("a value is shown: %s", q.Query)
		}
	}
	if list, err := m.Workload(t.Context(), 1); err != nil || len(list) != 1 {
		t.Errorf("limit 1: %v, %v", list, err)
	}
}

// Recommendations are kept as they were given, and counted.
func TestRecommend(t *testing.T) {
	t.Parallel()
	m, err := postgres.New(postgres.Config{URL: "postgres://u:p@127.0.0.1:1/d"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if list := m.Recommendations(); list == nil || len(list) != 0 {
		t.Errorf("before any: %v", list)
	}
	given := make([]postgres.Recommendation, 7)
	given[0].ID = "first"
	m.Recommend(given)
	given[0].ID = "changed"
	if s := m.Stats(); s.IndexRecommendations != 7 || len(s.Recommended) != 5 || s.Recommended[0].ID != "first" {
		t.Errorf("%+v", s)
	}
	if _, err := m.Workload(t.Context(), 1); err == nil {
		t.Error("a workload without a connection")
	}
	if _, _, _, err := m.Dial(t.Context()); err == nil {
		t.Error("a session without a connection")
	}
}
