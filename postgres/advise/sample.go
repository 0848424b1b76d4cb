package advise

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	sampleRows  = 30_000
	samplePages = 6_000
	sharePages  = 600.0
)

// sample is a hash and a length of each column of some rows of a table: enough to count what distinct
// combinations of columns there are, and no value of anybody.
type sample struct {
	rows  float64 // of the table, when it was read
	share float64 // of its pages that rows were taken from
	order []int   // positions in table.columns, in the order of hashes and sizes
	// hashes and sizes have one row after the other; the hash of null is 0.
	hashes []int64
	sizes  []int32
	known  map[string]groups
	tuples map[string]float64
}

// groups are how the rows of a table fall into equal ones.
type groups struct {
	distinct float64 // distinct combinations
	// heavy are the rows of combinations that stand out, the rest is spread evenly over the others.
	heavy []float64
	// width is the mean of the sizes added up, and nulls the share of rows where all columns are null.
	width, nulls float64
}

// readSample reads some rows of these columns of t, by their pages, within the time limit.
func readSample(ctx context.Context, conn *pgx.Conn, t *table, columns []int, limit time.Duration) (*sample, error) {
	s := &sample{rows: t.rows, known: map[string]groups{}, tuples: map[string]float64{}}
	var fields []string
	for _, i := range columns {
		name := pgx.Identifier{t.columns[i].name}.Sanitize()
		fields = append(fields, fmt.Sprintf("COALESCE(hashtextextended(%[1]s::text, 7), 0), COALESCE(pg_column_size(%[1]s), 0)", name))
		s.order = append(s.order, i)
	}
	share := min(1, samplePages/max(t.pages, 1))
	s.share = share
	keep := min(1, sampleRows/max(1, share*t.rows))
	from := t.ident()
	if share < 1 {
		from += fmt.Sprintf(" TABLESAMPLE SYSTEM (%.6f) REPEATABLE (7)", 100*share)
	}
	sql := fmt.Sprintf("SELECT %s FROM %s WHERE random() < %.8f LIMIT %d", strings.Join(fields, ", "), from, keep, 2*sampleRows)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	rows, err := conn.Query(ctx, sql)
	if err != nil {
		return nil, fmt.Errorf("sample %s: %w", t.ident(), err)
	}
	defer rows.Close()
	hashes, sizes := make([]int64, len(columns)), make([]int32, len(columns))
	into := make([]any, 0, 2*len(columns))
	for i := range columns {
		into = append(into, &hashes[i], &sizes[i])
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, fmt.Errorf("sample %s: %w", t.ident(), err)
		}
		s.hashes, s.sizes = append(s.hashes, hashes...), append(s.sizes, sizes...)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("sample %s: %w", t.ident(), err)
	}
	return s, nil
}

// readMeans reads, from some pages of t, the share of its rows that meets each condition, and the mean size of
// each expression.
func readMeans(ctx context.Context, conn *pgx.Conn, t *table, conditions, expressions []string, limit time.Duration) error {
	var fields []string
	for _, c := range conditions {
		fields = append(fields, "COALESCE(avg(("+c+")::int), 0)::float8")
	}
	for _, e := range expressions {
		fields = append(fields, "COALESCE(avg(pg_column_size("+e+")), 0)::float8")
	}
	means, into := make([]float64, len(fields)), make([]any, len(fields))
	for i := range into {
		into[i] = &means[i]
	}
	from := t.ident()
	if share := sharePages / max(t.pages, 1); share < 1 {
		from += fmt.Sprintf(" TABLESAMPLE SYSTEM (%.6f) REPEATABLE (7)", 100*share)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := conn.QueryRow(ctx, "SELECT "+strings.Join(fields, ", ")+" FROM "+from).Scan(into...); err != nil {
		return fmt.Errorf("count conditions in %s: %w", t.ident(), err)
	}
	t.shares, t.widths = map[string]float64{}, map[string]float64{}
	for i, c := range conditions {
		t.shares[c] = means[i]
	}
	for i, e := range expressions {
		t.widths[e] = means[len(conditions)+i]
	}
	return nil
}

// groups counts the combinations of some columns, which must all have been read; ok is false otherwise.
// clustered tells that equal ones stand side by side in the table: then those on the pages that were read are
// almost all there, and the others are on other pages.
func (s *sample) groups(columns []int, clustered bool) (groups, bool) {
	if s == nil || len(s.hashes) == 0 {
		return groups{}, false
	}
	at := make([]int, len(columns))
	for i, c := range columns {
		if at[i] = slices.Index(s.order, c); at[i] < 0 {
			return groups{}, false
		}
	}
	slices.Sort(at)
	name := fmt.Sprint(at)
	if g, ok := s.known[name]; ok {
		return g, true
	}
	g := s.count(at, clustered)
	s.known[name] = g
	return g, true
}

func (s *sample) count(at []int, clustered bool) groups {
	step := len(s.order)
	n := len(s.hashes) / step
	seen := make(map[uint64]int, n)
	width, nulls := 0.0, 0
	for row := range n {
		hash, null := uint64(14695981039346656037), true
		for _, i := range at {
			h := s.hashes[row*step+i]
			null = null && h == 0
			hash = (hash ^ uint64(h)) * 1099511628211
			hash ^= hash >> 29
			width += float64(s.sizes[row*step+i])
		}
		if null {
			nulls++
		}
		seen[hash]++
	}
	g := groups{width: width / float64(n), nulls: float64(nulls) / float64(n)}
	once, often := 0, 0
	for _, c := range seen {
		switch {
		case c == 1:
			once++
		case c >= heavyCount:
			g.heavy = append(g.heavy, float64(c)*s.rows/float64(n))
			often++
		}
	}
	reach := 1.0 // of the table, that a sampled row's equals may be in
	if clustered {
		reach = s.share
	}
	g.distinct = math.Max(distinct(float64(len(seen)), float64(once), float64(n), s.rows*reach)/reach, float64(often))
	return g
}

// heavyCount is how often a combination must be in a sample for its own number of rows to be known well.
const heavyCount = 30

// distinct estimates the number of distinct values among total rows from a sample of n: found of them, once
// of these once only (Haas and Stokes 1998, Duj1, as Postgres does).
func distinct(found, once, n, total float64) float64 {
	switch {
	case n >= total:
		return found
	case once == n:
		return total
	}
	return min(total, max(found, n*found/(n-once+once*n/total)))
}
