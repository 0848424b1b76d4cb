package postgres_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sentientcore/upshift/postgres"
)

// Watch a database for as long as the program runs.
func ExampleNew() {
	m, err := postgres.New(postgres.Config{
		URL:                "postgres://app@127.0.0.1:1/app", // nobody answers here
		SlowQueryThreshold: 200 * time.Millisecond,
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- m.Run(ctx) }() // an unreachable server is tried again and again

	connected, _, _ := m.State()
	fmt.Println("connected:", connected)
	for _, q := range m.SlowQueries(10) {
		fmt.Println(q.MaxSeconds, q.Query)
	}

	cancel()
	fmt.Println("ended:", <-done)
	// Output:
	// connected: false
	// ended: <nil>
}

// Plan a statement without running it.
func ExampleMonitor_Analyze() {
	m, err := postgres.New(postgres.Config{URL: "postgres://app@127.0.0.1:1/app"}, nil)
	if err != nil {
		log.Fatal(err)
	}
	// go m.Run(ctx)
	a, err := m.Analyze(context.Background(), "SELECT * FROM chunks WHERE document_id = $1", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, scan := range a.SequentialScans {
		fmt.Println("reads all of", scan.Table)
	}
	// Output: postgres: not connected
}

// Count the statements of the program's own pool.
func ExampleTracer() {
	cfg, err := pgxpool.ParseConfig("postgres://app@db.internal/app")
	if err != nil {
		log.Fatal(err)
	}
	tracer := postgres.NewTracer(0)
	cfg.ConnConfig.Tracer = tracer
	// pool, err := pgxpool.NewWithConfig(ctx, cfg)

	// What the pool does for each statement:
	ctx := tracer.TraceQueryStart(context.Background(), nil, pgx.TraceQueryStartData{SQL: "SELECT body FROM chunks WHERE id = 7"})
	tracer.TraceQueryEnd(ctx, nil, pgx.TraceQueryEndData{CommandTag: pgconn.NewCommandTag("SELECT 1")})

	for _, q := range tracer.Slow(0, 10) {
		fmt.Println(q.Calls, q.Query)
	}
	// Output: 1 SELECT body FROM chunks WHERE id = ?
}

// Statements that differ only in values have one fingerprint.
func ExampleFingerprint() {
	fmt.Println(postgres.Fingerprint("SELECT * FROM chunks WHERE id IN (1, 2, 3)") ==
		postgres.Fingerprint("select *  from chunks where id in ($1) -- one"))
	// Output: true
}

// Show a statement without what it holds.
func ExampleNormalize() {
	fmt.Println(postgres.Normalize("ALTER ROLE app PASSWORD 's3cret' /* ticket 7 */ VALID UNTIL '2027-01-01'"))
	// Output: ALTER ROLE app PASSWORD ? VALID UNTIL ?
}
