package api

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sentientcore/upshift/postgres"
)

// databaseKit is a server over a real, connected Postgres with one table.
func databaseKit(t *testing.T) *kit {
	t.Helper()
	monitor, err := postgres.New(postgres.Config{URL: databases.Database(t)}, slog.New(slog.DiscardHandler))
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- monitor.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		must(t, <-done)
	})
	for deadline := time.Now().Add(30 * time.Second); ; {
		connected, _, lastError := monitor.State()
		if connected {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("not connected: ", lastError)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return newKit(t, Parts{Postgres: monitor}).run()
}

// Each route of the database answers as documented while one is connected.
func TestDatabaseContract(t *testing.T) {
	t.Parallel()
	k := databaseKit(t)
	for _, r := range []request{
		{route: "GET ./database/stats", want: 200},
		{route: "GET ./database/slow-queries", want: 200},
		{route: "POST ./database/analyze", body: `{"query":"select * from pg_class where relname = $1","params":["x"]}`, want: 200},
		{route: "POST ./database/analyze", body: `{"query":"select * from nowhere"}`, want: 400},
		{route: "POST ./database/analyze", body: `{"query":"select 1; drop table pg_class"}`, want: 400},
		{route: "POST ./database/indexes/{id}/apply", path: "./database/indexes/none/apply", body: `{"digest":"x"}`, want: 404},
		{route: "POST ./database/vacuum", want: 200},
		{route: "POST ./database/vacuum", body: `{"tables":["public.nowhere"]}`, want: 200},
		{route: "POST ./database/optimize", want: 200},
		{route: "POST ./database/optimize", prefer: "respond-async", want: 202},
	} {
		method, route, path := r.parts()
		w := k.ask(Admin, method, path, r.body, withHeader("Prefer", r.prefer))
		if w.Code != r.want {
			t.Errorf("%s %s %s: status %d, want %d: %s", method, path, r.body, w.Code, r.want, w.Body)
			continue
		}
		checkDocumented(t, k, method, route, w)
	}
	k.Server.parts.Postgres.Recommend([]postgres.Recommendation{{
		ID: "x1", Digest: "d", Schema: "public", Table: "t", Columns: []string{"a"}, Method: "btree", DDL: "CREATE INDEX …", SizeBytes: 9,
		SavedSecondsPerDay: postgres.Interval{Low: 1, Mid: 2, High: 3}, WriteSecondsPerDay: 0.5, Confidence: postgres.ConfidenceSandbox,
		Statements: []postgres.IndexedStatement{{Query: "SELECT ?"}}, Evidence: []string{"seen"},
	}})
	w := k.ask(Viewer, http.MethodGet, base+"/database/indexes", "")
	checkDocumented(t, k, http.MethodGet, base+"/database/indexes", w)
	if list := dataOf[[]IndexAdvice](t, w); len(list) != 1 || list[0].ImpactScore != 1.5 || list[0].TableName != "public.t" ||
		list[0].QueryPatterns[0] != "SELECT ?" || list[0].State != "proposed" {
		t.Errorf("got %+v", list)
	}
	v := dataOf[DatabaseStats](t, k.ask(Viewer, http.MethodGet, base+"/database/stats", ""))
	if !v.Enabled || !v.Connected || v.ConnectionPool.PoolSize != postgres.DefaultConnectionPoolSize {
		t.Errorf("got %+v, want it connected with the default pool", v)
	}
}

// An unknown table is named in its own outcome; the others are not held up by it.
func TestVacuumNamesAnUnknownTable(t *testing.T) {
	t.Parallel()
	k := databaseKit(t)
	w := k.ask(Admin, http.MethodPost, base+"/database/vacuum", `{"tables":["public.nowhere"]}`)
	outcome := dataOf[map[string]TableOutcome](t, w)["public.nowhere"]
	if outcome.Status == "success" || !strings.Contains(outcome.Error, "nowhere") {
		t.Errorf("got %+v, want the table named", outcome)
	}
}
