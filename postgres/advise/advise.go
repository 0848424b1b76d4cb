package advise

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sentientcore/upshift/postgres"
)

// Advice is what a search found.
type Advice struct {
	// Recommendations are the indexes worth making, all together, the most useful first.
	Recommendations []postgres.Recommendation `json:"recommendations"`
	// Engine priced them, with this confidence.
	Engine     string `json:"engine"`
	Confidence string `json:"confidence"`
	// BudgetBytes is what they might take, SizeBytes what they would, by the size model.
	BudgetBytes int64 `json:"budget_bytes"`
	SizeBytes   int64 `json:"size_bytes"`
	// Planned is the number of statements looked at and Skipped are those that could not be, with the reason.
	Planned int       `json:"planned"`
	Skipped []Skipped `json:"skipped"`
	// Candidates were looked at, Asked is the number of plans that it took.
	Candidates int `json:"candidates"`
	Asked      int `json:"asked"`
	// TookSeconds is how long the search took, and Cut tells that it ended for lack of time.
	TookSeconds float64 `json:"took_seconds"`
	Cut         bool    `json:"cut"`
}

// Skipped is a statement that no plan could be had for.
type Skipped struct {
	Fingerprint string `json:"fingerprint"`
	Query       string `json:"query"`
	Reason      string `json:"reason"`
}

// ErrNothingToDo is returned for a workload without a statement.
var ErrNothingToDo = errors.New("advise: the workload has no statement")

// Search looks for the indexes that a workload is worth. conn must be a session of its own, to be closed
// afterwards: it is made read-only, and statements are prepared and hypothetical indexes made in it. Nothing is
// run but EXPLAIN without ANALYZE, reads of the catalog, and samples of some rows of the tables concerned.
func Search(ctx context.Context, conn *pgx.Conn, workload []Statement, cfg Config) (Advice, error) {
	if err := cfg.Validate(); err != nil {
		return Advice{}, err
	}
	if len(workload) == 0 {
		return Advice{}, ErrNothingToDo
	}
	cfg = cfg.withDefaults()
	began := time.Now()
	session, err := newSession(ctx, conn, cfg.Timeout)
	if err != nil {
		return Advice{}, fmt.Errorf("advise: %w", err)
	}
	a := Advice{Recommendations: []postgres.Recommendation{}, Skipped: []Skipped{}}
	s := &search{cfg: cfg, known: map[int][]record{}, deadline: began.Add(cfg.Timeout)}
	if err := s.read(ctx, session, heaviest(workload, cfg.MaxStatements), &a); err != nil {
		return a, fmt.Errorf("advise: %w", err)
	}
	if s.engine, err = s.choose(ctx, session); err != nil {
		return a, fmt.Errorf("advise: %w", err)
	}
	err = s.run(ctx)
	if errors.Is(err, errOutOfTime) {
		a.Cut, err = true, nil
	}
	if err == nil {
		err = s.report(ctx, &a)
	}
	if err = errors.Join(err, s.engine.close(context.WithoutCancel(ctx))); err != nil {
		return a, fmt.Errorf("advise: %w", err)
	}
	a.TookSeconds = time.Since(began).Seconds()
	return a, nil
}

// choose returns the engine that was asked for, or the best there is.
func (s *search) choose(ctx context.Context, session *session) (engine, error) {
	switch s.cfg.Engine {
	case EngineSandbox:
		return openSandbox(ctx, session.conn, s.tables, s.cfg.Timeout)
	case EngineHypoPG:
		if session.hypothetical == 0 {
			return nil, errors.New("the database has no HypoPG: run CREATE EXTENSION hypopg, or ask for another engine")
		}
	}
	switch {
	case s.cfg.Engine == EngineStructural:
	case session.hypothetical > 0:
		return newHypoPG(session), nil
	default:
		box, err := openSandbox(ctx, session.conn, s.tables, s.cfg.Timeout)
		if err == nil || ctx.Err() != nil {
			return box, err
		} // no Postgres on this machine
	}
	m := &structural{}
	err := session.conn.QueryRow(ctx, "SELECT "+marker+" current_setting('random_page_cost')::float8").Scan(&m.randomPage)
	return m, err
}

// heaviest are the statements that take most time.
func heaviest(workload []Statement, most int) []Statement {
	list := slices.Clone(workload)
	slices.SortStableFunc(list, func(a, b Statement) int {
		return cmp.Compare(b.CallsPerDay*b.MeanSeconds, a.CallsPerDay*a.MeanSeconds)
	})
	return list[:min(len(list), most)]
}

// read plans every statement and gathers what might help it.
func (s *search) read(ctx context.Context, session *session, workload []Statement, a *Advice) error {
	plans, err := s.plan(ctx, session, workload, a)
	if err != nil {
		return err
	}
	tables, err := readTables(ctx, session.conn, relations(plans))
	if err != nil {
		return err
	}
	bytes := 0.0
	for _, t := range tables {
		bytes += t.pages * pageBytes
	}
	s.budget = float64(s.cfg.BudgetBytes)
	if s.cfg.BudgetBytes == 0 {
		s.budget = bytes * s.cfg.BudgetRatio
	}
	a.BudgetBytes = int64(s.budget)
	for name, t := range tables {
		if t.refusal() != "" {
			delete(tables, name)
		}
	}
	s.tables = tables
	for i, st := range s.statements {
		st.usages = usages(plans[i], tables)
	}
	if err := s.sample(ctx, session); err != nil {
		return err
	}
	s.gather()
	s.weigh()
	return nil
}

