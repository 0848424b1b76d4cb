package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sentientcore/upshift/postgres/advise"
)

// trialIndexes are of all kinds that the size model tells apart: few and many values, two columns that go together
// and two that do not, numeric and text, in the order of the table and not, with columns carried along.
const trialIndexes = `lineitem(l_partkey) lineitem(l_suppkey) lineitem(l_shipdate) lineitem(l_orderkey) lineitem(l_shipmode)
lineitem(l_partkey,l_suppkey) lineitem(l_shipdate,l_discount) lineitem(l_quantity) lineitem(l_returnflag,l_linestatus)
lineitem(l_orderkey,l_returnflag) lineitem(l_comment) lineitem(l_receiptdate,l_shipmode) lineitem(l_suppkey|l_orderkey)
orders(o_custkey) orders(o_custkey,o_orderdate) orders(o_orderdate) orders(o_orderstatus,o_orderdate) orders(o_totalprice)
orders(o_clerk) orders(o_orderdate|o_custkey) part(p_brand) part(p_type) part(p_name) part(p_container,p_brand,p_size) part(p_size|p_type)
partsupp(ps_suppkey) partsupp(ps_supplycost) customer(c_nationkey) customer(c_acctbal|c_phone) customer(c_mktsegment,c_nationkey)`

// trials reads them.
func trials() []advise.Proposed {
	var list []advise.Proposed
	for field := range strings.FieldsSeq(trialIndexes) {
		table, columns, _ := strings.Cut(strings.TrimSuffix(field, ")"), "(")
		keys, include, _ := strings.Cut(columns, "|")
		p := advise.Proposed{Schema: "public", Table: table, Keys: strings.Split(keys, ",")}
		if include != "" {
			p.Include = strings.Split(include, ",")
		}
		list = append(list, p)
	}
	return list
}

// make makes an index and returns its bytes.
func (b *adviceBench) make(ctx context.Context, p advise.Proposed) (float64, error) {
	sql := fmt.Sprintf("CREATE INDEX trial ON %s (%s)", p.Table, strings.Join(p.Keys, ", "))
	if len(p.Include) > 0 {
		sql += " INCLUDE (" + strings.Join(p.Include, ", ") + ")"
	}
	if _, err := b.conn.Exec(ctx, sql); err != nil {
		return 0, err
	}
	var bytes float64
	err := b.conn.QueryRow(ctx, "SELECT pg_relation_size('trial')").Scan(&bytes)
	return bytes, err
}

func (b *adviceBench) drop(ctx context.Context) error {
	_, err := b.conn.Exec(ctx, "DROP INDEX trial")
	return err
}

// sizes holds the size model against indexes that are made.
func (b *adviceBench) sizes(ctx context.Context) error {
	session, err := pgx.Connect(ctx, b.url)
	if err != nil {
		return err
	}
	defer hangUp(ctx, session)
	list := trials()
	foretold, err := advise.Sizes(ctx, session, list)
	if err != nil {
		return err
	}
	within := 0
	for i, p := range list {
		bytes, err := b.make(ctx, p)
		if err != nil {
			return err
		}
		off := float64(foretold[i])/bytes - 1
		if math.Abs(off) <= 0.1 {
			within++
		} else {
			b.progress("size of %s(%s): foretold %+.0f %%", p.Table, strings.Join(p.Keys, ","), 100*off)
		}
		if err := b.drop(ctx); err != nil {
			return err
		}
	}
	b.add(Row{
		Bar: "pgadvise: sizes foretold within a tenth", Figure: 100 * float64(within) / float64(len(list)), Unit: "%", Least: least(90),
		Note: fmt.Sprintf("of %d indexes", len(list)),
	})
	return nil
}

