package postgres

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// WorkloadStatement is a statement of the database's workload, to be planned and not to be shown.
type WorkloadStatement struct {
	// SQL has parameters $1, $2 … for any value, or, where a recent call was seen, that call's literals.
	SQL string
	// Query and Fingerprint show and name it: no literals.
	Query, Fingerprint string
	// CallsPerDay and MeanSeconds are from pg_stat_statements, since it was last reset, or from the
	// tracer; less than a day counts as one.
	CallsPerDay, MeanSeconds float64
}

const shownRecommendations = 5 // in the statistics

// maxWorkloadText is the longest text that is planned.
const maxWorkloadText = 64 << 10

// Workload returns the statements that take most time on the server, limit at most, the heaviest first.
func (m *Monitor) Workload(ctx context.Context, limit int) ([]WorkloadStatement, error) {
	ctx, done, err := m.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	m.mu.Lock()
	s := m.server
	m.mu.Unlock()
	if !s.readable() {
		return m.tracedWorkload(limit), nil
	}
	var list []WorkloadStatement
	err = m.pool.Load().AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		return readOnly(ctx, conn.Conn(), m.cfg.StatementTimeout, func(tx pgx.Tx) error {
			list, err = readWorkload(ctx, tx, s, limit)
			return err
		})
	})
	if err != nil {
		return nil, m.secrets.wrap(fmt.Errorf("postgres: read the workload: %w", explainDenied(err, s)))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range list {
		if example, ok := m.examples[list[i].Fingerprint]; ok {
			list[i].SQL = example
		}
	}
	return list, nil
}

func readWorkload(ctx context.Context, tx pgx.Tx, s server, limit int) ([]WorkloadStatement, error) {
	since := "pg_postmaster_start_time()"
	if s.statementsVersion() >= 1.09 {
		since = "(SELECT stats_reset FROM " + pgx.Identifier{*s.extensionSchema, "pg_stat_statements_info"}.Sanitize() + ")"
	}
	sql := fmt.Sprintf(`SELECT %s query, sum(calls)::float8, sum(total_exec_time)::float8 / 1000,
		extract(epoch FROM now() - %s)::float8
	FROM %s WHERE dbid = $1 AND position('%s' in query) = 0 AND length(query) <= %d
	GROUP BY query ORDER BY 3 DESC LIMIT %d`, marker, since, s.view(), marker, maxWorkloadText, limit)
	rows, err := tx.Query(ctx, sql, s.databaseID)
	if err != nil {
		return nil, err
	}
	var (
		text                    string
		calls, seconds, elapsed float64
		list                    []WorkloadStatement
	)
	_, err = pgx.ForEachRow(rows, []any{&text, &calls, &seconds, &elapsed}, func() error {
		days := math.Max(1, elapsed/86400)
		list = append(list, WorkloadStatement{
			SQL: text, Query: Normalize(text), Fingerprint: Fingerprint(text), CallsPerDay: calls / days, MeanSeconds: seconds / math.Max(calls, 1),
		})
		return nil
	})
	return list, err
}

// tracedWorkload is what the tracer counted, where the server counts nothing.
func (m *Monitor) tracedWorkload(limit int) []WorkloadStatement {
	var list []WorkloadStatement
	days := math.Max(1, time.Since(m.made).Hours()/24)
	for _, s := range m.tracer.table.all() {
		q := s.slowQuery()
		list = append(list, WorkloadStatement{
			SQL: q.Query, Query: q.Query, Fingerprint: q.Fingerprint, CallsPerDay: float64(q.Calls) / days, MeanSeconds: q.MeanSeconds,
		})
	}
	slices.SortFunc(list, func(a, b WorkloadStatement) int {
		switch x, y := a.CallsPerDay*a.MeanSeconds, b.CallsPerDay*b.MeanSeconds; {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	return list[:min(len(list), limit)]
}

const examplesSQL = `SELECT ` + marker + ` query FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND query <> '' AND position('` + marker + `' in query) = 0
	AND octet_length(query) < pg_size_bytes(current_setting('track_activity_query_size')) - 4 LIMIT 200`

// readExamples notes what sessions run now or ran last, as far as it has values: a plan for these is
// truer than one for any. They stay in memory, as many as there are statements remembered.
func (m *Monitor) readExamples(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, examplesSQL)
	if err != nil {
		return fmt.Errorf("read the sessions: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("read the sessions: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, text := range list {
		hash, literals := fingerprint(text)
		if !literals {
			continue
		}
		if len(m.examples) >= m.cfg.QueryCacheSize {
			clear(m.examples)
		}
		m.examples[hashName(hash)] = text
	}
	return nil
}

// Dial opens a session of its own for a caller who plans in it. done closes it; it ends with Run in any case.
func (m *Monitor) Dial(ctx context.Context) (session *pgx.Conn, within context.Context, done func(), err error) {
	within, end, err := m.begin(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	conn, err := m.connect(within, nil)
	if err != nil {
		end()
		return nil, nil, nil, err
	}
	return conn, within, func() {
		m.hangUp(within, conn)
		end()
	}, nil
}

// Recommend keeps the indexes that are worth making, for [Monitor.Recommendations] and the statistics.
func (m *Monitor) Recommend(list []Recommendation) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.recommended = slices.Clone(list)
}

// Recommendations are those last given to [Monitor.Recommend], the most useful first.
func (m *Monitor) Recommendations() []Recommendation {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Recommendation{}, m.recommended...)
}

// Clean returns the text of an error of this database without its password.
func (m *Monitor) Clean(err error) error { return m.secrets.wrap(err) }
