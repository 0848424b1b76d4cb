package advise

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// marker is in every statement, so that a monitor can tell them from those of the program.
const marker = "/* upshift */"

// session is a connection on which statements are planned. It belongs to the search alone: what is prepared
// in it, and hypothetical indexes, are gone when it is closed.
type session struct {
	conn    *pgx.Conn
	version int
	// hypothetical is the version of HypoPG, 1.3.1 as 1.0301; 0 when it is not there.
	hypothetical float64
	prepared     int
}

// newSession makes conn read-only, bounds its statements and looks at what the server has.
func newSession(ctx context.Context, conn *pgx.Conn, limit time.Duration) (*session, error) {
	s := &session{conn: conn}
	for _, set := range []string{
		"default_transaction_read_only = on", "standard_conforming_strings = on", "plan_cache_mode = force_generic_plan",
		fmt.Sprintf("statement_timeout = %d", limit.Milliseconds()), "lock_timeout = 1000",
	} {
		if _, err := conn.Exec(ctx, "SET "+marker+" "+set); err != nil {
			return nil, fmt.Errorf("set %s: %w", set, err)
		}
	}
	var extension *string
	err := conn.QueryRow(ctx, `SELECT `+marker+` current_setting('server_version_num')::int,
		(SELECT extversion FROM pg_extension WHERE extname = 'hypopg')`).Scan(&s.version, &extension)
	if err != nil {
		return nil, fmt.Errorf("read the server's version: %w", err)
	}
	if extension != nil {
		s.hypothetical = extensionVersion(*extension)
	}
	return s, nil
}

// extensionVersion writes 1.4.2 as 1.0402; 0 when it cannot be read.
func extensionVersion(text string) float64 {
	parts := [3]int{}
	if n, _ := fmt.Sscanf(text, "%d.%d.%d", &parts[0], &parts[1], &parts[2]); n < 2 { // the third may be missing
		return 0
	}
	return float64(parts[0]) + float64(parts[1])/100 + float64(parts[2])/10000
}

// prepare makes a statement ready to be planned again and again and returns its plan.
func (s *session) prepare(ctx context.Context, st *statement) (node, error) {
	sql, parameters := repair(strings.TrimRight(strings.TrimSpace(st.SQL), "; \n\t"))
	if parameters == 0 {
		st.explain = []string{"EXPLAIN " + marker + " (VERBOSE, FORMAT JSON) " + sql}
		return s.plan(ctx, st)
	}
	s.prepared++
	name := fmt.Sprintf("upshift_%d", s.prepared)
	if err := s.define(ctx, name, sql); err != nil {
		return node{}, err
	}
	nulls := "(" + strings.TrimSuffix(strings.Repeat("NULL, ", parameters), ", ") + ")"
	// A plan that is kept would not see an index that is hypothetical.
	st.explain = []string{"DISCARD PLANS", "EXPLAIN " + marker + " (VERBOSE, FORMAT JSON) EXECUTE " + name + nulls}
	return s.plan(ctx, st)
}

// define prepares sql; a parameter whose type cannot be told is taken as text.
func (s *session) define(ctx context.Context, name, sql string) error {
	for range 8 {
		_, err := s.conn.Exec(ctx, "PREPARE "+name+" AS "+sql, pgx.QueryExecModeExec)
		var pg *pgconn.PgError
		if err == nil || !errors.As(err, &pg) || pg.Code != "42P18" { // indeterminate datatype
			return err
		}
		at := strings.LastIndexByte(pg.Message, '$')
		if at < 0 {
			return err
		}
		parameter := pg.Message[at:]
		typed := strings.ReplaceAll(sql+" ", parameter+" ", parameter+"::text ")
		typed = strings.ReplaceAll(typed, parameter+",", parameter+"::text,")
		typed = strings.ReplaceAll(typed, parameter+")", parameter+"::text)")
		if typed == sql+" " {
			return err
		}
		sql = strings.TrimSpace(typed)
	}
	return errors.New("its parameters have no type that can be told")
}

// plan asks for the plan of one statement.
func (s *session) plan(ctx context.Context, st *statement) (node, error) {
	plans, err := s.plans(ctx, nil, []*statement{st})
	if err != nil {
		return node{}, err
	}
	return plans[0], nil
}

// setup is a statement to run before planning; name, if any, takes the first value of its one row.
type setup struct {
	sql  string
	name *string
}

// plans sends before, then asks for the plans of all statements, in one round trip.
func (s *session) plans(ctx context.Context, before []setup, list []*statement) ([]node, error) {
	batch := &pgx.Batch{}
	for _, b := range before {
		batch.Queue(b.sql)
	}
	for _, st := range list {
		for _, sql := range st.explain {
			batch.Queue(sql)
		}
	}
	results := s.conn.SendBatch(ctx, batch)
	plans, err := readBatch(results, before, list)
	return plans, errors.Join(err, results.Close())
}

func readBatch(results pgx.BatchResults, before []setup, list []*statement) ([]node, error) {
	for _, b := range before {
		var err error
		if b.name == nil {
			_, err = results.Exec()
		} else {
			err = results.QueryRow().Scan(b.name)
		}
		if err != nil {
			return nil, err
		}
	}
	plans := make([]node, len(list))
	for i, st := range list {
		for range len(st.explain) - 1 {
			if _, err := results.Exec(); err != nil {
				return nil, err
			}
		}
		var text []byte
		if err := results.QueryRow().Scan(&text); err != nil {
			return nil, err
		}
		var err error
		if plans[i], err = readPlan(text); err != nil {
			return nil, err
		}
	}
	return plans, nil
}
