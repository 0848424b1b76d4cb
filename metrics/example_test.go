package metrics_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sentientcore/upshift/metrics"
)

// A store keeps what a registry gathers and answers PromQL over it.
func Example() {
	dir, err := os.MkdirTemp("", "metrics")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	store, err := metrics.Open(dir, metrics.Config{CollectionInterval: 10 * time.Second}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()

	registry := prometheus.NewRegistry()
	jobs := prometheus.NewCounter(prometheus.CounterOpts{Name: "jobs_total"})
	registry.MustRegister(jobs)
	ctx, at := context.Background(), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for range 7 {
		families, err := registry.Gather()
		if err != nil {
			fmt.Println(err)
			return
		}
		if _, err := store.Append(ctx, at, families); err != nil {
			fmt.Println(err)
			return
		}
		jobs.Add(30)
		at = at.Add(10 * time.Second)
	}
	result, err := store.Query(ctx, `rate(jobs_total[1m])`, at.Add(-10*time.Second))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range result.Samples() {
		fmt.Printf("%.0f jobs a second\n", s.Value)
	}
	// Output: 3 jobs a second
}

// The handler speaks Prometheus' HTTP API, so Grafana can read the store.
func ExampleStore_Handler() {
	dir, err := os.MkdirTemp("", "metrics")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	store, err := metrics.Open(dir, metrics.Config{}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	w := httptest.NewRecorder()
	store.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/v1/query?query=6*7&time=0", http.NoBody))
	fmt.Println(w.Code, w.Body)
	// Output: 200 {"status":"success","data":{"resultType":"scalar","result":[0,"42"]}}
}

// The machine and the process as metrics.
func ExampleNewSystemCollector() {
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics.NewSystemCollector())
	families, err := registry.Gather()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range families {
		if f.GetName() == "upshift_process_goroutines" {
			fmt.Println(f.GetHelp())
		}
	}
	// Output: Goroutines that exist.
}
