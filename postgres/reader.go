package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// maxRows bounds one reading of pg_stat_statements, which keeps 5,000 by default.
const maxRows = 50_000

// rowKey tells the rows of pg_stat_statements apart.
type rowKey struct {
	user, top int64
	query     int64
}

// row is one of them; times are in seconds.
type row struct {
	calls, rows     uint64
	total, min, max float64
}

// reader reads pg_stat_statements again and again and keeps the difference. It belongs to
// one goroutine.
type reader struct {
	threshold float64 // seconds
	limit     int

	previous map[rowKey]row
	texts    map[int64]knownText
	seen     map[string]time.Time // fingerprint → when its calls last grew
	totals   QueryStats
	read     bool
}

// knownText is what a query id stands for.
type knownText struct {
	fingerprint string
	text        string // kept of slow statements only
	own         bool   // it is the monitor's
}

func newReader(threshold time.Duration, limit int) *reader {
	return &reader{
		threshold: threshold.Seconds(), limit: limit,
		previous: map[rowKey]row{}, texts: map[int64]knownText{}, seen: map[string]time.Time{},
		totals: QueryStats{Source: SourceServer},
	}
}

// readable tells whether s has statistics that this reader understands.
func (s server) readable() bool { return s.statementsVersion() >= minStatementsVersion }

// view is pg_stat_statements in the schema where it was installed.
func (s server) view() string {
	return pgx.Identifier{*s.extensionSchema, "pg_stat_statements"}.Sanitize()
}

// readStatements takes in the server's figures and returns the slow statements, slowest
// first. Its error says what to do when something is in the way.
func (r *reader) readStatements(ctx context.Context, tx pgx.Tx, s server, now time.Time) ([]SlowQuery, error) {
	rows, err := readRows(ctx, tx, s)
	if err != nil {
		return nil, explainDenied(err, s)
	}
	missing := r.missing(rows)
	if len(missing) > 0 {
		if err := r.readTexts(ctx, tx, s, missing); err != nil {
			return nil, explainDenied(err, s)
		}
	}
	return r.take(rows, now), nil
}

func readRows(ctx context.Context, tx pgx.Tx, s server) (map[rowKey]row, error) {
	top := "true"
	if s.statementsVersion() >= 1.09 {
		top = "toplevel"
	}
	// The figures without the texts, which would be read from a file.
	sql := fmt.Sprintf(`SELECT %s userid::bigint, (%s)::int::bigint, queryid, calls, rows,
		total_exec_time / 1000, min_exec_time / 1000, max_exec_time / 1000
	FROM %s(false) WHERE dbid = $1 AND queryid IS NOT NULL ORDER BY total_exec_time DESC LIMIT %d`, marker, top, s.view(), maxRows)
	found, err := tx.Query(ctx, sql, s.databaseID)
	if err != nil {
		return nil, fmt.Errorf("read pg_stat_statements: %w", err)
	}
	defer found.Close()
	rows := map[rowKey]row{}
	for found.Next() {
		var (
			k rowKey
			v row
		)
		if err := found.Scan(&k.user, &k.top, &k.query, &v.calls, &v.rows, &v.total, &v.min, &v.max); err != nil {
			return nil, fmt.Errorf("read pg_stat_statements: %w", err)
		}
		rows[k] = v
	}
	if err := found.Err(); err != nil {
		return nil, fmt.Errorf("read pg_stat_statements: %w", err)
	}
	return rows, nil
}

// missing returns the ids whose text is needed: new ones, to know what they are, and slow
// ones, to show it.
func (r *reader) missing(rows map[rowKey]row) []int64 {
	ids := map[int64]bool{}
	for k, v := range rows {
		known, ok := r.texts[k.query]
		if !ok || known.text == "" && !known.own && r.slow(v) {
			ids[k.query] = true
		}
	}
	list := make([]int64, 0, len(ids))
	for id := range ids {
		list = append(list, id)
	}
	return list
}

func (r *reader) slow(v row) bool { return v.max > r.threshold }

