package advisor

import (
	"fmt"
	"maps"
	"slices"

	"github.com/sentientcore/upshift/gateway"
)

// wantHitRatio is the hit ratio below which a cache costs points and is reported.
const wantHitRatio = 0.8

// notForCaches are the misses of the gateway's cache that no cache can help: answers that
// their server does not let be kept.
func notForCaches(s Snapshot) uint64 {
	if s.Gateway == nil {
		return 0
	}
	misses := s.Cache.Caches[gateway.CacheName].Misses
	return misses - min(misses, s.Gateway.CacheStored+s.Gateway.CacheRejected)
}

// without are the requests, and the share of hits in them, once so many misses are left out.
func without(skipped, requests, hits uint64, ratio float64) (uint64, float64) {
	if skipped == 0 || skipped > requests {
		return requests, ratio
	}
	requests -= skipped
	return requests, float64(hits) / float64(max(requests, 1))
}

// lowHitRatio reports each named cache that misses too often.
func lowHitRatio(s Snapshot) []Finding {
	if s.Cache == nil {
		return nil
	}
	var found []Finding
	for _, name := range slices.Sorted(maps.Keys(s.Cache.Caches)) {
		c := s.Cache.Caches[name]
		if name == gateway.CacheName {
			skipped := notForCaches(s)
			c.Requests, c.HitRatio = without(skipped, c.Requests, c.Hits, c.HitRatio)
			c.Misses -= skipped
		}
		if c.Requests < minCacheRequests || c.HitRatio >= wantHitRatio {
			continue
		}
		found = append(found, Finding{
			ID: "cache-low-hit-rate-" + name, Type: "cache", Priority: "high",
			Title:       fmt.Sprintf("Low hit rate of cache %q", name),
			Description: fmt.Sprintf("Only %.1f %% of look-ups in %q are answered from memory.", 100*c.HitRatio, name),
			Action:      "Check that its keys hold nothing that changes with every request; then raise its TTL or size.",
			Evidence: []string{
				fmt.Sprintf("%d hits, %d misses", c.Hits, c.Misses),
				fmt.Sprintf("%d evictions, %d entries", c.Evictions, c.Entries),
			},
			ExpectedGain: fmt.Sprintf("up to %.0f %% fewer backend requests, if the misses repeat", 100*(wantHitRatio-c.HitRatio)),
			Risk:         "low: a longer TTL can serve older answers",
		})
	}
	return found
}

// evictionPressure reports a cache that throws out about as much as it stores.
func evictionPressure(s Snapshot) []Finding {
	if s.Cache == nil || s.Cache.Requests < minCacheRequests || s.Cache.MemoryUsageRatio < 0.9 {
		return nil
	}
	if s.Cache.Evictions*2 < s.Cache.Misses {
		return nil
	}
	return []Finding{{
		ID: "cache-eviction-pressure", Type: "cache", Priority: "medium",
		Title: "The cache is full and evicts what it just stored",
		Description: fmt.Sprintf("%d evictions for %d misses while %.0f %% of its memory is in use.",
			s.Cache.Evictions, s.Cache.Misses, 100*s.Cache.MemoryUsageRatio),
		Action:       "Raise cache.max_bytes or cache.max_size, or give rarely used named caches less.",
		Evidence:     []string{fmt.Sprintf("%d of %d bytes in use", s.Cache.Bytes, s.Cache.MaxBytes)},
		ExpectedGain: "more hits; how many, the curve of each cache in /cache/stats tells",
		Risk:         "low: uses more memory",
	}}
}
