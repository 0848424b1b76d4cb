package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// The states of a [TableResult].
const (
	StatusOK      = "ok"
	StatusSkipped = "skipped"
	StatusError   = "error"
)

const (
	maxVacuumTables = 1000
	maxChosenTables = 100
	vacuumCostDelay = 2 // milliseconds: as autovacuum, so that it does not crowd out the program
)

// TableResult is what a vacuum did to one table.
type TableResult struct {
	// Status is "ok", "skipped" (Error says why) or "error".
	Status  string  `json:"status"`
	Seconds float64 `json:"seconds"`
	Error   string  `json:"error,omitempty"`
}

// Optimization is what [Monitor.Optimize] did and advises.
type Optimization struct {
	Tables     map[string]TableResult `json:"tables"`
	PoolAdvice []string               `json:"pool_advice"`
}

// Vacuum runs VACUUM (ANALYZE) on tables, one after the other, and returns what came of
// each under its name as given. A table is named as schema.table, or table where the search
// path finds it; no tables means those that the server's statistics call for, by its
// autovacuum thresholds. A table that does not exist, is not ours to vacuum or is busy does
// not stop the others. It never locks out readers or writers, and paces itself like
// autovacuum. One vacuum runs at a time: the next gets [ErrBusy].
func (m *Monitor) Vacuum(ctx context.Context, tables []string) (map[string]TableResult, error) {
	return m.vacuum(ctx, tables, func(float64) {})
}

// Optimize vacuums the tables that need it and says what to change about the pool. It calls
// progress, which may be nil, with the share done.
func (m *Monitor) Optimize(ctx context.Context, progress func(done float64)) (Optimization, error) {
	if progress == nil {
		progress = func(float64) {}
	}
	tables, err := m.vacuum(ctx, nil, progress)
	if err != nil {
		return Optimization{Tables: map[string]TableResult{}, PoolAdvice: []string{}}, err
	}
	m.mu.Lock()
	s := m.server
	m.mu.Unlock()
	progress(1)
	return Optimization{Tables: tables, PoolAdvice: poolAdvice(m.poolStats(), s)}, nil
}

func (m *Monitor) vacuum(ctx context.Context, tables []string, progress func(float64)) (map[string]TableResult, error) {
	if len(tables) > maxVacuumTables {
		return nil, fmt.Errorf("postgres: vacuum at most %d tables at once (got %d)", maxVacuumTables, len(tables))
	}
	select {
	case m.vacuums <- struct{}{}:
		defer func() { <-m.vacuums }()
	default:
		return nil, ErrBusy
	}
	ctx, done, err := m.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	var warning string
	conn, err := m.connect(ctx, func(n *pgconn.Notice) {
		if severity := n.SeverityUnlocalized; severity == "WARNING" || severity == "" {
			warning = n.Message
		}
	})
	if err != nil {
		return nil, err
	}
	defer m.hangUp(ctx, conn)
	if err := m.prepareVacuum(ctx, conn); err != nil {
		return nil, m.secrets.wrap(fmt.Errorf("postgres: %w", err))
	}
	if len(tables) == 0 {
		if tables, err = needVacuum(ctx, conn); err != nil {
			return nil, m.secrets.wrap(fmt.Errorf("postgres: %w", err))
		}
	}
	results := make(map[string]TableResult, len(tables))
	for i, name := range tables {
		progress(float64(i) / float64(len(tables)))
		warning = ""
		began := time.Now()
		r := m.vacuumTable(ctx, conn, name)
		if r.Seconds = time.Since(began).Seconds(); r.Status == StatusOK && warning != "" {
			r.Status, r.Error = StatusSkipped, m.secrets.clean(warning) // the server left it out: no right to, or locked
		}
		results[name] = r
		if ctx.Err() != nil || conn.IsClosed() {
			m.look()
			break
		}
	}
	return results, m.cutShort(ctx, conn, results, tables)
}

// cutShort says why not all tables were reached, or nil.
func (m *Monitor) cutShort(ctx context.Context, conn *pgx.Conn, results map[string]TableResult, tables []string) error {
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("postgres: vacuum stopped after %d of %d tables: %w", len(results), len(tables), ctx.Err())
	case conn.IsClosed() && len(results) < len(tables):
		return fmt.Errorf("postgres: vacuum stopped after %d of %d tables: %w", len(results), len(tables), ErrNotConnected)
	}
	return nil
}

func (m *Monitor) prepareVacuum(ctx context.Context, conn *pgx.Conn) error {
	for _, set := range []string{
		fmt.Sprintf("statement_timeout = %d", m.cfg.VacuumTimeout.Milliseconds()),
		fmt.Sprintf("vacuum_cost_delay = %d", vacuumCostDelay),
	} {
		if _, err := conn.Exec(ctx, "SET "+marker+" "+set); err != nil {
			return fmt.Errorf("set %s: %w", set, err)
		}
	}
	return nil
}

// vacuumTable vacuums one table. Its name reaches SQL only as the server's catalog spells
// it, quoted.
func (m *Monitor) vacuumTable(ctx context.Context, conn *pgx.Conn, name string) TableResult {
	t, err := findTable(ctx, conn, name)
	if err != nil {
		return TableResult{Status: StatusError, Error: m.secrets.clean(err.Error())}
	}
	if t.refusal != "" {
		return TableResult{Status: t.status, Error: t.refusal}
	}
	_, err = conn.Exec(ctx, "VACUUM "+marker+" (ANALYZE, SKIP_LOCKED) "+t.name.Sanitize())
	if err != nil {
		return TableResult{Status: StatusError, Error: m.secrets.clean(err.Error())}
	}
	return TableResult{Status: StatusOK}
}

// needVacuumSQL finds the tables that have gone past the thresholds of autovacuum, and those
// with rows that were never analysed, the worst first.
const needVacuumSQL = `SELECT ` + marker + ` quote_ident(s.schemaname) || '.' || quote_ident(s.relname)
FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND (
	s.n_dead_tup > current_setting('autovacuum_vacuum_threshold')::float8
		+ current_setting('autovacuum_vacuum_scale_factor')::float8 * greatest(c.reltuples, 0)
	OR s.n_mod_since_analyze > current_setting('autovacuum_analyze_threshold')::float8
		+ current_setting('autovacuum_analyze_scale_factor')::float8 * greatest(c.reltuples, 0)
	OR s.n_live_tup > 0 AND s.last_analyze IS NULL AND s.last_autoanalyze IS NULL)
ORDER BY s.n_dead_tup DESC, s.n_mod_since_analyze DESC, 1 LIMIT $1`

func needVacuum(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	rows, err := conn.Query(ctx, needVacuumSQL, maxChosenTables)
	if err != nil {
		return nil, fmt.Errorf("find the tables that need a vacuum: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("find the tables that need a vacuum: %w", err)
	}
	return names, nil
}
