package cache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestClearByName(t *testing.T) {
	t.Parallel()
	g := newGroup(t, Config{})
	if _, err := g.Clear(t.Context(), "answers"); !errors.Is(err, ErrUnknownCache) || !strings.Contains(err.Error(), "there are none") {
		t.Errorf("without caches: %v", err)
	}
	a, b := named(t, g, "answers", Options[int]{}), named(t, g, "tools", Options[string]{})
	for i := range 5 {
		set(t, a, strconv.Itoa(i), i)
		set(t, b, strconv.Itoa(i), "v")
	}
	if n, err := g.Clear(t.Context(), "answers"); n != 5 || err != nil {
		t.Errorf("cleared %d, %v", n, err)
	}
	if a.Exists("1") || !b.Exists("1") {
		t.Error("cleared the wrong one")
	}
	_, err := g.Clear(t.Context(), "tool")
	var unknown *UnknownCacheError
	if !errors.Is(err, ErrUnknownCache) || !errors.As(err, &unknown) || !slices.Equal(unknown.Known, []string{"answers", "tools"}) {
		t.Errorf("unknown name: %v", err)
	}
	set(t, a, "x", 1)
	if n := g.ClearAll(t.Context()); n != 6 {
		t.Errorf("cleared %d, want 6", n)
	}
	if s := g.Stats(); s.Entries != 0 || s.Bytes != 0 || s.Invalidations != 11 {
		t.Errorf("%d entries, %d bytes, %d invalidated", s.Entries, s.Bytes, s.Invalidations)
	}
}

func TestClearByPattern(t *testing.T) {
	t.Parallel()
	g := newGroup(t, Config{})
	a, b := named(t, g, "a", Options[int]{}), named(t, g, "b", Options[int]{})
	for _, key := range []string{"user:1:x", "user:2:x", "user:1/y", "team:1"} {
		set(t, a, key, 1)
		set(t, b, key, 1)
	}
	if n := a.ClearPattern("user:2*"); n != 1 || !b.Exists("user:2:x") {
		t.Errorf("cleared %d of one cache", n)
	}
	if n := g.ClearPattern(t.Context(), "user:1*"); n != 4 {
		t.Errorf("cleared %d, want 4", n)
	}
	if !a.Exists("team:1") || !b.Exists("user:2:x") {
		t.Error("cleared what does not match")
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if n := g.ClearPattern(over, "*"); n != 0 || !a.Exists("team:1") {
		t.Errorf("cleared %d with a context that is over", n)
	}
}

func TestShares(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		budget int64
		asks   map[string]int64 // zero does not ask
		want   map[string]int64
	}{
		{"alone", 1000, map[string]int64{"a": 0}, map[string]int64{"a": 1000}},
		{"equal", 1000, map[string]int64{"a": 0, "b": 0, "c": 0}, map[string]int64{"a": 333, "b": 333, "c": 333}},
		{"one asks", 1000, map[string]int64{"a": 600, "b": 0, "c": 0}, map[string]int64{"a": 600, "b": 200, "c": 200}},
		{"asks for little", 1000, map[string]int64{"a": 10}, map[string]int64{"a": 10}},
		{"asks for all", 1200, map[string]int64{"a": 1200, "b": 0, "c": 0}, map[string]int64{"a": 1000, "b": 100, "c": 100}},
		{"asks for more", 1200, map[string]int64{"a": maxBytes, "b": 0, "c": 0}, map[string]int64{"a": 1000, "b": 100, "c": 100}},
		{"all ask for more", 1000, map[string]int64{"a": 3000, "b": 750, "c": 250}, map[string]int64{"a": 500, "b": 375, "c": 125}},
		{"huge", maxBytes, map[string]int64{"a": maxBytes, "b": maxBytes}, map[string]int64{"a": maxBytes / 2, "b": maxBytes / 2}},
		{"nothing to share", 1, map[string]int64{"a": 0, "b": 0}, map[string]int64{"a": 0, "b": 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := newGroup(t, Config{MaxBytes: tt.budget})
			for name, ask := range tt.asks {
				named(t, g, name, Options[int]{Limits: Limits{MaxBytes: ask}})
			}
			if got := g.Shares(); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			for name, n := range g.Stats().Caches {
				if n.MaxBytes != tt.want[name] {
					t.Errorf("%s may hold %d bytes", name, n.MaxBytes)
				}
			}
		})
	}
}

// Whatever is asked, the shares are within the budget, nobody gets more than asked, and who does
// not ask gets a quarter of an equal split.
func TestSharesHold(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(9, 9))
	for range 300 {
		budget := 1 + r.Int64N(int64(1)<<(1+r.IntN(50)))
		g := newGroup(t, Config{MaxBytes: budget})
		asks := map[string]int64{}
		for i := range 1 + r.IntN(12) {
			name := fmt.Sprint("c", i)
			if r.IntN(2) == 0 {
				asks[name] = 1 + r.Int64N(maxBytes)
				if r.IntN(2) == 0 {
					asks[name] = 1 + r.Int64N(budget)
				}
			}
			named(t, g, name, Options[int]{Limits: Limits{MaxBytes: asks[name]}})
		}
		sum, shares := int64(0), g.Shares()
		for name, share := range shares {
			sum += share
			if ask := asks[name]; ask > 0 && share > ask {
				t.Errorf("%s asked for %d and got %d", name, ask, share)
			}
			if asks[name] == 0 && share < budget/int64(len(shares))/keptBack {
				t.Errorf("%s got %d of %d among %d", name, share, budget, len(shares))
			}
		}
		if sum > budget {
			t.Errorf("shares %v add up to %d of %d", shares, sum, budget)
		}
	}
}

