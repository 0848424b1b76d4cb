package metrics

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"
)

// MaxSeedPoints is the most points that Seed returns.
const MaxSeedPoints = 1500

// keptSeeds is the number of steps for which computed points are kept.
const keptSeeds = 4

// Point is the system at one time. Every number is finite.
type Point struct {
	Timestamp                           time.Time
	CPUUsagePercent, MemoryUsagePercent float64
	// ResponseTimeMS is the mean over the window that ends at Timestamp.
	ResponseTimeMS, RequestsPerSecond, ErrorRatePercent float64
}

// SeedStep returns the step that Seed uses for an interval of this length: wanted, or the
// least multiple of a second with which [MaxSeedPoints] are enough.
func SeedStep(length, wanted time.Duration) time.Duration {
	least := length / (MaxSeedPoints - 1)
	if wanted >= least && wanted >= time.Second {
		return wanted.Truncate(time.Millisecond)
	}
	return max((least + time.Second - 1).Truncate(time.Second), time.Second)
}

// seedExprs are the PromQL expressions of a point, over a window.
func seedExprs(window string) [5]string {
	return [5]string{
		`100 * avg(avg_over_time(upshift_system_cpu_usage_ratio[` + window + `]))`,
		`100 * avg(avg_over_time(upshift_system_memory_usage_ratio[` + window + `]))`,
		`1000 * sum(rate(upshift_gateway_request_duration_seconds_sum[` + window +
			`])) / sum(rate(upshift_gateway_request_duration_seconds_count[` + window + `]))`,
		`sum(rate(upshift_gateway_requests_total[` + window + `]))`,
		`100 * sum(rate(upshift_gateway_requests_total{code="5xx"}[` + window +
			`])) / sum(rate(upshift_gateway_requests_total[` + window + `]))`,
	}
}

// fields are the numbers of a point in the order of seedExprs.
func (p *Point) fields() [5]*float64 {
	return [5]*float64{
		&p.CPUUsagePercent, &p.MemoryUsagePercent, &p.ResponseTimeMS, &p.RequestsPerSecond, &p.ErrorRatePercent,
	}
}

// window is what one point looks back over: its step, but at least four gatherings.
func (s *Store) window(step time.Duration) string {
	w := max(step, 4*s.config.Load().CollectionInterval)
	return w.Truncate(time.Millisecond).String()
}

// Seed returns the points between start and end at the multiples of the step, which is
// raised as [SeedStep] says. Times of which nothing is stored have no point; a number that
// is not known at a time is zero there. The list is never nil.
func (s *Store) Seed(ctx context.Context, start, end time.Time, step time.Duration) ([]Point, error) {
	if end.Before(start) {
		return nil, badData("end must not be before start")
	}
	step = SeedStep(end.Sub(start), step)
	from, to, by := start.UnixMilli(), end.UnixMilli(), step.Milliseconds()
	from, to = -floorDiv(-from, by)*by, floorDiv(to, by)*by
	if to < from {
		return []Point{}, nil
	}
	newest := s.count.newest.Load()
	span := s.seeds.take(by, from)
	defer s.seeds.put(span)
	if span.next <= to {
		if err := s.extend(ctx, span, to); err != nil {
			return nil, err
		}
	}
	out := span.between(from, to)
	span.settle(newest, from)
	return out, nil
}

// extend computes the points from where span ends up to a time.
func (s *Store) extend(ctx context.Context, span *seedSpan, to int64) error {
	step := time.Duration(span.step) * time.Millisecond
	start, end := time.UnixMilli(span.next), time.UnixMilli(to)
	points := map[int64]*Point{}
	for i, expr := range seedExprs(s.window(step)) {
		r, err := s.QueryRange(ctx, expr, start, end, step)
		if err != nil {
			return err
		}
		for _, v := range r.points() {
			p := points[v.T]
			if p == nil {
				p = &Point{Timestamp: time.UnixMilli(v.T).UTC()}
				points[v.T] = p
			}
			*p.fields()[i] = finite(v.F)
		}
	}
	for t := span.next; t <= to; t += span.step {
		if p := points[t]; p != nil {
			span.points = append(span.points, *p)
		}
	}
	span.next = to + span.step
	return nil
}

func finite(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// seedCache keeps the points of a few steps that no later sample can change.
type seedCache struct {
	mu    sync.Mutex // guards spans
	spans []*seedSpan
}

// seedSpan is the points of one step from first up to before next, both multiples of it.
type seedSpan struct {
	step, first, next int64
	points            []Point
}

// take hands out what is known of a step from a time on. It is the caller's until put.
func (c *seedCache) take(step, from int64) *seedSpan {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, span := range c.spans {
		if span.step != step {
			continue
		}
		if from < span.first || from > span.next {
			break
		}
		c.spans = slices.Delete(c.spans, i, i+1)
		return span
	}
	return &seedSpan{step: step, first: from, next: from}
}

// put keeps span, as the one of its step, instead of the one longest unused.
func (c *seedCache) put(span *seedSpan) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spans = slices.DeleteFunc(c.spans, func(other *seedSpan) bool { return other.step == span.step })
	if len(c.spans) >= keptSeeds {
		c.spans = slices.Delete(c.spans, 0, 1)
	}
	c.spans = append(c.spans, span)
}

func (c *seedCache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spans = nil
}

func (span *seedSpan) between(from, to int64) []Point {
	out := make([]Point, 0, len(span.points))
	for _, p := range span.points {
		if t := p.Timestamp.UnixMilli(); t >= from && t <= to {
			out = append(out, p)
		}
	}
	return out
}

// settle forgets the points before from and those that may change: later than newest, the
// newest sample when they were computed.
func (span *seedSpan) settle(newest, from int64) {
	settled := span.first // nothing is stored yet
	if newest != math.MinInt64 {
		settled = floorDiv(newest, span.step)*span.step + span.step
	}
	span.next = max(span.first, min(span.next, settled))
	span.first = max(span.first, min(from, span.next))
	span.points = slices.DeleteFunc(span.points, func(p Point) bool {
		t := p.Timestamp.UnixMilli()
		return t < span.first || t >= span.next
	})
}
