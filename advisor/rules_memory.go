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

// minPressurePercent of a minute spent waiting for memory is worth a word.
const minPressurePercent = 10

// memoryLeaks is as urgent as the surest leak, and at once if the limit is a day away.
func memoryLeaks(s Snapshot) []Finding {
	if s.Memory == nil || len(s.Memory.Leaks) == 0 {
		return nil
	}
	priority, title := "medium", "Memory leaks suspected"
	for _, l := range s.Memory.Leaks {
		near := l.SecondsToLimit > 0 && l.SecondsToLimit < 24*3600
		switch {
		case l.Confidence == memory.LeakConfirmed, l.Confidence == memory.LeakProbable && near:
			priority, title = "critical", "Memory leaks"
		case l.Confidence == memory.LeakProbable && priority == "medium":
			priority = "high"
		}
	}
	return []Finding{{
		ID: "memory-leaks", Type: "memory", Priority: priority,
		Title:        title,
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
		line := fmt.Sprintf("%s (%s, %s): %.0f bytes/s", l.Site, l.Kind, l.Confidence, l.GrowthBytesPerSecond)
		if l.GrowthMarginBytesPerSecond > 0 {
			line += fmt.Sprintf(" ± %.0f", l.GrowthMarginBytesPerSecond)
		}
		if l.SecondsToLimit > 0 {
			line += fmt.Sprintf(", reaches the limit in %.1f h", l.SecondsToLimit/3600)
		}
		lines = append(lines, line)
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
	evidence := []string{fmt.Sprintf("this process holds %d MiB", s.Memory.Process.RSSAnonBytes>>20)}
	if reason := s.Memory.RSS.Reason; reason != "" {
		evidence = append(evidence, reason)
	}
	for _, site := range s.Memory.TopSites[:min(3, len(s.Memory.TopSites))] {
		evidence = append(evidence, fmt.Sprintf("%s keeps %.1f MiB", site.Site, float64(site.Bytes)/(1<<20)))
	}
	return []Finding{{
		ID: "memory-high-usage", Type: "memory", Priority: "high",
		Title:        "High memory use",
		Description:  fmt.Sprintf("%.1f %% of memory is in use; the threshold is %.0f %%.", used, threshold),
		Action:       "Lower cache.max_bytes, raise the limit, or find the growth on the memory page.",
		Evidence:     evidence,
		ExpectedGain: "no swapping and no out-of-memory kill",
		Risk:         "low: a smaller cache misses more",
	}}
}

// collectorNearLimit is what the tuner cannot help: live memory near the limit.
func collectorNearLimit(s Snapshot) []Finding {
	if s.Memory == nil || s.Memory.Tuner.Alarm == "" {
		return nil
	}
	priority := "high"
	if s.Memory.Tuner.State == memory.TunerFull {
		priority = "critical"
	}
	return []Finding{{
		ID: "memory-live-near-limit", Type: "memory", Priority: priority,
		Title:        "Live memory is near the limit",
		Description:  "What is in use leaves little room between collections, so that they come often.",
		Action:       "Raise the memory limit, lower cache.max_bytes, or take on less work.",
		Evidence:     []string{s.Memory.Tuner.Alarm, fmt.Sprintf("collecting took %.1f %% of the processor since start", 100*s.Memory.GC.CPUFraction)},
		ExpectedGain: "less processor time for collecting, and no out-of-memory kill",
		Risk:         "low: a smaller cache misses more",
	}}
}

// waitingForMemory speaks of tasks that the kernel kept waiting for memory.
func waitingForMemory(s Snapshot) []Finding {
	if s.Memory == nil || s.Memory.Pressure.Some60 < minPressurePercent {
		return nil
	}
	p := s.Memory.Pressure
	return []Finding{{
		ID: "memory-pressure", Type: "memory", Priority: "high",
		Title:        "Tasks wait for memory",
		Description:  fmt.Sprintf("In %.0f %% of the last minute something waited for memory.", p.Some60),
		Action:       "Raise the memory limit, or move what else runs here.",
		Evidence:     []string{fmt.Sprintf("%s: some %.1f %%, all %.1f %% of the last minute", p.Source, p.Some60, p.Full60)},
		ExpectedGain: "no time lost to reclaiming and swapping",
		Risk:         "none",
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
