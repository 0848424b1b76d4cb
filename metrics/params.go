package metrics

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// Bounds of the times that a request may name: what milliseconds in an int64 hold, and
// what JSON can show.
const maxUnixSeconds = 253402300799 // the end of the year 9999

// params reads the parameters of a request, from its URL and its form.
type params struct {
	r   *http.Request
	now time.Time
}

func (p params) ctx() context.Context { return p.r.Context() }

func (p params) text(name string) string { return p.r.Form.Get(name) }

func deadline(ctx context.Context, text string) (context.Context, context.CancelFunc, error) {
	d, err := parseDuration(text)
	if err != nil {
		return nil, nil, badData("invalid parameter %q: %w", "timeout", err)
	}
	ctx, cancel := context.WithTimeout(ctx, min(d, maxQueryTime))
	return ctx, cancel, nil
}

// time reads a parameter that is a Unix time in seconds or RFC 3339.
func (p params) time(name string, otherwise time.Time) (time.Time, error) {
	text := p.text(name)
	if text == "" {
		return otherwise, nil
	}
	t, err := parseTime(text)
	if err != nil {
		return t, badData("invalid parameter %q: %w", name, err)
	}
	return t, nil
}

// span reads start and end; without them it is everything.
func (p params) span() (start, end time.Time, err error) {
	if start, err = p.time("start", time.Unix(0, 0)); err != nil {
		return start, end, err
	}
	end, err = p.time("end", p.now.Add(24*time.Hour))
	return start, end, err
}

// limit reads how many elements are wanted; zero means all.
func (p params) limit() (int, error) {
	text := p.text("limit")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, badData("invalid parameter %q: limit must be a non-negative number", "limit")
	}
	return n, nil
}

func parseTime(text string) (time.Time, error) {
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		if math.IsNaN(seconds) || math.Abs(seconds) > maxUnixSeconds {
			return time.Time{}, badData("cannot parse %q to a valid timestamp", text)
		}
		whole, fraction := math.Modf(seconds)
		return time.Unix(int64(whole), int64(math.Round(fraction*1000))*int64(time.Millisecond)).UTC(), nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || math.Abs(float64(t.Unix())) > maxUnixSeconds {
		return time.Time{}, badData("cannot parse %q to a valid timestamp", text)
	}
	return t, nil
}

// parseDuration reads seconds as a number, or a Prometheus duration such as 5m.
func parseDuration(text string) (time.Duration, error) {
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		nanos := seconds * float64(time.Second)
		if math.IsNaN(nanos) || math.Abs(nanos) > math.MaxInt64/2 {
			return 0, badData("cannot parse %q to a valid duration. It overflows int64", text)
		}
		return time.Duration(nanos), nil
	}
	if d, err := model.ParseDuration(text); err == nil {
		return time.Duration(d), nil
	}
	return 0, badData("cannot parse %q to a valid duration", text)
}

func (s *Store) apiQuery(p params) (any, Result, error) {
	at, err := p.time("time", p.now)
	if err != nil {
		return nil, Result{}, err
	}
	limit, err := p.limit()
	if err != nil {
		return nil, Result{}, err
	}
	r, err := s.Query(p.ctx(), p.text("query"), at)
	r.truncate(limit)
	return r, r, err
}

func (s *Store) apiQueryRange(p params) (any, Result, error) {
	var times [2]time.Time
	for i, name := range []string{"start", "end"} {
		if p.text(name) == "" {
			return nil, Result{}, badData("invalid parameter %q: cannot parse \"\" to a valid timestamp", name)
		}
		var err error
		if times[i], err = p.time(name, p.now); err != nil {
			return nil, Result{}, err
		}
	}
	step, err := parseDuration(p.text("step"))
	if err != nil {
		return nil, Result{}, badData("invalid parameter %q: %w", "step", err)
	}
	limit, err := p.limit()
	if err != nil {
		return nil, Result{}, err
	}
	r, err := s.QueryRange(p.ctx(), p.text("query"), times[0], times[1], step)
	r.truncate(limit)
	return r, r, err
}

func (s *Store) apiLabels(p params) (any, Result, error) {
	return limited(p, func(start, end time.Time) ([]string, error) {
		return s.Labels(p.ctx(), p.r.Form["match[]"], start, end)
	})
}

func (s *Store) apiLabelValues(p params) (any, Result, error) {
	name := p.r.PathValue("name")
	if strings.HasPrefix(name, "U__") {
		name = model.UnescapeName(name, model.ValueEncodingEscaping)
	}
	if !model.UTF8Validation.IsValidLabelName(name) {
		return nil, Result{}, badData("invalid label name: %q", name)
	}
	return limited(p, func(start, end time.Time) ([]string, error) {
		return s.LabelValues(p.ctx(), name, p.r.Form["match[]"], start, end)
	})
}

func (s *Store) apiSeries(p params) (any, Result, error) {
	return limited(p, func(start, end time.Time) ([]map[string]string, error) {
		return s.Series(p.ctx(), p.r.Form["match[]"], start, end)
	})
}

// limited answers a list, cut at the parameter limit with a warning.
func limited[T any](p params, get func(start, end time.Time) ([]T, error)) (any, Result, error) {
	start, end, err := p.span()
	if err != nil {
		return nil, Result{}, err
	}
	limit, err := p.limit()
	if err != nil {
		return nil, Result{}, err
	}
	all, err := get(start, end)
	if err != nil {
		return nil, Result{}, err
	}
	if limit > 0 && len(all) > limit {
		return all[:limit], Result{Warnings: []string{"results truncated due to limit"}}, nil
	}
	return append([]T{}, all...), Result{}, nil
}

func (s *Store) apiMetadata(p params) (any, Result, error) {
	limit, err := p.limit()
	if err != nil {
		return nil, Result{}, err
	}
	return s.meta.list(p.text("metric"), limit), Result{}, nil
}

func (s *Store) apiFormat(p params) (any, Result, error) {
	expr, err := s.parser.ParseExpr(p.text("query"))
	if err != nil {
		return nil, Result{}, badData("invalid parameter %q: %w", "query", err)
	}
	return expr.Pretty(0), Result{}, nil
}
