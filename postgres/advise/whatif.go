package advise

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// Proposed is a B-tree on columns that somebody thinks of.
type Proposed struct {
	Schema, Table string
	Keys, Include []string
}

// Sizes returns the bytes that each index would take right after it was made. It reads the catalog and some
// rows of the tables; conn is used as by [Search].
func Sizes(ctx context.Context, conn *pgx.Conn, list []Proposed) ([]int64, error) {
	session, err := newSession(ctx, conn, DefaultTimeout)
	if err != nil {
		return nil, fmt.Errorf("advise: %w", err)
	}
	found, err := propose(ctx, session, list)
	if err != nil {
		return nil, fmt.Errorf("advise: %w", err)
	}
	sizes := make([]int64, len(found))
	for i, x := range found {
		sizes[i] = int64(x.size)
	}
	return sizes, nil
}

// propose looks the columns up and tells the sizes.
func propose(ctx context.Context, session *session, list []Proposed) ([]*index, error) {
	var names [][2]string
	for _, p := range list {
		if name := [2]string{p.Schema, p.Table}; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	tables, err := readTables(ctx, session.conn, names)
	if err != nil {
		return nil, err
	}
	wanted := map[*table][]int{}
	found := make([]*index, len(list))
	for i, p := range list {
		t := tables[[2]string{p.Schema, p.Table}]
		if t == nil {
			return nil, fmt.Errorf("there is no table %s.%s", p.Schema, p.Table)
		}
		x := &index{table: t, method: "btree", share: 1, number: i + 1}
		for k, name := range slices.Concat(p.Keys, p.Include) {
			c := t.find(name)
			if c < 0 {
				return nil, fmt.Errorf("table %s has no column %q", t.ident(), name)
			}
			if !slices.Contains(wanted[t], c) {
				wanted[t] = append(wanted[t], c)
			}
			if k < len(p.Keys) {
				x.keys = append(x.keys, key{column: c})
			} else {
				x.include = append(x.include, c)
			}
		}
		if len(x.keys) == 0 {
			return nil, errors.New("an index needs a key")
		}
		found[i] = x
	}
	for t, columns := range wanted {
		if t.sample, err = readSample(ctx, session.conn, t, columns, DefaultTimeout); err != nil {
			return nil, err
		}
	}
	for _, x := range found {
		x.size = x.estimate()
	}
	return found, nil
}

// WhatIf is what a planner says of statements under sets of indexes that are not there.
type WhatIf struct {
	// Costs have one row for each set and one column for each statement.
	Costs [][]float64
	// Engine priced them; SetUp is how long that took to get ready, StartUp the start of a server left out.
	Engine  string
	SetUp   time.Duration
	StartUp time.Duration
}

// Try prices every statement under each set, by a sandbox. conn is used as by [Search].
func Try(ctx context.Context, conn *pgx.Conn, workload []Statement, sets [][]Proposed) (_ WhatIf, err error) {
	session, err := newSession(ctx, conn, time.Minute)
	if err != nil {
		return WhatIf{}, fmt.Errorf("advise: %w", err)
	}
	s := &search{cfg: Config{Timeout: time.Minute}.withDefaults(), deadline: time.Now().Add(time.Hour)}
	var skipped Advice
	if err := s.read(ctx, session, workload, &skipped); err != nil {
		return WhatIf{}, fmt.Errorf("advise: %w", err)
	}
	if len(skipped.Skipped) > 0 {
		return WhatIf{}, fmt.Errorf("advise: %s: %s", skipped.Skipped[0].Fingerprint, skipped.Skipped[0].Reason)
	}
	all, err := propose(ctx, session, slices.Concat(sets...))
	if err != nil {
		return WhatIf{}, fmt.Errorf("advise: %w", err)
	}
	began := time.Now()
	box, err := openSandbox(ctx, session.conn, s.tables, time.Minute)
	if err != nil {
		return WhatIf{}, fmt.Errorf("advise: %w", err)
	}
	defer func() { err = errors.Join(err, box.close(context.WithoutCancel(ctx))) }()
	started := time.Since(began) - box.copied
	if err := box.learn(ctx, all, s.statements); err != nil {
		return WhatIf{}, fmt.Errorf("advise: %w", err)
	}
	out := WhatIf{StartUp: started + box.restarted, SetUp: time.Since(began) - started - box.restarted}
	out.Engine, _ = box.about()
	for _, set := range sets {
		prices, err := box.price(ctx, s.statements, all[:len(set)])
		if err != nil {
			return WhatIf{}, fmt.Errorf("advise: %w", err)
		}
		all = all[len(set):]
		row := make([]float64, len(prices))
		for i, p := range prices {
			row[s.order(workload, i)] = p.total
		}
		out.Costs = append(out.Costs, row)
	}
	return out, nil
}

// order is the place in the workload of the statement i, which the search sorts.
func (s *search) order(workload []Statement, i int) int {
	return slices.IndexFunc(workload, func(w Statement) bool { return w == s.statements[i].Statement })
}
