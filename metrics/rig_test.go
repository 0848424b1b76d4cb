package metrics

import (
	"bytes"
	"log/slog"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
)

func origin() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// logs keeps what is logged; it may be read while it is written.
type logs struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logs) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func openStore(tb testing.TB, dir string, cfg Config) *Store {
	tb.Helper()
	s, err := Open(dir, cfg, nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// appendAll stores families and fails the test unless want samples were stored.
func appendAll(tb testing.TB, s *Store, at time.Time, want int, families ...*dto.MetricFamily) {
	tb.Helper()
	got, err := s.Append(tb.Context(), at, families)
	if err != nil || got != want {
		tb.Fatalf("Append stored %d samples with error %v, want %d", got, err, want)
	}
}

func ptr[T any](v T) *T { return &v }

// pairs makes labels of names and values.
func pairs(kv []string) (list []*dto.LabelPair) {
	for i := 0; i+1 < len(kv); i += 2 {
		list = append(list, &dto.LabelPair{Name: &kv[i], Value: &kv[i+1]})
	}
	return list
}

func gauge(name string, v float64, kv ...string) *dto.MetricFamily {
	return &dto.MetricFamily{
		Name: &name, Type: ptr(dto.MetricType_GAUGE), Help: ptr("Help of " + name),
		Metric: []*dto.Metric{{Label: pairs(kv), Gauge: &dto.Gauge{Value: &v}}},
	}
}

func counter(name string, v float64, kv ...string) *dto.MetricFamily {
	return &dto.MetricFamily{
		Name: &name, Type: ptr(dto.MetricType_COUNTER), Help: ptr("Help of " + name),
		Metric: []*dto.Metric{{Label: pairs(kv), Counter: &dto.Counter{Value: &v}}},
	}
}

// valueOf is the one value of an expression, or "none", or the error.
func valueOf(tb testing.TB, s *Store, expr string, at time.Time) any {
	tb.Helper()
	r, err := s.Query(tb.Context(), expr, at)
	if err != nil {
		return err.Error()
	}
	if samples := r.Samples(); len(samples) == 1 {
		return samples[0].Value
	} else if len(samples) > 1 {
		return "many"
	}
	return "none"
}