// sandbox holds the prices of a sandbox against those of the server with the same indexes.
func (b *adviceBench) sandbox(ctx context.Context) error {
	session, err := pgx.Connect(ctx, b.url)
	if err != nil {
		return err
	}
	defer hangUp(ctx, session)
	sets := [][]advise.Proposed{{}}
	singles := slices.DeleteFunc(trials(), func(p advise.Proposed) bool { return len(p.Include) > 0 })
	for _, p := range singles {
		sets = append(sets, []advise.Proposed{p})
	}
	got, err := advise.Try(ctx, session, b.load, sets)
	if err != nil {
		return err
	}
	b.add(Row{
		Bar: "pgadvise: sandbox ready, tables and candidates", Figure: got.SetUp.Seconds(), Unit: "s", Most: most(2),
		Note: fmt.Sprintf("%s, %d indexes; a server's start took %.1f s more", got.Engine, len(singles), got.StartUp.Seconds()),
	})
	base, err := b.costs(ctx)
	if err != nil {
		return err
	}
	var actual, sandboxed, errs []float64
	for i, set := range sets {
		costs := base
		if i > 0 {
			if _, err := b.make(ctx, set[0]); err != nil {
				return err
			}
			if costs, err = b.costs(ctx); err != nil {
				return err
			}
			if err := b.drop(ctx); err != nil {
				return err
			}
		}
		saved, promised := 0.0, 0.0
		for k := range costs {
			errs = append(errs, 100*math.Abs(got.Costs[i][k]/costs[k]-1))
			saved += 1 - costs[k]/base[k]
			promised += 1 - got.Costs[i][k]/got.Costs[0][k]
		}
		actual, sandboxed = append(actual, saved), append(sandboxed, promised)
	}
	slices.Sort(errs)
	b.add(Row{Bar: "pgadvise: sandbox, error of a cost, median", Figure: errs[len(errs)/2], Unit: "%", Most: most(3)})
	b.add(Row{Bar: "pgadvise: sandbox, error of a cost, 99th percentile", Figure: errs[len(errs)*99/100], Unit: "%", Most: most(15)})
	b.add(Row{Bar: "pgadvise: sandbox, order of single indexes", Figure: correlation(ranks(actual[1:]), ranks(sandboxed[1:])), Least: least(0.98), Note: "Spearman"})
	return nil
}

// costs are the server's own of every statement.
func (b *adviceBench) costs(ctx context.Context) ([]float64, error) {
	costs := make([]float64, len(b.queries))
	for i, q := range b.queries {
		var plans []struct {
			Plan struct {
				Total float64 `json:"Total Cost"`
			}
		}
		if err := b.conn.QueryRow(ctx, "EXPLAIN (FORMAT JSON) "+q.SQL).Scan(&plans); err != nil {
			return nil, fmt.Errorf("%s: %w", q.Name, err)
		}
		costs[i] = plans[0].Plan.Total
	}
	return costs, nil
}

// ranks numbers values from the least to the most; those that are alike to a ten-thousandth share a rank.
func ranks(values []float64) []float64 {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(values[a], values[b]) })
	out := make([]float64, len(values))
	for i := 0; i < len(order); {
		k := i
		for k < len(order) && values[order[k]]-values[order[i]] < 1e-4 {
			k++
		}
		for _, at := range order[i:k] {
			out[at] = float64(i+k-1) / 2
		}
		i = k
	}
	return out
}

// correlation is Pearson's.
func correlation(a, b []float64) float64 {
	mean := func(v []float64) float64 {
		sum := 0.0
		for _, x := range v {
			sum += x
		}
		return sum / float64(len(v))
	}
	ma, mb := mean(a), mean(b)
	ab, aa, bb := 0.0, 0.0, 0.0
	for i := range a {
		ab += (a[i] - ma) * (b[i] - mb)
		aa += (a[i] - ma) * (a[i] - ma)
		bb += (b[i] - mb) * (b[i] - mb)
	}
	return ab / math.Sqrt(aa*bb)
}

// writers has a table that takes nine rows for each that is read, by its key, and a report a day: no index is
// worth what it would cost those who write.
func (b *adviceBench) writers(ctx context.Context) error {
	for _, sql := range []string{
		"CREATE TABLE events (id bigint PRIMARY KEY, device int NOT NULL, kind int NOT NULL, at timestamptz NOT NULL)",
		"INSERT INTO events SELECT n, n % 5000, n % 7, now() FROM generate_series(1, 300000) n", "ANALYZE events",
		"SELECT pg_stat_force_next_flush()", "SELECT pg_stat_clear_snapshot()",
	} {
		if _, err := b.conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	session, err := pgx.Connect(ctx, b.url)
	if err != nil {
		return err
	}
	defer hangUp(ctx, session)
	a, err := advise.Search(ctx, session, []advise.Statement{
		{SQL: "SELECT * FROM events WHERE id = $1", CallsPerDay: 800_000, MeanSeconds: 30e-6},
		{SQL: "SELECT kind, count(*) FROM events WHERE device = $1 GROUP BY kind", CallsPerDay: 20, MeanSeconds: 0.02},
	}, advise.Config{Engine: advise.EngineSandbox, BudgetBytes: 1 << 30, Timeout: time.Minute})
	if err != nil {
		return err
	}
	b.add(Row{
		Bar: "pgadvise: indexes advised where nine in ten write", Figure: float64(len(a.Recommendations)), Most: most(0),
		Note: "300,000 rows a day, 20 reports of 20 ms by another column",
	})
	_, err = b.conn.Exec(ctx, "DROP TABLE events")
	return err
}
