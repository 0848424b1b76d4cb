package advisor

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/sentientcore/upshift/memory"
)

// minPoolGets is how often a pool must have been asked before it is judged.
const minPoolGets = 100

func memoryLeaks(s Snapshot) []Finding {
	if s.Memory == nil || len(s.Memory.Leaks) == 0 {
		return nil
	}
	return []Finding{{
		ID: "memory-leaks", Type: "memory", Priority: "critical",
		Title:        "Memory leaks suspected",
		Description:  fmt.Sprintf("%d places grow without falling back.", len(s.Memory.Leaks)),
		Action:       "Open the stack of each on the memory page and release what it keeps.",
		Evidence:     leakSites(s.Memory.Leaks),
		ExpectedGain: "stops the growth before the limit is reached",
		Risk:         "none: needs a change of code",
	}}
}

// leakSites lists up to three sites, those that grow fastest first.
func leakSites(leaks []memory.Leak) []string {
	leaks = slices.SortedStableFunc(slices.Values(leaks), func(a, b memory.Leak) int {
		return cmp.Compare(b.GrowthBytesPerSecond, a.GrowthBytesPerSecond)
	})
	lines := []string{}
	for _, l := range leaks[:min(3, len(leaks))] {
		lines = append(lines, fmt.Sprintf("%s (%s, %s): %.0f bytes/s", l.Site, l.Kind, l.Confidence, l.GrowthBytesPerSecond))
	}
	return lines
}

func highMemory(s Snapshot) []Finding {
	if s.Memory == nil {
		return nil
	}
	used, threshold := memoryUsedPercent(s), s.Thresholds.WithDefaults().MemoryUsagePercent
	if used <= threshold {
		return nil
	}
	return []Finding{{
		ID: "memory-high-usage", Type: "memory", Priority: "high",
		Title:        "High memory use",
		Description:  fmt.Sprintf("%.1f %% of memory is in use; the threshold is %.0f %%.", used, threshold),
		Action:       "Lower cache.max_bytes, raise the limit, or find the growth on the memory page.",
		Evidence:     []string{fmt.Sprintf("this process holds %d MiB", s.Memory.Process.RSSAnonBytes>>20)},
		ExpectedGain: "no swapping and no out-of-memory kill",
		Risk:         "low: a smaller cache misses more",
	}}
}

func lowPoolHitRatio(s Snapshot) []Finding {
	if s.Memory == nil {
		return nil
	}
	var found []Finding
	for _, name := range slices.Sorted(maps.Keys(s.Memory.Pools)) {
		p := s.Memory.Pools[name]
		if p.Hits+p.Misses < minPoolGets || p.HitRatio >= 0.5 {
			continue
		}
		found = append(found, Finding{
			ID: "memory-pool-low-hit-rate-" + name, Type: "memory", Priority: "medium",
			Title:        fmt.Sprintf("Buffer pool %q is too small", name),
			Description:  fmt.Sprintf("Only %.0f %% of requests for a buffer find one.", 100*p.HitRatio),
			Action:       "Raise memory.pool_sizes." + name + ", or check that buffers are put back.",
			Evidence:     []string{fmt.Sprintf("%d hits, %d misses, at most %d kept", p.Hits, p.Misses, p.Max)},
			ExpectedGain: "fewer allocations",
			Risk:         "low: keeps more memory",
		})
	}
	return found
}
