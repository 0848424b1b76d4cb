package postgres

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// Tracer counts the statements of a program's own connections: by fingerprint the calls,
// errors, rows and time, from the call until its rows are closed. Give it to pgx before
// connecting:
//
//	cfg, err := pgxpool.ParseConfig(url)
//	…
//	cfg.ConnConfig.Tracer = tracer
//	pool, err := pgxpool.NewWithConfig(ctx, cfg)
//
// One tracer serves any number of pools and goroutines. It keeps no arguments and no
// literals. To use it beside another tracer see pgx's package multitracer.
//
// A call costs 0.5 to 0.9 µs on two busy cores (BenchmarkTracer); the first of a text, and each of
// one that has literals in it, also what [Fingerprint] costs.
type Tracer struct {
	checkouts

	table *statementTable

	failed   atomic.Uint64
	over1s   atomic.Uint64
	nanos    atomic.Int64
	maxNanos atomic.Int64
	minNanos atomic.Int64
	buckets  [durationBuckets + 1]atomic.Uint64
}

var (
	_ pgx.QueryTracer    = (*Tracer)(nil)
	_ pgx.BatchTracer    = (*Tracer)(nil)
	_ pgx.CopyFromTracer = (*Tracer)(nil)
)

// The histogram of durations doubles from 64 µs to 16.8 s.
const (
	durationBuckets = 19
	firstBucket     = 64 * time.Microsecond
)

// NewTracer returns a tracer that remembers this many statements; 0 means 1000.
func NewTracer(statements int) *Tracer {
	if statements <= 0 {
		statements = DefaultQueryCacheSize
	}
	t := &Tracer{table: newStatementTable(statements)}
	t.minNanos.Store(math.MaxInt64)
	return t
}

type (
	queryKey struct{}
	// query is a statement under way.
	query struct {
		began time.Time
		sql   string
	}
)

// TraceQueryStart implements pgx.QueryTracer.
func (t *Tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	return context.WithValue(ctx, queryKey{}, &query{began: time.Now(), sql: data.SQL})
}

// TraceQueryEnd implements pgx.QueryTracer.
func (t *Tracer) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	q, ok := ctx.Value(queryKey{}).(*query)
	if !ok {
		return
	}
	now := time.Now()
	t.record(q.sql, now, now.Sub(q.began), data.CommandTag.RowsAffected(), data.Err != nil)
}

// TraceBatchStart implements pgx.BatchTracer.
func (t *Tracer) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

// TraceBatchQuery implements pgx.BatchTracer. A batched statement is timed from when its
// result was asked for, not from when the batch was sent.
func (t *Tracer) TraceBatchQuery(_ context.Context, _ *pgx.Conn, data pgx.TraceBatchQueryData) {
	now, took := time.Now(), time.Duration(0)
	if !data.ReadStartTime.IsZero() {
		took = now.Sub(data.ReadStartTime)
	}
	t.record(data.SQL, now, took, data.CommandTag.RowsAffected(), data.Err != nil)
}

// TraceBatchEnd implements pgx.BatchTracer.
func (t *Tracer) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// TraceCopyFromStart implements pgx.CopyFromTracer.
func (t *Tracer) TraceCopyFromStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceCopyFromStartData) context.Context {
	return context.WithValue(ctx, queryKey{}, &query{began: time.Now(), sql: "COPY " + data.TableName.Sanitize() + " FROM STDIN"})
}

// TraceCopyFromEnd implements pgx.CopyFromTracer.
func (t *Tracer) TraceCopyFromEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceCopyFromEndData) {
	q, ok := ctx.Value(queryKey{}).(*query)
	if !ok {
		return
	}
	now := time.Now()
	t.record(q.sql, now, now.Sub(q.began), data.CommandTag.RowsAffected(), data.Err != nil)
}

func (t *Tracer) record(sql string, now time.Time, took time.Duration, rows int64, failed bool) {
	t.table.find(sql).record(now, took, rows, failed)
	if failed {
		t.failed.Add(1)
	}
	if took > time.Second {
		t.over1s.Add(1)
	}
	t.nanos.Add(int64(took))
	raise(&t.maxNanos, int64(took))
	for old := t.minNanos.Load(); int64(took) < old; old = t.minNanos.Load() {
		if t.minNanos.CompareAndSwap(old, int64(took)) {
			break
		}
	}
	t.buckets[bucketOf(took)].Add(1)
}

// bucketOf returns the first bucket whose bound is not below d.
func bucketOf(d time.Duration) int {
	i := 0
	for bound := firstBucket; d > bound && i < durationBuckets; bound *= 2 {
		i++
	}
	return i
}

// Stats returns the figures of all statements since the tracer was made.
func (t *Tracer) Stats() QueryStats {
	s := QueryStats{
		TotalSeconds: time.Duration(t.nanos.Load()).Seconds(), MaxSeconds: time.Duration(t.maxNanos.Load()).Seconds(),
		Over1s: t.over1s.Load(), Statements: t.table.len(),
	}
	for i := range t.buckets {
		s.Total += t.buckets[i].Load()
	}
	if s.Total > 0 {
		s.Source = SourceClient
		s.MeanSeconds = s.TotalSeconds / float64(s.Total)
	}
	if least := t.minNanos.Load(); least != math.MaxInt64 {
		s.MinSeconds = time.Duration(least).Seconds()
	}
	return s
}

// Slow returns the statements whose mean or slowest call is above the threshold, slowest
// first, limit at most.
func (t *Tracer) Slow(threshold time.Duration, limit int) []SlowQuery {
	slow := []SlowQuery{}
	for _, s := range t.table.all() {
		if time.Duration(s.maxNanos.Load()) > threshold {
			slow = append(slow, s.slowQuery())
		}
	}
	return slowest(slow, limit)
}
