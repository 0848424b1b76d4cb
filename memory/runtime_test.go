package memory

import (
	"math"
	"runtime/metrics"
	"testing"
)

func TestQuantile(t *testing.T) {
	t.Parallel()
	inf := math.Inf(1)
	histogram := func(counts []uint64, bounds ...float64) *metrics.Float64Histogram {
		return &metrics.Float64Histogram{Counts: counts, Buckets: bounds}
	}
	for name, tc := range map[string]struct {
		h    *metrics.Float64Histogram
		q    float64
		want float64
	}{
		"empty":       {histogram([]uint64{0}, 0, 1), 0.99, 0},
		"median":      {histogram([]uint64{5, 5, 90}, 0, 1, 2, 3), 0.5, 3},
		"first":       {histogram([]uint64{99, 1}, -inf, 1, 2), 0.99, 1},
		"open ended":  {histogram([]uint64{1, 9}, 0, 1, inf), 0.99, 1},
		"no bounds":   {histogram([]uint64{1}, -inf, inf), 0.99, 0},
		"the largest": {histogram([]uint64{1, 1}, 0, 1, 2), 1, 2},
	} {
		if got := quantile(tc.h, tc.q); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}

// Every name that is read must exist in this version of Go, or a figure would be a
// silent zero.
func TestMetricsExist(t *testing.T) {
	t.Parallel()
	known := map[string]metrics.ValueKind{}
	for _, d := range metrics.All() {
		known[d.Name] = d.Kind
	}
	for name, kind := range map[string]metrics.ValueKind{
		metricObjectsBytes: metrics.KindUint64, metricUnused: metrics.KindUint64, metricFree: metrics.KindUint64,
		metricReleased: metrics.KindUint64, metricStacks: metrics.KindUint64, metricTotal: metrics.KindUint64,
		metricLive: metrics.KindUint64, metricGoal: metrics.KindUint64, metricObjects: metrics.KindUint64,
		metricAllocated: metrics.KindUint64, metricCycles: metrics.KindUint64, metricForced: metrics.KindUint64,
		metricGOGC: metrics.KindUint64, metricGoLimit: metrics.KindUint64, metricGoroutines: metrics.KindUint64,
		metricPauses: metrics.KindFloat64Histogram, metricGCCPU: metrics.KindFloat64,
		metricGCIdleCPU: metrics.KindFloat64, metricCPU: metrics.KindFloat64,
	} {
		if known[name] != kind {
			t.Errorf("%s is of kind %v, want %v", name, known[name], kind)
		}
	}
}
