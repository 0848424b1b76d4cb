package memory

import (
	"math"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestMetricsRoundTrip(t *testing.T) {
	t.Parallel()
	m := newMonitor(t, Config{GCThreshold: 1})
	if _, err := m.Pools().Get("small"); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m)
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) > 0 {
		t.Fatalf("lint: %v, %v", problems, err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			key := family.GetName()
			for _, label := range metric.GetLabel() {
				key += " " + label.GetValue()
			}
			v := metric.GetGauge().GetValue() + metric.GetCounter().GetValue()
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Errorf("%s = %v", key, v)
			}
			got[key] = v
		}
	}
	for key, want := range map[string]float64{
		"upshift_memory_checks_total":            1,
		"upshift_memory_pressure_checks_total":   0,
		"upshift_memory_pool_misses_total small": 1,
		"upshift_memory_pool_hits_total small":   0,
		"upshift_memory_pool_max_size large":     100,
		"upshift_memory_leaks confirmed":         0,
		"upshift_memory_leak_bytes_per_second":   0,
		"upshift_memory_gc_tuner_changes_total":  0,
		"upshift_memory_tracked_objects":         0,
	} {
		if v, ok := got[key]; !ok || v != want {
			t.Errorf("%s = %v (there: %v), want %v", key, v, ok, want)
		}
	}
	for _, key := range []string{
		"upshift_memory_used_ratio", "upshift_memory_limit_bytes system", "upshift_memory_rss_bytes",
		"upshift_memory_runtime_bytes objects", "upshift_memory_heap_goal_bytes", "upshift_memory_goroutines",
		"upshift_memory_rss_part_bytes heap_live", "upshift_memory_gogc_ratio",
	} {
		if got[key] <= 0 {
			t.Errorf("%s = %v, want more than 0", key, got[key])
		}
	}
}
