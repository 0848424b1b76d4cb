package api

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sentientcore/upshift/cache"
)

func TestNamedCacheView(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	got := namedView(cache.NamedStats{
		MaxEntries: 100, Loads: 7, LoadErrors: 2, MeanLoadSeconds: 1.5, CurveLookups: 5000,
		Curve:    []cache.CurvePoint{{Scale: 0.25, Entries: 25, Bytes: 2500, HitRatio: 0.2, ErrorRatio: 0.01}},
		Expected: &cache.Expectation{At: at, HitRatio: 0.5, Measured: 0.6, Lookups: 300},
	})
	want := NamedCache{
		MaxEntries: 100, Loads: 7, LoadErrors: 2, AverageLoadTime: 1.5, CurveLookups: 5000,
		Curve:     []CachePoint{{Scale: 0.25, Entries: 25, Bytes: 2500, HitRate: 0.2, Error: 0.01}},
		Optimized: &CacheOutcome{At: at, ExpectedHitRate: 0.5, HitRate: 0.6, Lookups: 300},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if none := namedView(cache.NamedStats{}); none.Curve == nil || none.Optimized != nil {
		t.Errorf("without a curve: %+v", none)
	}
}

func TestOptimizationView(t *testing.T) {
	t.Parallel()
	still := cache.Optimization{Name: "a", BeforeBytes: 5, AfterBytes: 5, HitRatio: 0.5, ExpectedHitRatio: 0.5, Why: "too few"}
	done, message := optimizationView([]cache.Optimization{still})
	if message != "1 caches looked at, nothing moved" || done["a"] != (CacheOptimization{Before: 5, After: 5, HitRate: 0.5, ExpectedHitRate: 0.5, Reason: "too few"}) {
		t.Errorf("%q, %+v", message, done)
	}
	done, message = optimizationView([]cache.Optimization{
		still, {Name: "b", BeforeEntries: 5, AfterEntries: 9, SavedSeconds: 4}, {Name: "c", BeforeBytes: 9, AfterBytes: 5, SavedSeconds: -0.5},
	})
	if !strings.HasPrefix(message, "room moved between b, c: 3.5 s ") || done["b"].AfterEntries != 9 || done["c"].SavedSecondsPerHour != -0.5 {
		t.Errorf("%q, %+v", message, done)
	}
}
