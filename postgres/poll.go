package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	plansPerPoll = 3                // slow statements planned after a reading
	planFor      = 10 * time.Minute // how long their plan counts as known
)

// plannedScans are the sequential scans in a statement's plan, or why there is none.
type plannedScans struct {
	scans int
	err   string
	at    time.Time
}

// poll reads the server once. An error means that it cannot be reached; that statistics may
// not be read is a warning.
func (m *Monitor) poll(ctx context.Context, pool *pgxpool.Pool, r *reader) error {
	m.polls.Add(1)
	ctx, cancel := context.WithTimeout(ctx, m.cfg.ConnectTimeout+4*m.cfg.StatementTimeout)
	defer cancel()
	var (
		s        server
		slow     []SlowQuery
		warnings []string
	)
	err := pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		return readOnly(ctx, conn.Conn(), m.cfg.StatementTimeout, func(tx pgx.Tx) (err error) {
			if s, err = readServer(ctx, tx); err != nil {
				return err
			}
			warnings = s.warnings()
			if !s.readable() {
				return nil
			}
			if err = m.readExamples(ctx, tx); err == nil {
				slow, err = r.readStatements(ctx, tx, s, time.Now())
			}
			if err != nil && !conn.Conn().IsClosed() && ctx.Err() == nil {
				warnings = append(warnings, "statements cannot be read: "+m.secrets.clean(err.Error()))
				return nil
			}
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	m.found(s, r, slow, warnings)
	m.planSlow(ctx)
	return nil
}

// found publishes a reading.
func (m *Monitor) found(s server, r *reader, slow []SlowQuery, warnings []string) {
	m.mu.Lock()
	was := m.connected
	if !was {
		m.connected, m.since, m.lastError = true, time.Now(), ""
	}
	m.server, m.warnings = s, warnings
	if slow != nil || !s.readable() {
		m.slow = slow
	}
	m.totals, m.hasTotals = r.totals, r.read
	m.mu.Unlock()
	if !was {
		m.logger.Info("database connected", "server_version", s.version, "database", s.database, "warnings", len(warnings))
	}
}

// planSlow plans some of the slow statements that have no plan yet, to tell those that read
// whole tables. It plans with any parameters and runs nothing.
func (m *Monitor) planSlow(ctx context.Context) {
	now := time.Now()
	slow := m.SlowQueries(m.cfg.QueryCacheSize)
	m.mu.Lock()
	known := m.plans
	m.mu.Unlock()
	plans := make(map[string]plannedScans, len(slow))
	var todo []SlowQuery
	for _, q := range slow {
		if p, ok := known[q.Fingerprint]; ok && now.Sub(p.at) < planFor {
			plans[q.Fingerprint] = p
		} else if len(todo) < plansPerPoll {
			todo = append(todo, q)
		}
	}
	for _, q := range todo {
		p := plannedScans{at: now}
		a, err := m.plan(ctx, q.Query, nil)
		if err != nil {
			p.err = m.secrets.clean(err.Error())
			if ctx.Err() != nil || errors.Is(err, ErrNotConnected) {
				return // the next reading says so
			}
			m.logger.Debug("plan a slow statement", "fingerprint", q.Fingerprint, "err", p.err)
		} else {
			p.scans = len(a.SequentialScans)
		}
		plans[q.Fingerprint] = p
	}
	m.mu.Lock()
	m.plans = plans
	m.mu.Unlock()
}
