package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sentientcore/upshift/internal/sqltoken"
)

// Analysis is the plan of a statement, which was not run. Costs are in the planner's
// units, rows are its estimates.
type Analysis struct {
	Fingerprint string `json:"fingerprint"`
	// Statement is the text without literals and comments.
	Statement string `json:"statement"`
	// Generic tells that the plan holds for any parameters, because none were given.
	Generic        bool     `json:"generic"`
	ParameterTypes []string `json:"parameter_types"`
	EstimatedCost  float64  `json:"estimated_cost"`
	EstimatedRows  float64  `json:"estimated_rows"`
	// IndexesUsed are the indexes in the plan, each once, in plan order.
	IndexesUsed     []string         `json:"indexes_used"`
	SequentialScans []SequentialScan `json:"sequential_scans"`
	// CostliestNode is the node with the largest cost of its own, without its children.
	CostliestNode NodeCost `json:"costliest_node"`
	Plan          PlanNode `json:"plan"`
	// TookSeconds is how long the planning took, connecting included.
	TookSeconds float64 `json:"took_seconds"`
}

// The errors of [Monitor.Analyze] that a caller may ask for.
var (
	ErrEmptyStatement   = errors.New("postgres: the statement is empty")
	ErrStatementTooLong = fmt.Errorf("postgres: the statement is longer than %d bytes", maxStatementBytes)
	ErrNoPlan           = errors.New("postgres: only SELECT, INSERT, UPDATE, DELETE, MERGE, VALUES, TABLE and WITH have a plan")
	ErrParameters       = errors.New("postgres: wrong parameters")
)

const (
	maxStatementBytes = 1 << 20
	maxParameters     = 1000
	maxPlansAtOnce    = 4 // each takes a connection; more wait
	analysisName      = "upshift_analysis"
)

// planned are the words that a statement with a plan begins with.
var planned = []string{"select", "insert", "update", "delete", "merge", "values", "table", "with"}

// Analyze returns the server's plan for one statement. The statement is planned, never run:
// plain EXPLAIN, in a read-only transaction that is rolled back, within statement_timeout,
// on a connection that is closed afterwards. More than one statement is refused by the
// server's own parser, since the text goes to it as a prepared statement. Without params
// the plan is the generic one, which holds for any parameters; with params, one value for
// each $n (text, numbers, booleans, nil, slices and maps as JSON), it is the one for these.
//
// Planning may evaluate functions that are declared stable or immutable; in a read-only
// transaction they cannot write. Errors of the server come back as they are, without the
// password; those before it can be asked with errors.Is.
func (m *Monitor) Analyze(ctx context.Context, query string, params []any) (Analysis, error) {
	if err := checkStatement(query, params); err != nil {
		return Analysis{}, err
	}
	ctx, done, err := m.begin(ctx)
	if err != nil {
		return Analysis{}, err
	}
	defer done()
	return m.plan(ctx, query, params)
}

func checkStatement(query string, params []any) error {
	switch {
	case len(query) > maxStatementBytes:
		return ErrStatementTooLong
	case strings.ContainsRune(query, 0):
		return fmt.Errorf("%w: it has a zero byte", ErrNoPlan)
	case len(params) > maxParameters:
		return fmt.Errorf("%w: %d of them, at most %d are taken", ErrParameters, len(params), maxParameters)
	}
	l := sqltoken.Lexer{SQL: query}
	for t, ok := l.Next(); ok; t, ok = l.Next() {
		word := strings.ToLower(query[t.Start:t.End])
		switch {
		case word == "(" || word == ";":
			continue
		case slices.Contains(planned, word):
			return nil
		case word == "explain":
			return fmt.Errorf("%w: leave out EXPLAIN", ErrNoPlan)
		}
		return ErrNoPlan
	}
	return ErrEmptyStatement
}

