package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/sentientcore/upshift/cache"
)

// CacheFigures are those of one cache or of all together.
type CacheFigures struct {
	// HitRate and MissRate are 0 to 1.
	HitRate       float64 `json:"hit_rate"`
	MissRate      float64 `json:"miss_rate"`
	TotalRequests uint64  `json:"total_requests"`
	// CacheSize is in bytes, as is MaxSize; MemoryUsagePercent their share.
	CacheSize          int64   `json:"cache_size"`
	MaxSize            int64   `json:"max_size"`
	MemoryUsagePercent float64 `json:"memory_usage_percent"`
	TotalEntries       int     `json:"total_entries"`
	Evictions          uint64  `json:"evictions"`
	HitCount           uint64  `json:"hit_count"`
	MissCount          uint64  `json:"miss_count"`
	// AverageAccessTime is in seconds.
	AverageAccessTime float64 `json:"average_access_time"`
	// TimeSaved are the seconds of loads that hits spared, MoneySaved their prices, in the unit of
	// the cache.
	TimeSaved  float64 `json:"time_saved"`
	MoneySaved float64 `json:"money_saved"`
	// Policy is the plan of eviction in force in one cache.
	Policy string `json:"policy,omitempty"`
	// StaleHits are hits on a value beyond its time to live, StaleOnErrors those because a load failed.
	StaleHits     uint64 `json:"stale_hits"`
	StaleOnErrors uint64 `json:"stale_on_errors"`
	// Refreshes are loads in the background, RefreshErrors those of them that failed.
	Refreshes     uint64 `json:"refreshes"`
	RefreshErrors uint64 `json:"refresh_errors"`
	// NegativeHits are hits on keys known to have no value, NegativeEntries the keys remembered.
	NegativeHits    uint64 `json:"negative_hits"`
	NegativeEntries int    `json:"negative_entries"`
}

// CacheStats is the whole cache.
type CacheStats struct {
	Enabled bool `json:"enabled"`
	CacheFigures
	Caches     map[string]NamedCache `json:"caches"`
	RedisCache RedisCache            `json:"redis_cache"`
	DiskCache  DiskCache             `json:"disk_cache"`
	Warnings   []string              `json:"warnings"`
}

// RedisCache is the second tier.
type RedisCache struct {
	Enabled   bool `json:"enabled"`
	Connected bool `json:"connected"`
	// UsedMemory is in bytes.
	UsedMemory             int64 `json:"used_memory"`
	ConnectedClients       int64 `json:"connected_clients"`
	TotalCommandsProcessed int64 `json:"total_commands_processed"`
}

// DiskCache is the second tier of one process in a directory.
type DiskCache struct {
	Enabled bool `json:"enabled"`
	Open    bool `json:"open"`
	// UsedBytes is what its files take, MaxSize what they may.
	UsedBytes    int64  `json:"used_bytes"`
	MaxSize      int64  `json:"max_size"`
	TotalEntries int    `json:"total_entries"`
	HitCount     uint64 `json:"hit_count"`
	MissCount    uint64 `json:"miss_count"`
	Evictions    uint64 `json:"evictions"`
	Errors       uint64 `json:"errors"`
	// Damaged are values and files that could not be trusted.
	Damaged uint64 `json:"damaged"`
}

func diskView(d cache.DiskStats) DiskCache {
	return DiskCache{
		Enabled: d.Enabled, Open: d.Open, UsedBytes: d.Bytes, MaxSize: d.MaxBytes, TotalEntries: d.Entries,
		HitCount: d.Hits, MissCount: d.Misses, Evictions: d.Evicted, Errors: d.Errors, Damaged: d.Malformed + d.Damaged,
	}
}

func (s *Server) cacheStats(context.Context, *none) (*answer[CacheStats], error) {
	if s.parts.Cache == nil {
		return ok(CacheStats{Caches: map[string]NamedCache{}, Warnings: []string{}})
	}
	return ok(cacheView(s.parts.Cache.Stats()))
}

