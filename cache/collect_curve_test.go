package cache

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestCollectCurve(t *testing.T) {
	t.Parallel()
	g := newGroup(t, Config{MaxEntries: 2})
	c := named(t, g, "answers", Options[int]{})
	for i := range minLookups {
		key := []string{"a", "b", "c", "d"}[i%4]
		if _, ok := c.Get(key); !ok {
			set(t, c, key, 1)
		}
	}
	c.store.expect(0.75, true)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(g)
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
	want := `
# HELP upshift_cache_curve_sample_ratio Share of the keys that is followed for the curve.
# TYPE upshift_cache_curve_sample_ratio gauge
upshift_cache_curve_sample_ratio{cache="answers"} 1
# HELP upshift_cache_expected_hit_ratio Hit ratio that was expected when the size was last moved.
# TYPE upshift_cache_expected_hit_ratio gauge
upshift_cache_expected_hit_ratio{cache="answers"} 0.75
`
	err := testutil.GatherAndCompare(registry, strings.NewReader(want),
		"upshift_cache_curve_sample_ratio", "upshift_cache_expected_hit_ratio")
	if err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(registry, "upshift_cache_curve_hit_ratio"); n != len(scales) || err != nil {
		t.Errorf("%d points, %v", n, err)
	}
}
