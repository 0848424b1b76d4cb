package api

import (
	"fmt"
	"strings"
	"time"

	"github.com/sentientcore/upshift/cache"
)

// NamedCache is one cache.
type NamedCache struct {
	CacheFigures
	// MaxEntries are the entries it may hold.
	MaxEntries int `json:"max_entries"`
	// Loads ended, LoadErrors of them failed; AverageLoadTime is in seconds.
	Loads           uint64  `json:"loads"`
	LoadErrors      uint64  `json:"load_errors"`
	AverageLoadTime float64 `json:"average_load_time"`
	// Curve is what it would be at other sizes, smallest first; empty while too little was asked since
	// its size last changed. It rests on CurveLookups.
	Curve        []CachePoint `json:"curve"`
	CurveLookups uint64       `json:"curve_lookups"`
	// Optimized is what came of its size being moved; absent when it was not.
	Optimized *CacheOutcome `json:"optimized,omitempty"`
}

// CachePoint is a cache at another size.
type CachePoint struct {
	// Scale is the size in parts of the present one; Bytes and Entries are what it would hold.
	Scale   float64 `json:"scale"`
	Bytes   int64   `json:"bytes"`
	Entries int     `json:"entries"`
	// HitRate is 0 to 1, Error its standard error: 0 where all keys were followed.
	HitRate float64 `json:"hit_rate"`
	Error   float64 `json:"error"`
}

// CacheOutcome is what was expected and what was measured since.
type CacheOutcome struct {
	At              time.Time `json:"at"`
	ExpectedHitRate float64   `json:"expected_hit_rate"`
	HitRate         float64   `json:"hit_rate"`
	Lookups         uint64    `json:"lookups"`
}

func namedView(n cache.NamedStats) NamedCache {
	v := NamedCache{
		CacheFigures: figuresOf(n), MaxEntries: n.MaxEntries,
		Loads: n.Loads, LoadErrors: n.LoadErrors, AverageLoadTime: n.MeanLoadSeconds,
		Curve: make([]CachePoint, 0, len(n.Curve)), CurveLookups: n.CurveLookups,
	}
	for _, p := range n.Curve {
		v.Curve = append(v.Curve, CachePoint{
			Scale: p.Scale, Bytes: p.Bytes, Entries: p.Entries, HitRate: p.HitRatio, Error: p.ErrorRatio,
		})
	}
	if e := n.Expected; e != nil {
		v.Optimized = &CacheOutcome{At: e.At, ExpectedHitRate: e.HitRatio, HitRate: e.Measured, Lookups: e.Lookups}
	}
	return v
}

// CacheOptimization is what moving room did to one cache.
type CacheOptimization struct {
	// Before and After are the bytes it may hold, BeforeEntries and AfterEntries the entries.
	Before        int64 `json:"before"`
	After         int64 `json:"after"`
	BeforeEntries int   `json:"before_entries"`
	AfterEntries  int   `json:"after_entries"`
	// HitRate was measured since its size last changed, ExpectedHitRate is expected from now on; 0 to 1.
	HitRate         float64 `json:"hit_rate"`
	ExpectedHitRate float64 `json:"expected_hit_rate"`
	// SavedSecondsPerHour is the load time that is expected to be saved; below zero where it gave room.
	SavedSecondsPerHour float64 `json:"saved_seconds_per_hour"`
	// Reason says why it has what it has.
	Reason string `json:"reason"`
}

// optimizationView is what was done, and a sentence about it.
func optimizationView(all []cache.Optimization) (map[string]CacheOptimization, string) {
	done := make(map[string]CacheOptimization, len(all))
	var moved []string
	saved := 0.0
	for _, o := range all {
		done[o.Name] = CacheOptimization{
			Before: o.BeforeBytes, After: o.AfterBytes, BeforeEntries: o.BeforeEntries, AfterEntries: o.AfterEntries,
			HitRate: o.HitRatio, ExpectedHitRate: o.ExpectedHitRatio, SavedSecondsPerHour: o.SavedSeconds, Reason: o.Why,
		}
		if o.Moved() {
			moved = append(moved, o.Name)
			saved += o.SavedSeconds
		}
	}
	if moved == nil {
		return done, fmt.Sprintf("%d caches looked at, nothing moved", len(all))
	}
	return done, fmt.Sprintf("room moved between %s: %.3g s of loading an hour are expected to be saved",
		strings.Join(moved, ", "), saved)
}
