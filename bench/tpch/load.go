package tpch

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

var (
	//go:embed schema.sql
	schemaSQL string
	//go:embed data.sql
	dataSQL string
)

// Tables are those that Load makes, the smallest first.
var Tables = []string{"region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem"}

// Load makes the tables in an empty database, fills them at scale factor sf (1 is 6 million lines, 0.01
// the least that makes sense), adds the primary keys and gathers statistics. The same seed draws the same rows.
func Load(ctx context.Context, conn *pgx.Conn, sf float64, seed uint64) error {
	if sf < 0.01 || sf > 100 {
		return fmt.Errorf("tpch: the scale factor must be between 0.01 and 100 (got %v)", sf)
	}
	counts := strings.NewReplacer(
		"{suppliers}", rows(10_000*sf), "{parts}", rows(200_000*sf), "{customers}", rows(150_000*sf),
		"{orders}", rows(1_500_000*sf), "{clerks}", rows(1000*sf))
	script := fmt.Sprintf("SELECT setseed(%g);", float64(seed%1000)/1000) + schemaSQL + counts.Replace(dataSQL)
	for _, sql := range []string{"BEGIN", "SET LOCAL max_parallel_workers_per_gather = 0", script, "COMMIT", "VACUUM ANALYZE", "CHECKPOINT", "SELECT pg_stat_reset()"} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("tpch: %.40s: %w", sql, err)
		}
	}
	return nil
}

func rows(n float64) string { return strconv.Itoa(max(4, int(n))) }
