package metrics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
)

// Bounds of a query.
const (
	// MaxPoints is the most steps of a range query.
	MaxPoints = 11_000

	maxQuerySamples  = 5_000_000
	maxQueryTime     = 30 * time.Second
	maxQueryBytes    = 64 << 10
	concurrentLimit  = 8
	minLookback      = 5 * time.Minute
	lookbackInterval = 3
)

// Kinds of [QueryError], in Prometheus' words.
const (
	KindBadData   = "bad_data"
	KindTimeout   = "timeout"
	KindCanceled  = "canceled"
	KindExecution = "execution"
	KindInternal  = "internal"
)

// QueryError says why a query has no result.
type QueryError struct {
	// Kind is one of the Kind constants: who must change what.
	Kind string
	Err  error
}

// Error returns the text of the cause.
func (e *QueryError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *QueryError) Unwrap() error { return e.Err }

func badData(format string, args ...any) error {
	return &QueryError{KindBadData, fmt.Errorf(format, args...)}
}

func newEngine(p parser.Parser, interval time.Duration) *promql.Engine {
	return promql.NewEngine(promql.EngineOpts{
		Logger:               slog.New(slog.DiscardHandler),
		MaxSamples:           maxQuerySamples,
		Timeout:              maxQueryTime,
		LookbackDelta:        max(minLookback, lookbackInterval*interval),
		EnableAtModifier:     true,
		EnableNegativeOffset: true,
		Parser:               p,
	})
}

// Query evaluates a PromQL expression at one time. The error is a [*QueryError] where the
// expression or its cost is at fault.
func (s *Store) Query(ctx context.Context, expr string, at time.Time) (Result, error) {
	return s.run(ctx, expr, func(ctx context.Context) (promql.Query, error) {
		return s.engine.NewInstantQuery(ctx, s.db, nil, expr, at)
	})
}

// QueryRange evaluates a PromQL expression from start to end at every step, at
// [MaxPoints] times at most.
func (s *Store) QueryRange(ctx context.Context, expr string, start, end time.Time, step time.Duration) (Result, error) {
	switch {
	case step < time.Millisecond:
		return Result{}, badData("zero or negative query resolution step widths are not accepted. Try a positive integer")
	case end.Before(start):
		return Result{}, badData("end timestamp must not be before start time")
	case (end.UnixMilli()-start.UnixMilli())/step.Milliseconds() >= MaxPoints: // a Duration would not hold 10,000 years
		return Result{}, badData("exceeded maximum resolution of %d points per timeseries. Try decreasing the query resolution (?step=XX)", MaxPoints)
	}
	return s.run(ctx, expr, func(ctx context.Context) (promql.Query, error) {
		return s.engine.NewRangeQuery(ctx, s.db, nil, expr, start, end, step)
	})
}

func (s *Store) run(ctx context.Context, expr string, build func(context.Context) (promql.Query, error)) (r Result, err error) {
	done, err := s.use()
	if err != nil {
		return Result{}, err
	}
	defer done()
	s.count.queries.Add(1)
	defer func() {
		if err != nil {
			s.count.queryErrors.Add(1)
		}
	}()
	if len(expr) > maxQueryBytes {
		return Result{}, badData("expression is longer than %d bytes", maxQueryBytes)
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return Result{}, queryError(ctx.Err())
	}
	r, err = runOnce(ctx, build)
	if looksDamaged(err) && s.bad.sweep(ctx, s.db) {
		r, err = runOnce(ctx, build)
	}
	return r, err
}

func runOnce(ctx context.Context, build func(context.Context) (promql.Query, error)) (Result, error) {
	q, err := build(ctx)
	if err != nil {
		return Result{}, &QueryError{KindBadData, err}
	}
	defer q.Close()
	res := q.Exec(ctx)
	if res.Err != nil {
		return Result{}, queryError(res.Err)
	}
	warnings, infos := res.Warnings.AsStrings(q.String(), 10, 10)
	return newResult(res.Value, warnings, infos), nil
}

func queryError(err error) error {
	var (
		canceled promql.ErrQueryCanceled
		timeout  promql.ErrQueryTimeout
		stored   promql.ErrStorage
	)
	switch {
	case errors.As(err, &timeout), errors.Is(err, context.DeadlineExceeded):
		return &QueryError{KindTimeout, err}
	case errors.As(err, &canceled), errors.Is(err, context.Canceled):
		return &QueryError{KindCanceled, err}
	case errors.As(err, &stored):
		return &QueryError{KindInternal, err}
	}
	return &QueryError{KindExecution, err}
}

