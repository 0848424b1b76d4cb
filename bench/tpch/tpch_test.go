package tpch_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/sentientcore/upshift/bench/tpch"
	"github.com/sentientcore/upshift/internal/pgtest"
)

// Every statement has a plan in the database that Load makes, and the same seed draws the same.
func TestQueriesHavePlans(t *testing.T) {
	t.Parallel()
	conn, err := pgx.Connect(t.Context(), pgtest.Start(t).URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := tpch.Load(t.Context(), conn, 0.01, 7); err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(5) {
		queries := tpch.Queries(0.01, seed)
		if len(queries) != 22 {
			t.Fatalf("%d statements, want 22", len(queries))
		}
		for i, q := range queries {
			if again := tpch.Queries(0.01, seed)[i]; again != q {
				t.Errorf("%s: drawn twice it differs", q.Name)
			}
			if strings.ContainsAny(q.SQL, "{}") {
				t.Errorf("%s: a hole is left: %s", q.Name, q.SQL)
			}
			if _, err := conn.Exec(t.Context(), "EXPLAIN "+q.SQL); err != nil {
				t.Errorf("%s: %v", q.Name, err)
			}
		}
	}
	if err := tpch.Load(t.Context(), conn, 0, 1); err == nil {
		t.Error("a scale factor of 0 is taken")
	}
}
