package alert_test

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sentientcore/upshift/alert"
	"github.com/sentientcore/upshift/metrics"
)

func BenchmarkEvaluate(b *testing.B) {
	store, err := metrics.Open(b.TempDir(), metrics.Config{CollectionInterval: time.Second}, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	engine, err := alert.New(alert.Config{}, alert.Thresholds{}, store, nil)
	if err != nil {
		b.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "upshift_gateway_requests_total"}, []string{"code"})
	took := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "upshift_gateway_request_duration_seconds"})
	registry.MustRegister(requests, took, metrics.NewSystemCollector())
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for range 300 {
		at = at.Add(time.Second)
		requests.WithLabelValues("2xx").Add(100)
		took.Observe(0.1)
		families, err := registry.Gather()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := store.Append(b.Context(), at, families); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := engine.Evaluate(b.Context(), at); err != nil {
			b.Fatal(err)
		}
	}
}