func cacheView(c cache.Stats) CacheStats {
	v := CacheStats{
		Enabled: true,
		CacheFigures: CacheFigures{
			HitRate: c.HitRatio, MissRate: c.MissRatio, TotalRequests: c.Requests, CacheSize: c.Bytes, MaxSize: c.MaxBytes,
			MemoryUsagePercent: 100 * c.MemoryUsageRatio, TotalEntries: c.Entries, Evictions: c.Evictions,
			HitCount: c.Hits, MissCount: c.Misses, AverageAccessTime: c.MeanAccessSeconds,
			TimeSaved: c.TimeSaved, MoneySaved: c.MoneySaved,
			StaleHits: c.StaleHits, StaleOnErrors: c.StaleOnErrors, Refreshes: c.Refreshes, RefreshErrors: c.RefreshErrors,
			NegativeHits: c.NegativeHits, NegativeEntries: c.NegativeEntries,
		},
		Caches: make(map[string]NamedCache, len(c.Caches)),
		RedisCache: RedisCache{
			Enabled: c.Redis.Enabled, Connected: c.Redis.Connected, UsedMemory: c.Redis.UsedMemoryBytes,
			ConnectedClients: c.Redis.ConnectedClients, TotalCommandsProcessed: c.Redis.CommandsProcessed,
		},
		DiskCache: diskView(c.Disk),
		Warnings:  append([]string{}, c.Warnings...),
	}
	for name, n := range c.Caches {
		v.Caches[name] = namedView(n)
	}
	return v
}

func figuresOf(n cache.NamedStats) CacheFigures {
	f := CacheFigures{
		HitRate: n.HitRatio, MissRate: n.MissRatio, TotalRequests: n.Requests, CacheSize: n.Bytes, MaxSize: n.MaxBytes,
		TotalEntries: n.Entries, Evictions: n.Evictions, HitCount: n.Hits, MissCount: n.Misses,
		AverageAccessTime: n.MeanAccessSeconds, TimeSaved: n.TimeSaved, MoneySaved: n.MoneySaved, Policy: n.Policy,
		StaleHits: n.StaleHits, StaleOnErrors: n.StaleOnErrors, Refreshes: n.Refreshes, RefreshErrors: n.RefreshErrors,
		NegativeHits: n.NegativeHits, NegativeEntries: n.NegativeEntries,
	}
	if n.MaxBytes > 0 {
		f.MemoryUsagePercent = 100 * float64(n.Bytes) / float64(n.MaxBytes)
	}
	return f
}

type clearInput struct {
	CacheType string `query:"cache_type" maxLength:"128" doc:"One cache by name; all when nothing is given."`
	Pattern   string `query:"pattern" maxLength:"512" doc:"Keys by glob."`
	Tag       string `query:"tag" maxLength:"512" doc:"Entries by tag."`
}

// Cleared is how many entries went.
type Cleared struct {
	Entries int `json:"entries"`
}

func (s *Server) cacheClear(ctx context.Context, in *clearInput) (*answer[Cleared], error) {
	group := s.parts.Cache
	if group == nil {
		return nil, off("cache", "cache.enabled: true")
	}
	given := 0
	for _, v := range []string{in.CacheType, in.Pattern, in.Tag} {
		if v != "" {
			given++
		}
	}
	if given > 1 {
		return nil, problem(http.StatusBadRequest, "cache_type, pattern and tag cannot be combined", "give one of them")
	}
	switch {
	case in.CacheType != "":
		n, err := group.Clear(ctx, in.CacheType)
		if errors.Is(err, cache.ErrUnknownCache) {
			return nil, problem(http.StatusNotFound, fmt.Sprintf("there is no cache %q", in.CacheType),
				"known: "+strings.Join(group.Names(), ", "))
		}
		if err != nil {
			return nil, fault(http.StatusBadGateway, err, "")
		}
		return said(Cleared{n}, fmt.Sprintf("cache %s cleared", in.CacheType))
	case in.Pattern != "":
		return said(Cleared{group.ClearPattern(ctx, in.Pattern)}, "entries matching "+in.Pattern+" cleared")
	case in.Tag != "":
		return said(Cleared{group.ClearTag(ctx, in.Tag)}, "entries tagged "+in.Tag+" cleared")
	}
	return said(Cleared{group.ClearAll(ctx)}, "all caches cleared")
}

func (s *Server) cacheOptimize(ctx context.Context, _ *none) (*answer[map[string]CacheOptimization], error) {
	if s.parts.Cache == nil {
		return nil, off("cache", "cache.enabled: true")
	}
	moved, err := s.parts.Cache.Optimize(ctx)
	if err != nil {
		return nil, fault(http.StatusBadGateway, err, "")
	}
	done, message := optimizationView(moved)
	return said(done, message)
}