func (r *reader) readTexts(ctx context.Context, tx pgx.Tx, s server, ids []int64) error {
	sql := fmt.Sprintf(`SELECT %s queryid, left(query, %d), position('%s' in query) > 0, max(max_exec_time) / 1000
	FROM %s WHERE dbid = $1 AND queryid = ANY($2) GROUP BY 1, 2, 3`, marker, maxLexBytes, marker, s.view())
	found, err := tx.Query(ctx, sql, s.databaseID, ids)
	if err != nil {
		return fmt.Errorf("read the texts of pg_stat_statements: %w", err)
	}
	defer found.Close()
	for found.Next() {
		var (
			id   int64
			text string
			k    knownText
			slow row
		)
		if err := found.Scan(&id, &text, &k.own, &slow.max); err != nil {
			return fmt.Errorf("read the texts of pg_stat_statements: %w", err)
		}
		k.fingerprint = Fingerprint(text)
		if r.slow(slow) && !k.own {
			k.text = Normalize(text)
		}
		r.texts[id] = k
	}
	return found.Err()
}

// take adds what is new in rows to the totals and gathers the slow statements. Totals go on
// over a reset of the server's statistics: a count that fell began anew.
func (r *reader) take(rows map[rowKey]row, now time.Time) []SlowQuery {
	found := map[string]*SlowQuery{}
	seen := make(map[string]time.Time, len(r.seen))
	texts := make(map[int64]knownText, len(r.texts))
	for k, v := range rows {
		known, ok := r.texts[k.query]
		if !ok {
			known = knownText{fingerprint: fmt.Sprintf("%016x", uint64(k.query))} // gone between two queries
		}
		texts[k.query] = known
		if known.own {
			continue
		}
		before := r.previous[k]
		if v.calls < before.calls {
			before = row{}
		}
		r.count(before, v)
		at, had := r.seen[known.fingerprint]
		if grew := v.calls > before.calls; grew || !had {
			at = now
		}
		if at.After(seen[known.fingerprint]) {
			seen[known.fingerprint] = at
		}
		if known.text != "" {
			addSlow(found, known, v)
		}
	}
	r.previous, r.seen, r.texts, r.read = rows, seen, texts, true
	r.totals.Statements = len(seen)
	slow := make([]SlowQuery, 0, len(found))
	for fingerprint, q := range found {
		q.LastSeen = seen[fingerprint].UTC()
		q.MeanSeconds = q.TotalSeconds / float64(max(1, q.Calls))
		if q.MaxSeconds > r.threshold {
			slow = append(slow, *q)
		}
	}
	return slowest(slow, r.limit)
}

// count adds to the totals what happened between two rows.
func (r *reader) count(before, now row) {
	calls, seconds := now.calls-before.calls, math.Max(0, now.total-before.total)
	if calls == 0 {
		return
	}
	t := &r.totals
	if t.Total == 0 || now.min < t.MinSeconds {
		t.MinSeconds = now.min
	}
	t.Total += calls
	t.TotalSeconds += seconds
	t.MeanSeconds = t.TotalSeconds / float64(t.Total)
	t.MaxSeconds = math.Max(t.MaxSeconds, now.max)
	t.Over1s += leastOver1s(calls, seconds, now.max, now.max > before.max)
}

// leastOver1s is the smallest number of calls above one second that explains the sum of
// their times, when none took longer than most: k calls of most and the rest of a second
// each. A new maximum above a second is one in any case.
func leastOver1s(calls uint64, seconds, most float64, newMost bool) uint64 {
	if most <= 1 {
		return 0
	}
	least := math.Ceil((seconds - float64(calls)) / (most - 1) * (1 - 1e-9))
	if newMost {
		least = math.Max(least, 1)
	}
	return uint64(math.Min(math.Max(least, 0), float64(calls)))
}

func addSlow(found map[string]*SlowQuery, known knownText, v row) {
	q, ok := found[known.fingerprint]
	if !ok {
		q = &SlowQuery{Query: known.text, Fingerprint: known.fingerprint, Source: SourceServer}
		found[known.fingerprint] = q
	}
	q.Calls += v.calls
	q.Rows += v.rows
	q.TotalSeconds += v.total
	q.MaxSeconds = math.Max(q.MaxSeconds, v.max)
}

// explainDenied adds to an error what to run against it.
func explainDenied(err error, s server) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err
	}
	role := pgx.Identifier{s.user}.Sanitize()
	switch pg.Code {
	case "55000": // object not in prerequisite state
		return fmt.Errorf("%w: add pg_stat_statements to shared_preload_libraries in postgresql.conf and restart the server", err)
	case "42501": // insufficient privilege
		schema := pgx.Identifier{*s.extensionSchema}.Sanitize()
		return fmt.Errorf("%w: run as superuser: GRANT USAGE ON SCHEMA %s TO %s; GRANT SELECT ON %s TO %s; GRANT pg_read_all_stats TO %s",
			err, schema, role, s.view(), role, role)
	}
	return err
}
