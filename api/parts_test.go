package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sentientcore/upshift/alert"
	"github.com/sentientcore/upshift/balancer"
	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/gateway"
	"github.com/sentientcore/upshift/memory"
	"github.com/sentientcore/upshift/metrics"
	"github.com/sentientcore/upshift/profiler"
	"github.com/sentientcore/upshift/profiler/cause"
	"github.com/sentientcore/upshift/profiler/otlp"
)

// realParts are the parts as they are, on servers and files of the test's own.
func realParts(tb testing.TB) Parts {
	tb.Helper()
	mem, err := memory.New(memory.Config{})
	must(tb, err)
	prof, err := profiler.New(profiler.Config{})
	must(tb, err)
	prof.SetEnabled(true)
	prof.Start("GET /chat").End(nil)
	prof.Start("GET /chat").End(errors.New("no answer"))
	store, pool, group := realStore(tb), realPool(tb), realCache(tb)
	engine, err := alert.New(alert.Config{}, alert.Thresholds{}, store, slog.New(slog.DiscardHandler))
	must(tb, err)
	gw, err := gateway.New(gateway.Config{}, gateway.Parts{Pool: pool, Cache: group, Profiler: prof})
	must(tb, err)
	causes, err := cause.NewFinder(prof, cause.Config{})
	must(tb, err)
	return Parts{
		Causes:  causes,
		Traces:  otlp.NewReceiver(prof),
		Metrics: store, Pool: pool, Cache: group, Memory: mem, Profiler: prof, Alerts: engine, Gateway: gw, Captures: realCaptures(tb),
		Reload:   func(context.Context) error { return nil },
		Settings: func() []Setting { return []Setting{{Key: "cache.max_size", Value: "1000", Origin: "default"}} },
	}
}

// realCache has one named cache with an entry.
func realCache(tb testing.TB) *cache.Group {
	tb.Helper()
	group, err := cache.New(cache.Config{})
	must(tb, err)
	answers, err := cache.Named(group, "answers", cache.Options[string]{})
	must(tb, err)
	must(tb, answers.Set("a", "b", cache.EntryOptions{Tags: []string{"t"}}))
	for range 2000 { // enough for a curve
		answers.Get("a")
	}
	return group
}

// realStore holds an hour of two series, a minute apart.
func realStore(tb testing.TB) *metrics.Store {
	tb.Helper()
	store, err := metrics.Open(tb.TempDir(), metrics.Config{}, slog.New(slog.DiscardHandler))
	must(tb, err)
	tb.Cleanup(func() { must(tb, store.Close()) })
	registry := prometheus.NewRegistry()
	cpu := prometheus.NewGauge(prometheus.GaugeOpts{Name: "upshift_system_cpu_usage_ratio", Help: "CPU."})
	mem := prometheus.NewGauge(prometheus.GaugeOpts{Name: "upshift_system_memory_usage_ratio", Help: "Memory."})
	registry.MustRegister(cpu, mem)
	cpu.Set(0.25)
	mem.Set(0.5)
	families, err := registry.Gather()
	must(tb, err)
	for at := time.Now().Add(-time.Hour); at.Before(time.Now()); at = at.Add(time.Minute) {
		_, err := store.Append(context.Background(), at, families)
		must(tb, err)
	}
	return store
}

// realPool has two servers, one of which answers 500, and some traffic behind it.
func realPool(tb testing.TB) *balancer.Pool {
	tb.Helper()
	cfg := balancer.Config{Strategy: "round_robin", MaxRetries: 1, HealthCheckPath: balancer.NoHealthCheck}
	for id, status := range map[string]int{"good": http.StatusOK, "bad": http.StatusInternalServerError} {
		backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		tb.Cleanup(backend.Close)
		cfg.Servers = append(cfg.Servers, balancer.ServerConfig{ID: id, URL: backend.URL})
	}
	pool, err := balancer.New(cfg)
	must(tb, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- pool.Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		must(tb, <-done)
	})
	client := &http.Client{Transport: pool}
	for range 10 {
		resp, err := client.Get("http://pool.example/x")
		must(tb, err)
		resp.Body.Close()
	}
	return pool
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
