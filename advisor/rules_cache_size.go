package advisor

import (
	"fmt"
	"maps"
	"slices"

	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/gateway"
)

const (
	// wantCurveGain is the gain in hit ratio from which more room is worth a finding.
	wantCurveGain = 0.05
	// enoughOfGain is the share of what the largest size gains with which a smaller one will do.
	enoughOfGain = 0.8
	// wantCertainty is how many standard errors a gain must exceed.
	wantCertainty = 2
)

// smallCache reports each cache that would find much more with more room, by its curve.
func smallCache(s Snapshot) []Finding {
	if s.Cache == nil {
		return nil
	}
	var found []Finding
	for _, name := range slices.Sorted(maps.Keys(s.Cache.Caches)) {
		c := s.Cache.Caches[name]
		now, better, ok := worthMore(c.Curve)
		if !ok {
			continue
		}
		gain := better.HitRatio - now.HitRatio
		f := Finding{
			ID: "cache-too-small-" + name, Type: "cache", Priority: "medium",
			Title: fmt.Sprintf("Cache %q would gain %.0f points of hit rate with %s more", name, 100*gain, inBytes(better.Bytes-now.Bytes)),
			Description: fmt.Sprintf("%q finds %.1f %% of what is asked. With room for %d entries, %g times what it may hold, it would find %.1f %%.",
				name, 100*now.HitRatio, better.Entries, better.Scale, 100*better.HitRatio),
			Action:   roomAction(s.Cache, name, better),
			Evidence: curveEvidence(c),
			ExpectedGain: fmt.Sprintf("%.0f %% fewer misses of %q, by the curve of its own keys, give or take %.1f points",
				100*gain/(1-now.HitRatio), name, 100*wantCertainty*better.ErrorRatio),
			Risk: fmt.Sprintf("low: uses up to %s more memory", inBytes(better.Bytes-now.Bytes)),
		}
		if c.MeanLoadSeconds > 0 && c.CurveLookups > 0 {
			f.Evidence = append(f.Evidence, fmt.Sprintf("a miss takes %.3g s to load", c.MeanLoadSeconds))
		}
		if name == gateway.CacheName {
			f.Evidence = append(f.Evidence, "answers that may not be kept count as misses at every size")
		}
		found = append(found, f)
	}
	return found
}

// worthMore is the point of the present size and the smallest larger one with most of what can be
// gained, if that is enough and more than the error.
func worthMore(curve []cache.CurvePoint) (now, better cache.CurvePoint, ok bool) {
	most := cache.CurvePoint{}
	for _, p := range curve {
		if p.Scale == 1 {
			now = p
		}
		if p.Scale > 1 && p.HitRatio > most.HitRatio {
			most = p
		}
	}
	if now.Scale != 1 || now.HitRatio >= 1 {
		return now, now, false
	}
	for _, p := range curve {
		gain := p.HitRatio - now.HitRatio
		if p.Scale > 1 && gain >= wantCurveGain && gain > wantCertainty*p.ErrorRatio &&
			gain >= enoughOfGain*(most.HitRatio-now.HitRatio) {
			return now, p, true
		}
	}
	return now, now, false
}

// roomAction is how the cache gets its room. Its figures follow from the bounds, so that it does not
// change with every reading.
func roomAction(c *cache.Stats, name string, to cache.CurvePoint) string {
	n, key := c.Caches[name], "cache.caches."+name
	times := func(n int64) int64 { return int64(to.Scale * float64(n)) }
	entries := fmt.Sprintf("%s.max_size to %d", key, times(int64(n.MaxEntries)))
	bytes := fmt.Sprintf("%s.max_bytes to %s and cache.max_bytes to %s",
		key, inBytes(times(n.MaxBytes)), inBytes(c.MaxBytes+times(n.MaxBytes)-n.MaxBytes))
	switch {
	case to.Bytes <= n.MaxBytes:
		return "Set " + entries + "."
	case to.Entries <= n.MaxEntries:
		return "Set " + bytes + "."
	}
	return "Set " + entries + ", " + bytes + "."
}

// curveEvidence are the points of a curve.
func curveEvidence(c cache.NamedStats) []string {
	out := []string{fmt.Sprintf("%d lookups since its size last changed", c.CurveLookups)}
	for _, p := range c.Curve {
		out = append(out, fmt.Sprintf("at %g times the size: %.1f %% found, %d entries, %s", p.Scale, 100*p.HitRatio, p.Entries, inBytes(p.Bytes)))
	}
	return out
}

// inBytes is a number of bytes as the configuration takes it, rounded up.
func inBytes(n int64) string {
	unit, name := int64(1), "B"
	for _, larger := range []string{"KiB", "MiB", "GiB"} {
		if n < 10*unit<<10 {
			break
		}
		unit, name = unit<<10, larger
	}
	return fmt.Sprintf("%d%s", (max(n, 0)+unit-1)/unit, name)
}