// plan plans a checked statement on a connection of its own.
func (m *Monitor) plan(ctx context.Context, query string, params []any) (Analysis, error) {
	if err := checkStatement(query, params); err != nil {
		return Analysis{}, err
	}
	began := time.Now()
	select {
	case m.planning <- struct{}{}:
		defer func() { <-m.planning }()
	case <-ctx.Done():
		return Analysis{}, fmt.Errorf("postgres: wait for other plans: %w", ctx.Err())
	}
	ctx, cancel := context.WithTimeout(ctx, m.cfg.ConnectTimeout+2*m.cfg.StatementTimeout)
	defer cancel()
	conn, err := m.connect(ctx, nil)
	if err != nil {
		return Analysis{}, err
	}
	defer m.hangUp(ctx, conn)
	a := Analysis{Fingerprint: Fingerprint(query), Statement: Normalize(query)}
	var text []byte
	err = readOnly(ctx, conn, m.cfg.StatementTimeout, func(tx pgx.Tx) error {
		text, err = explain(ctx, tx, query, params, &a)
		return err
	})
	if err != nil {
		return Analysis{}, m.secrets.wrap(fmt.Errorf("postgres: plan the statement: %w", err))
	}
	if err := a.read(text); err != nil {
		return Analysis{}, err
	}
	a.TookSeconds = time.Since(began).Seconds()
	return a, nil
}

// explain has the server prepare and explain the statement and returns its plan as JSON.
func explain(ctx context.Context, tx pgx.Tx, query string, params []any, a *Analysis) ([]byte, error) {
	prepared, err := tx.Prepare(ctx, analysisName, query)
	if err != nil {
		return nil, err
	}
	if a.ParameterTypes, err = typeNames(ctx, tx, prepared.ParamOIDs); err != nil {
		return nil, err
	}
	a.Generic = len(params) == 0 && len(prepared.ParamOIDs) > 0
	values, err := arguments(prepared, params)
	if err != nil {
		return nil, err
	}
	mode := "force_custom_plan"
	if a.Generic {
		mode = "force_generic_plan"
	}
	for _, set := range []string{"plan_cache_mode = " + mode, "standard_conforming_strings = on"} {
		if _, err := tx.Exec(ctx, "SET "+marker+" LOCAL "+set); err != nil {
			return nil, err
		}
	}
	var text []byte
	sql := "EXPLAIN " + marker + " (VERBOSE, FORMAT JSON) EXECUTE " + analysisName + values
	if err := tx.QueryRow(ctx, sql).Scan(&text); err != nil {
		return nil, err
	}
	return text, nil
}

// typeNames asks the server what its parameter types are called.
func typeNames(ctx context.Context, tx pgx.Tx, ids []uint32) ([]string, error) {
	names := []string{}
	if len(ids) == 0 {
		return names, nil
	}
	rows, err := tx.Query(ctx, "SELECT "+marker+" format_type(id, NULL) FROM unnest($1::oid[]) WITH ORDINALITY AS t (id, n) ORDER BY n", ids)
	if err != nil {
		return nil, err
	}
	return pgx.AppendRows(names, rows, pgx.RowTo[string])
}

// arguments writes params as the argument list of EXECUTE; without params each is NULL,
// which a generic plan does not look at.
func arguments(prepared *pgconn.StatementDescription, params []any) (string, error) {
	want := len(prepared.ParamOIDs)
	if len(params) > 0 && len(params) != want {
		return "", fmt.Errorf("%w: the statement has %d, %d were given", ErrParameters, want, len(params))
	}
	if want == 0 {
		return "", nil
	}
	values := make([]string, want)
	for i := range values {
		values[i] = "NULL"
		if len(params) == 0 {
			continue
		}
		var err error
		if values[i], err = literal(params[i], prepared.ParamOIDs[i]); err != nil {
			return "", fmt.Errorf("%w: $%d: %w", ErrParameters, i+1, err)
		}
	}
	return "(" + strings.Join(values, ", ") + ")", nil
}
