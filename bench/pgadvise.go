package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sentientcore/upshift/bench/tpch"
	"github.com/sentientcore/upshift/internal/pgtest"
	"github.com/sentientcore/upshift/postgres/advise"
)

// adviceSettings make plans and times those of one process on data that is in memory.
var adviceSettings = []string{
	"shared_buffers=1GB", "jit=off", "max_parallel_workers_per_gather=0", "random_page_cost=1.1", "work_mem=64MB",
	"maintenance_work_mem=256MB", "max_wal_size=4GB", "autovacuum=off",
}

const (
	adviceLimit = 15.0 // seconds that a statement may take; what is cut off counts as this
	slowSeconds = 0.25
	// adviceShare of the bytes of all tables may go to indexes, exceeded by adviceOver at most.
	adviceShare, adviceOver = 0.10, 1.03
)

// measureAdvice has the adviser find indexes for 22 statements over a database shaped like TPC-H's with
// primary keys only, makes them, and runs the statements with and without in turn.
func measureAdvice(ctx context.Context, r *rig) (err error) {
	sf := r.scale
	if r.quick {
		sf = min(sf, 0.05)
	}
	cluster, err := pgtest.StartCluster(ctx, r.dir, adviceSettings...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	conn, err := pgx.Connect(ctx, cluster.URL())
	if err != nil {
		return err
	}
	defer hangUp(ctx, conn)
	r.progress("scale factor %v, seed %d: filling the tables", sf, r.seed)
	if err := tpch.Load(ctx, conn, sf, r.seed); err != nil {
		return err
	}
	b := &adviceBench{rig: r, url: cluster.URL(), conn: conn, queries: tpch.Queries(sf, r.seed)}
	if err := b.workload(ctx); err != nil {
		return err
	}
	if err := b.sizes(ctx); err != nil {
		return err
	}
	if err := b.sandbox(ctx); err != nil {
		return err
	}
	if err := b.writers(ctx); err != nil {
		return err
	}
	engines := []string{advise.EngineSandbox}
	if _, err := conn.Exec(ctx, "CREATE EXTENSION hypopg"); err == nil {
		engines = append(engines, advise.EngineHypoPG)
	} else {
		r.progress("hypopg is not installed: only the sandbox is measured")
	}
	for _, engine := range engines {
		if err := b.search(ctx, engine); err != nil {
			return err
		}
	}
	return nil
}

// hangUp closes a session on which nothing is left to lose.
func hangUp(ctx context.Context, conn *pgx.Conn) { _ = conn.Close(ctx) }

type adviceBench struct {
	*rig
	url     string
	conn    *pgx.Conn
	queries []tpch.Query
	load    []advise.Statement
}

// workload times every statement once without indexes.
func (b *adviceBench) workload(ctx context.Context) error {
	for _, q := range b.queries {
		seconds, err := b.time(ctx, q)
		if err != nil {
			return err
		}
		b.load = append(b.load, advise.Statement{SQL: q.SQL, Fingerprint: q.Name, Query: q.Name, CallsPerDay: 100, MeanSeconds: seconds})
	}
	return nil
}

// time runs a statement in a session of its own and returns the processor time that the server took for it:
// with all data in memory that is its time on a machine that does nothing else.
func (b *adviceBench) time(ctx context.Context, q tpch.Query) (float64, error) {
	conn, err := pgx.Connect(ctx, b.url)
	if err != nil {
		return 0, err
	}
	defer hangUp(ctx, conn)
	if _, err := conn.Exec(ctx, fmt.Sprintf("SET statement_timeout = '%vs'", adviceLimit)); err != nil {
		return 0, err
	}
	before, err := processorSeconds(conn.PgConn().PID())
	if err != nil {
		return 0, err
	}
	if _, err := conn.Exec(ctx, q.SQL); err != nil {
		if strings.Contains(err.Error(), "57014") { // cut off
			return adviceLimit, nil
		}
		return 0, fmt.Errorf("%s: %w", q.Name, err)
	}
	after, err := processorSeconds(conn.PgConn().PID())
	return after - before, err
}

// processorSeconds is what a process has used, to the nanosecond.
func processorSeconds(pid uint32) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
	if err != nil {
		return 0, err
	}
	var nanos float64
	if _, err := fmt.Sscan(string(text), &nanos); err != nil {
		return 0, fmt.Errorf("read the time of process %d: %w", pid, err)
	}
	return nanos / 1e9, nil
}