func TestApply(t *testing.T) {
	t.Parallel()
	g := newGroup(t, Config{MaxBytes: 200_000, MaxEntries: 100})
	a := named(t, g, "a", Options[int]{Cost: func(int) int64 { return 100 }})
	b := named(t, g, "b", Options[int]{Cost: func(int) int64 { return 100 }})
	for i := range 100 {
		set(t, a, strconv.Itoa(i), i)
		set(t, b, strconv.Itoa(i), i)
	}
	if s := g.Stats(); s.Entries != 200 || s.Evictions != 0 {
		t.Fatalf("%d entries, %d evicted", s.Entries, s.Evictions)
	}
	err := g.Apply(Config{MaxBytes: 200_000, Caches: map[string]NamedConfig{
		"a": {MaxEntries: 10, TTL: time.Minute}, "b": {MaxBytes: 20_000},
	}})
	if err != nil {
		t.Fatal(err)
	}
	s := g.Stats()
	if n := s.Caches["a"]; n.Entries != 10 || n.MaxEntries != 10 || n.EvictionsByCause["resize"] != 90 || n.TTLSeconds != 60 {
		t.Errorf("a: %+v", n)
	}
	if n := s.Caches["b"]; n.Bytes > 20_000 || n.Bytes < 19_000 || n.MaxBytes != 20_000 || n.MaxEntries != DefaultMaxEntries {
		t.Errorf("b: %+v", n)
	}
	if shares := g.Shares(); shares["a"] != 180_000 {
		t.Errorf("shares %v", shares)
	}
	// An invalid one changes nothing.
	if err := g.Apply(Config{MaxEntries: -1}); err == nil || !strings.Contains(err.Error(), "cache.max_size") {
		t.Errorf("invalid: %v", err)
	}
	if n := g.Stats().Caches["a"].MaxEntries; n != 10 {
		t.Errorf("an invalid configuration set max_size to %d", n)
	}
	checkStore(t, a.store)
	checkStore(t, b.store)
}

func TestShrink(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		ratio float64
		want  int
	}{{0.85, 75}, {1, 50}, {1.3, 50}, {math.Inf(1), 50}, {0, 100}, {-1, 100}, {math.NaN(), 100}} {
		g := newGroup(t, Config{MaxEntries: 100})
		a, b := named(t, g, "a", Options[int]{}), named(t, g, "b", Options[int]{})
		for i := range 100 {
			set(t, a, fmt.Sprintf("%02d", i), i)
			set(t, b, fmt.Sprintf("%02d", i), i)
		}
		for range 2 {
			a.Get("00") // the oldest, and used
		}
		set(t, a, "aa", 100) // evicts one, which is remembered
		g.Shrink(tt.ratio)
		s := g.Stats()
		if s.Caches["a"].Entries != tt.want || s.Caches["b"].Entries != tt.want {
			t.Errorf("ratio %v: %d and %d entries, want %d", tt.ratio, s.Caches["a"].Entries, s.Caches["b"].Entries, tt.want)
		}
		if got := s.Caches["a"].EvictionsByCause["pressure"]; got != uint64(100-tt.want) {
			t.Errorf("ratio %v: %d evicted by pressure", tt.ratio, got)
		}
		if !a.Exists("00") {
			t.Errorf("ratio %v: what is used went before what is not", tt.ratio)
		}
		if met := a.store.order.sketch.met; (met == 0) != (tt.want < 100) {
			t.Errorf("ratio %v: %d accesses remembered", tt.ratio, met)
		}
		checkStore(t, a.store)
	}
}

func TestStats(t *testing.T) {
	t.Parallel()
	g := newGroup(t, Config{MaxBytes: 1000, RedisURL: "redis://:secret@host:6379/0"})
	s := g.Stats()
	if s.HitRatio != 0 || s.MissRatio != 0 || s.Caches == nil || s.MemoryUsageRatio != 0 || s.Redis.Enabled {
		t.Errorf("at first: %+v", s)
	}
	if len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "redis_url") || strings.Contains(s.Warnings[0], "secret") {
		t.Errorf("warnings %q", s.Warnings)
	}
	c := named(t, g, "test", Options[[]string]{Cost: func([]string) int64 { return 500 - EntryOverheadBytes - 1 }})
	set(t, c, "k", nil)
	c.Get("k")
	s = g.Stats()
	if s.Bytes != 500 || s.MemoryUsageRatio != 0.5 || s.HitRatio != 1 || s.Caches["test"].Type != "[]string" {
		t.Errorf("then: %+v", s)
	}
	if !reflect.DeepEqual(s.Caches["test"].EvictionsByCause, map[string]uint64{"bytes": 0, "entries": 0, "pressure": 0, "resize": 0}) {
		t.Errorf("causes %v", s.Caches["test"].EvictionsByCause)
	}
	if _, err := json.Marshal(s); err != nil {
		t.Errorf("not to be shown: %v", err)
	}
}
