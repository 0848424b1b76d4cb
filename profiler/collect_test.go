package profiler

import (
	"errors"
	"math"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestMetricsRoundTrip(t *testing.T) {
	t.Parallel()
	p := newProfiler(t, Config{MaxFunctions: 2})
	for _, name := range []string{"a", "a", "b\xff", "c", "d"} {
		p.Start(name).End(nil)
	}
	p.Start("a").End(errors.New("fault"))
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(p)
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
		for _, m := range family.GetMetric() {
			key := family.GetName()
			for _, label := range m.GetLabel() {
				key += " " + label.GetValue()
			}
			switch {
			case m.GetCounter() != nil:
				got[key] = m.GetCounter().GetValue()
			case m.GetGauge() != nil:
				got[key] = m.GetGauge().GetValue()
			case m.GetSummary() != nil:
				got[key] = float64(m.GetSummary().GetSampleCount())
				for _, q := range m.GetSummary().GetQuantile() {
					if math.IsNaN(q.GetValue()) {
						t.Errorf("%s has a quantile that is not a number", key)
					}
				}
			}
		}
	}
	for key, want := range map[string]float64{
		"upshift_profiler_enabled":                       1,
		"upshift_profiler_threshold_seconds":             0.1,
		"upshift_profiler_functions":                     3,
		"upshift_profiler_overflowed_calls_total":        2,
		"upshift_profiler_call_duration_seconds a":       3,
		"upshift_profiler_call_duration_seconds b\ufffd": 1,
		"upshift_profiler_call_duration_seconds (other)": 2,
		"upshift_profiler_call_errors_total a":           1,
		"upshift_profiler_call_errors_total (other)":     0,
	} {
		if v, ok := got[key]; !ok || v != want {
			t.Errorf("%s = %v (there: %v), want %v", key, v, ok, want)
		}
	}
}

func TestNilProfilerRegisters(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister((*Profiler)(nil))
	if families, err := registry.Gather(); err != nil || len(families) != 0 {
		t.Errorf("gathered %d families, %v", len(families), err)
	}
}
