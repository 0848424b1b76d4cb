package postgres

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// checkouts counts what a pool's statistics do not tell: the most connections out at once
// and the connections that could not be made. It is a tracer of pgxpool and pgx.
type checkouts struct {
	peak   atomic.Int64
	errors atomic.Uint64
}

var (
	_ pgx.ConnectTracer     = (*checkouts)(nil)
	_ pgxpool.AcquireTracer = (*checkouts)(nil)
)

// TraceConnectStart implements pgx.ConnectTracer.
func (c *checkouts) TraceConnectStart(ctx context.Context, _ pgx.TraceConnectStartData) context.Context {
	return ctx
}

// TraceConnectEnd implements pgx.ConnectTracer.
func (c *checkouts) TraceConnectEnd(_ context.Context, data pgx.TraceConnectEndData) {
	if data.Err != nil {
		c.errors.Add(1)
	}
}

// TraceAcquireStart implements pgxpool.AcquireTracer.
func (c *checkouts) TraceAcquireStart(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	return ctx
}

// TraceAcquireEnd implements pgxpool.AcquireTracer.
func (c *checkouts) TraceAcquireEnd(_ context.Context, pool *pgxpool.Pool, data pgxpool.TraceAcquireEndData) {
	if data.Err == nil {
		raise(&c.peak, int64(pool.Stat().AcquiredConns()))
	}
}

// poolTracer is what the monitor's own pool is traced with: its statements are not counted,
// its connections are.
type poolTracer struct{ checkouts }

// TraceQueryStart implements pgx.QueryTracer, which pgx asks of every tracer.
func (*poolTracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (*poolTracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// Watch has [Monitor.Stats] and the metrics tell of this pool, the program's own, in place
// of the monitor's. Its peak and errors are exact when it is traced by [Monitor.Tracer].
// Nil takes it back; do so before closing the pool.
func (m *Monitor) Watch(pool *pgxpool.Pool) { m.watched.Store(pool) }

func (m *Monitor) poolStats() PoolStats {
	pool, count := m.watched.Load(), &m.tracer.checkouts
	if pool == nil {
		pool, count = m.pool.Load(), &m.own.checkouts
	}
	if pool == nil {
		size := m.cfg.ConnectionPoolSize
		return PoolStats{Size: size, Max: size, Peak: int(count.peak.Load()), Errors: count.errors.Load()}
	}
	s := pool.Stat()
	raise(&count.peak, int64(s.AcquiredConns()))
	p := PoolStats{
		Size: int(s.MaxConns()), Max: int(s.MaxConns()),
		CheckedOut: int(s.AcquiredConns()), Idle: int(s.IdleConns()), Total: int(s.TotalConns()),
		Peak: int(count.peak.Load()), Errors: count.errors.Load(),
		Acquires: uint64(s.AcquireCount()), Waits: uint64(s.EmptyAcquireCount()), WaitSeconds: s.EmptyAcquireWaitTime().Seconds(),
	}
	if p.Acquires > 0 {
		p.MeanAcquireSeconds = s.AcquireDuration().Seconds() / float64(p.Acquires)
	}
	return p
}

// Below so many acquires, and so short a wait, there is nothing to advise on.
const (
	adviceAcquires = 1000
	adviceWait     = time.Millisecond
)

// poolAdvice says what to change about a pool, from what it has seen and what the server
// allows; empty when nothing is wrong or too little was seen.
func poolAdvice(p PoolStats, s server) []string {
	advice := []string{}
	if room := s.maxConnections - s.reserved; s.maxConnections > 0 && p.Max > room {
		advice = append(advice, fmt.Sprintf(
			"lower database.connection_pool_size to at most %d: the server allows no more sessions, all programs together, and the pool may open %d",
			room, p.Max))
	}
	if p.Acquires < adviceAcquires {
		return advice
	}
	perWait := time.Duration(0)
	if p.Waits > 0 {
		perWait = time.Duration(p.WaitSeconds / float64(p.Waits) * float64(time.Second))
	}
	switch {
	case p.Peak >= p.Max && perWait > adviceWait:
		advice = append(advice, fmt.Sprintf(
			"all %d connections were out and %d of %d acquires waited %v in the mean: find code that holds a connection "+
				"while it waits for something else, then raise database.connection_pool_size",
			p.Max, p.Waits, p.Acquires, perWait.Round(10*time.Microsecond)))
	case p.Peak > 0 && 4*p.Peak <= p.Max:
		advice = append(advice, fmt.Sprintf(
			"at most %d of %d connections were out at once: database.connection_pool_size %d would do", p.Peak, p.Max, 2*p.Peak))
	}
	return advice
}