// plan prepares the workload; what the server refuses is skipped.
func (s *search) plan(ctx context.Context, session *session, workload []Statement, a *Advice) ([]node, error) {
	var plans []node
	for _, w := range workload {
		st := &statement{Statement: w}
		if !explains(w.SQL) {
			a.Skipped = append(a.Skipped, Skipped{w.Fingerprint, w.Query, "it has no plan"})
			continue
		}
		plan, err := session.prepare(ctx, st)
		if err != nil {
			if ctx.Err() != nil || session.conn.IsClosed() {
				return nil, err
			}
			a.Skipped = append(a.Skipped, Skipped{w.Fingerprint, w.Query, err.Error()})
			continue
		}
		st.cost = plan.Total
		st.seconds = math.Max(0, w.CallsPerDay*w.MeanSeconds)
		s.statements, plans = append(s.statements, st), append(plans, plan)
	}
	a.Planned = len(s.statements)
	return plans, nil
}

// relations are the tables in plans.
func relations(plans []node) [][2]string {
	var names [][2]string
	for i := range plans {
		plans[i].walk(func(n *node) {
			if name := [2]string{n.Schema, n.Relation}; n.Relation != "" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		})
	}
	return names
}

// sample reads some rows of the tables concerned, of the columns that might be in an index.
func (s *search) sample(ctx context.Context, session *session) error {
	for _, t := range s.tables {
		w := s.wanted(t)
		var err error
		if len(w.conditions)+len(w.expressions) > 0 {
			err = readMeans(ctx, session.conn, t, w.conditions, w.expressions, s.cfg.Timeout/10)
		}
		if err == nil && len(w.columns) > 0 {
			t.sample, err = readSample(ctx, session.conn, t, w.columns, s.cfg.Timeout/5)
		}
		if err != nil && (ctx.Err() != nil || session.conn.IsClosed()) {
			return err
		} // else there is no right to read it, or no time: the statistics must do
	}
	return nil
}

// wanted is what has to be known of a table to tell the sizes of its candidates.
type wanted struct {
	columns                 []int
	conditions, expressions []string
}

func (s *search) wanted(t *table) wanted {
	var w wanted
	for _, st := range s.statements {
		for _, u := range st.usages {
			if u.table != t {
				continue
			}
			for _, where := range u.always {
				w.conditions = add(w.conditions, where)
			}
			for _, x := range u.candidates() {
				columns, _ := x.columnList()
				for _, i := range columns {
					if !slices.Contains(w.columns, i) {
						w.columns = append(w.columns, i)
					}
				}
				for _, k := range x.keys {
					if k.column < 0 {
						w.expressions = add(w.expressions, k.expr)
					}
				}
			}
		}
	}
	return w
}

// gather collects the candidates of all statements, each once.
func (s *search) gather() {
	byName := map[string]*index{}
	for i, st := range s.statements {
		for _, u := range st.usages {
			for _, x := range u.candidates() {
				name := x.definition()
				if byName[name] == nil {
					if len(byName) >= maxCandidates {
						continue
					}
					x.size = x.estimate()
					x.writes = x.writeSeconds()
					x.number = len(byName)
					byName[name] = x
					if x.size <= s.budget {
						s.candidates = append(s.candidates, x)
					}
				}
				if own := byName[name]; !slices.Contains(own.statements, i) {
					own.statements = append(own.statements, i)
				}
			}
		}
	}
	// An index may also serve a statement that asked for another one that begins alike.
	for _, x := range s.candidates {
		for _, o := range s.candidates {
			if x.table == o.table && x.keys[0] == o.keys[0] {
				for _, i := range o.statements {
					if !slices.Contains(x.statements, i) {
						x.statements = append(x.statements, i)
					}
				}
			}
		}
	}
}

// weigh normalises: a statement counts by its time, but none for more than outlier times the typical one.
func (s *search) weigh() {
	var times []float64
	for _, st := range s.statements {
		if st.seconds > 0 {
			times = append(times, st.seconds)
		}
	}
	if len(times) == 0 {
		times = []float64{1}
		for _, st := range s.statements {
			st.seconds = 1
		}
	}
	slices.Sort(times)
	most := outlier * times[len(times)/2]
	total := 0.0
	for _, st := range s.statements {
		st.weight = math.Min(st.seconds, most)
		total += st.weight
	}
	for _, st := range s.statements {
		st.weight /= total
	}
}

const outlier = 1.0

// run searches until nothing gets better.
func (s *search) run(ctx context.Context) error {
	if err := s.engine.learn(ctx, s.candidates, s.statements); err != nil {
		return err
	}
	s.candidates = slices.DeleteFunc(s.candidates, func(x *index) bool { return !s.engine.knows(x) })
	s.costs = make([]float64, len(s.statements))
	all := make([]int, len(s.statements))
	for i := range all {
		all[i] = i
	}
	prices, err := s.price(ctx, all, nil)
	if err != nil {
		return err
	}
	for i, st := range s.statements {
		st.cost = prices[i].cost
		s.costs[i] = st.cost
	}
	steps, err := s.prune(ctx, 4)
	if err != nil && !errors.Is(err, errOutOfTime) {
		return err
	}
	if err := s.greedy(ctx, steps); err != nil {
		return err
	}
	return s.polish(ctx, steps)
}