func (b *adviceBench) search(ctx context.Context, engine string) error {
	session, err := pgx.Connect(ctx, b.url)
	if err != nil {
		return err
	}
	defer hangUp(ctx, session)
	a, err := advise.Search(ctx, session, b.load, advise.Config{Engine: engine, BudgetRatio: adviceShare, Timeout: time.Minute})
	if err != nil {
		return err
	}
	name := "pgadvise: " + engine + ": "
	b.add(Row{
		Bar: name + "search", Figure: a.TookSeconds, Unit: "s", Most: most(5),
		Note: fmt.Sprintf("%s, %d plans of %d candidates", a.Engine, a.Asked, a.Candidates),
	})
	bytes := 0.0
	for _, rec := range a.Recommendations {
		if _, err := b.conn.Exec(ctx, strings.Replace(rec.DDL, "CONCURRENTLY ", "", 1)); err != nil {
			return err
		}
		var size float64
		if err := b.conn.QueryRow(ctx, "SELECT pg_relation_size(to_regclass($1))", pgx.Identifier{rec.Schema, rec.Name}.Sanitize()).Scan(&size); err != nil {
			return err
		}
		bytes += size
		b.progress("%s: %.1f MB, foretold %.1f: %s", engine, size/1e6, float64(rec.SizeBytes)/1e6, rec.DDL)
	}
	b.add(Row{Bar: name + "bytes of the budget used", Figure: 100 * bytes / float64(a.BudgetBytes), Unit: "%", Most: most(100 * adviceOver)})
	if _, err := b.conn.Exec(ctx, "VACUUM ANALYZE"); err != nil {
		return err
	}
	if err := b.compare(ctx, name); err != nil {
		return err
	}
	for _, rec := range a.Recommendations {
		if _, err := b.conn.Exec(ctx, strings.Replace(rec.UndoDDL, "CONCURRENTLY ", "", 1)); err != nil {
			return err
		}
	}
	return nil
}

// compare runs every statement with and without the indexes in turn; the least time of each counts.
func (b *adviceBench) compare(ctx context.Context, name string) error {
	times := [2][]float64{make([]float64, len(b.queries)), make([]float64, len(b.queries))}
	for round := range b.times(2) {
		for i, q := range b.queries {
			for with := range 2 {
				if with == 0 && q.Outlier {
					times[0][i] = b.load[i].MeanSeconds
					continue
				}
				_, err := b.conn.Exec(ctx, "UPDATE pg_index SET indisvalid = $1 WHERE indexrelid::regclass::text LIKE 'upshift%'", with == 1)
				if err != nil {
					return err
				}
				t, err := b.time(ctx, q)
				if err != nil {
					return err
				}
				if round == 0 || t < times[with][i] {
					times[with][i] = t
				}
			}
		}
	}
	var sums [2]float64
	var slow [2]int
	logs, counted, worse := 0.0, 0.0, 0
	for i, q := range b.queries {
		b.progress("%s %.0f ms without, %.0f with", q.Name, 1000*times[0][i], 1000*times[1][i])
		for with := range 2 {
			if times[with][i] > slowSeconds {
				slow[with]++
			}
		}
		if times[1][i] > 1.15*times[0][i] {
			worse++
		}
		if !q.Outlier {
			sums[0], sums[1] = sums[0]+times[0][i], sums[1]+times[1][i]
			logs, counted = logs+math.Log(times[0][i]/times[1][i]), counted+1
		}
	}
	b.add(Row{Bar: name + "time of the 20 that are no outliers", Figure: 100 * (sums[1]/sums[0] - 1), Unit: "%", Most: most(-18), Note: "dexter on other data -12.6 %"})
	b.add(Row{Bar: name + "geometric mean of their speed", Figure: math.Exp(logs / counted), Unit: "×", Least: least(1.75)})
	b.add(Row{Bar: name + "statements above 250 ms", Figure: float64(slow[1]), Most: most(9), Note: fmt.Sprintf("%d without", slow[0])})
	b.add(Row{Bar: name + "statements more than 15 % slower", Figure: float64(worse), Note: "before any is measured and dropped"})
	return nil
}
