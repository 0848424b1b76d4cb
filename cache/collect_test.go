package cache

import (
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestCollect(t *testing.T) {
	t.Parallel()
	g := newGroup(t, Config{MaxBytes: 10_000, MaxEntries: 2})
	c := named(t, g, "answers", Options[int]{Cost: func(int) int64 { return 100 }})
	for _, key := range []string{"a", "b", "c"} {
		set(t, c, key, 1, "tag")
	}
	for range 2 * SampleEvery {
		c.Get("c")
	}
	c.Get("none")
	c.Delete("c")

	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(g)
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
	want := `
# HELP upshift_cache_budget_bytes Bytes that all caches together may hold.
# TYPE upshift_cache_budget_bytes gauge
upshift_cache_budget_bytes 10000
# HELP upshift_cache_bytes Accounted bytes held.
# TYPE upshift_cache_bytes gauge
upshift_cache_bytes{cache="answers"} 616
# HELP upshift_cache_entries Entries held.
# TYPE upshift_cache_entries gauge
upshift_cache_entries{cache="answers"} 1
# HELP upshift_cache_evictions_total Entries removed for room.
# TYPE upshift_cache_evictions_total counter
upshift_cache_evictions_total{cache="answers",cause="bytes"} 0
upshift_cache_evictions_total{cache="answers",cause="entries"} 1
upshift_cache_evictions_total{cache="answers",cause="pressure"} 0
upshift_cache_evictions_total{cache="answers",cause="resize"} 0
# HELP upshift_cache_hits_total Lookups that found a value.
# TYPE upshift_cache_hits_total counter
upshift_cache_hits_total{cache="answers"} 256
# HELP upshift_cache_invalidations_total Entries removed by key, name, pattern or tag.
# TYPE upshift_cache_invalidations_total counter
upshift_cache_invalidations_total{cache="answers"} 1
# HELP upshift_cache_misses_total Lookups that found none.
# TYPE upshift_cache_misses_total counter
upshift_cache_misses_total{cache="answers"} 1
# HELP upshift_cache_tags Tags that entries or running loads have.
# TYPE upshift_cache_tags gauge
upshift_cache_tags 1
`
	err := testutil.GatherAndCompare(registry, strings.NewReader(want),
		"upshift_cache_budget_bytes", "upshift_cache_bytes", "upshift_cache_entries", "upshift_cache_evictions_total",
		"upshift_cache_hits_total", "upshift_cache_invalidations_total", "upshift_cache_misses_total", "upshift_cache_tags")
	if err != nil {
		t.Error(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	descriptions := make(chan *prometheus.Desc, 100)
	g.Describe(descriptions)
	close(descriptions)
	local := 0
	absent := regexp.MustCompile("cache_(remote|disk)_|_(curve|expected)_hit_ratio") // no second tier, too few lookups
	for d := range descriptions {
		if !absent.MatchString(d.String()) {
			local++
		}
	}
	if len(families) != local {
		t.Errorf("%d families of %d described", len(families), local)
	}
	for _, f := range families {
		if f.GetName() == "upshift_cache_access_duration_seconds" {
			h := f.GetMetric()[0].GetHistogram()
			if h.GetSampleCount() != c.Stats().AccessSamples || h.GetSampleCount() == 0 || h.GetSampleSum() <= 0 {
				t.Errorf("access times: %v", h)
			}
		}
	}
}

// A cache that was asked once has an access time: the first lookup is measured.
func TestTheFirstLookupIsMeasured(t *testing.T) {
	t.Parallel()
	g := newGroup(t, Config{})
	c := named(t, g, "once", Options[int]{})
	c.Get("a")
	if s := g.Stats(); s.MeanAccessSeconds <= 0 || s.Caches["once"].AccessSamples != 1 {
		t.Errorf("got %+v, want one sample above zero", s)
	}
}