// looksDamaged reports whether err may come from damaged files. The database has no type
// for it. A wrong guess costs one reading of all blocks.
func looksDamaged(err error) bool {
	if err == nil {
		return false
	}
	var q *QueryError
	if errors.As(err, &q) && (q.Kind == KindTimeout || q.Kind == KindCanceled || q.Kind == KindBadData) {
		return false
	}
	return slices.ContainsFunc([]string{"checksum", "cannot populate", "corrupt", "invalid size", "segment", "unexpected error", "decoding", "EOF"},
		func(word string) bool { return strings.Contains(err.Error(), word) })
}

// Labels returns the names of the labels that the matching series have between start and
// end, sorted. Each of matchers is a series selector; none means all series.
func (s *Store) Labels(ctx context.Context, matchers []string, start, end time.Time) ([]string, error) {
	found := map[string]struct{}{}
	err := s.eachSelector(ctx, matchers, start, end, func(q storage.Querier, m []*labels.Matcher) error {
		names, _, err := q.LabelNames(ctx, nil, m...)
		for _, n := range names {
			found[strings.Clone(n)] = struct{}{}
		}
		return err
	})
	return sortedKeys(found), err
}

// LabelValues returns the values that label name has in the matching series between start
// and end, sorted.
func (s *Store) LabelValues(ctx context.Context, name string, matchers []string, start, end time.Time) ([]string, error) {
	if name == "" {
		return nil, badData("invalid label name: %q", name)
	}
	found := map[string]struct{}{}
	err := s.eachSelector(ctx, matchers, start, end, func(q storage.Querier, m []*labels.Matcher) error {
		values, _, err := q.LabelValues(ctx, name, nil, m...)
		for _, v := range values {
			found[strings.Clone(v)] = struct{}{} // it may lie in a mapped file that is closed later
		}
		return err
	})
	return sortedKeys(found), err
}

// Series returns the label sets of the series that match one of matchers and have a sample
// between start and end.
func (s *Store) Series(ctx context.Context, matchers []string, start, end time.Time) ([]map[string]string, error) {
	if len(matchers) == 0 {
		return nil, badData("no match[] parameter provided")
	}
	found := map[string]map[string]string{}
	err := s.eachSelector(ctx, matchers, start, end, func(q storage.Querier, m []*labels.Matcher) error {
		hints := &storage.SelectHints{Start: start.UnixMilli(), End: end.UnixMilli(), Func: "series"}
		set := q.Select(ctx, false, hints, m...)
		for set.Next() {
			l := set.At().Labels()
			found[l.String()] = cloneLabels(l)
		}
		return set.Err()
	})
	out := make([]map[string]string, 0, len(found))
	for _, key := range sortedKeys(found) {
		out = append(out, found[key])
	}
	return out, err
}

// eachSelector calls each with a querier and the matchers of each selector; once without
// matchers when there is none.
func (s *Store) eachSelector(
	ctx context.Context, selectors []string, start, end time.Time, each func(storage.Querier, []*labels.Matcher) error,
) (err error) {
	if end.Before(start) {
		return badData("end timestamp must not be before start time")
	}
	parsed := [][]*labels.Matcher{nil}
	if len(selectors) > 0 {
		if parsed, err = s.parser.ParseMetricSelectors(selectors); err != nil {
			return &QueryError{KindBadData, err}
		}
	}
	done, err := s.use()
	if err != nil {
		return err
	}
	defer done()
	q, err := s.db.Querier(start.UnixMilli(), end.UnixMilli())
	if err != nil {
		return &QueryError{KindInternal, err}
	}
	defer func() { err = errors.Join(err, q.Close()) }()
	for _, m := range parsed {
		if err := errors.Join(ctx.Err(), each(q, m)); err != nil {
			return queryError(err)
		}
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func cloneLabels(l labels.Labels) map[string]string {
	m := make(map[string]string, l.Len())
	l.Range(func(one labels.Label) { m[strings.Clone(one.Name)] = strings.Clone(one.Value) })
	return m
}
