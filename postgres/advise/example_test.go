package advise_test

import (
	"context"
	"fmt"
	"log"

	"github.com/jackc/pgx/v5"

	"github.com/sentientcore/upshift/postgres/advise"
)

// Advice for a workload of one's own, on a session that is closed afterwards.
func ExampleSearch() {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, "postgres://app@127.0.0.1:5432/app")
	if err != nil {
		log.Print(err)
		return
	}
	defer conn.Close(ctx)
	workload := []advise.Statement{
		{SQL: "SELECT body FROM chunks WHERE document_id = $1", CallsPerDay: 90_000, MeanSeconds: 0.02},
	}
	advice, err := advise.Search(ctx, conn, workload, advise.Config{BudgetBytes: 256 << 20})
	if err != nil {
		log.Print(err)
		return
	}
	for _, r := range advice.Recommendations {
		fmt.Printf("%s -- saves %.0f s a day, %s\n", r.DDL, r.SavedSecondsPerDay.Mid, r.Confidence)
	}
}
