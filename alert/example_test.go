package alert_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sentientcore/upshift/alert"
	"github.com/sentientcore/upshift/metrics"
)

// An engine over a store: evaluate after each gathering and look at what changed.
func Example() {
	dir, err := os.MkdirTemp("", "metrics")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	store, err := metrics.Open(dir, metrics.Config{CollectionInterval: 30 * time.Second}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	engine, err := alert.New(alert.Config{For: 30 * time.Second}, alert.Thresholds{MemoryUsagePercent: 80}, store, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	registry := prometheus.NewRegistry()
	memory := prometheus.NewGauge(prometheus.GaugeOpts{Name: "upshift_system_memory_usage_ratio"})
	registry.MustRegister(memory, engine)
	memory.Set(0.93)

	ctx, at := context.Background(), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for range 2 {
		families, err := registry.Gather()
		if err != nil {
			fmt.Println(err)
			return
		}
		if _, err := store.Append(ctx, at, families); err != nil {
			fmt.Println(err)
			return
		}
		changes, err := engine.Evaluate(ctx, at)
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, c := range changes {
			fmt.Printf("%s: %s\n", c.Status, c.Summary)
		}
		at = at.Add(30 * time.Second)
	}
	// Output:
	// pending: Memory use is 93.0 % (threshold 80.0 %)
	// firing: Memory use is 93.0 % (threshold 80.0 %)
}
