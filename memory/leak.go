package memory

import (
	"math"
	"time"
)

// Leak is a place that keeps allocating and does not let go.
type Leak struct {
	// Kind is "heap" or "goroutine". Site is where: function, file and line of the innermost
	// frame that belongs neither to the runtime nor to the standard library.
	Kind string `json:"kind"`
	Site string `json:"site"`
	// Confidence is "suspect", "probable" or "confirmed".
	Confidence string `json:"confidence"`
	// GrowthBytesPerSecond is the estimate, give or take GrowthMarginBytesPerSecond at 95 %.
	// Of goroutines it counts their stacks.
	GrowthBytesPerSecond       float64 `json:"growth_bytes_per_second"`
	GrowthMarginBytesPerSecond float64 `json:"growth_margin_bytes_per_second"`
	// GrowthObjectsPerSecond counts objects, or goroutines.
	GrowthObjectsPerSecond float64 `json:"growth_objects_per_second"`
	// Bytes and Objects are what the place keeps now.
	Bytes   int64 `json:"bytes"`
	Objects int64 `json:"objects"`
	// FirstSeen is where the steady growth begins, or the oldest of it that is still known;
	// LastSeen when it last held.
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
	// SecondsToLimit is when memory reaches the limit at this rate, all else unchanged; 0
	// where no limit is known.
	SecondsToLimit float64 `json:"seconds_to_limit"`
	// Stack is the path that keeps most, innermost first: "function file:line".
	Stack []string `json:"stack"`
}

func (s *siteState) leak() Leak {
	l := Leak{
		Kind: s.use.Kind, Site: s.use.Site, Confidence: s.level, FirstSeen: s.since.UTC(), LastSeen: s.seen.UTC(),
		Bytes: int64(s.use.Bytes), Objects: int64(s.use.Count), Stack: s.use.Stack,
	}
	if l.Stack == nil {
		l.Stack = stackText(s.use.frames)
	}
	each := 0.0
	if s.use.Count > 0 {
		each = s.use.Bytes / s.use.Count
	}
	if s.use.Kind == LeakGoroutine {
		l.GrowthObjectsPerSecond = s.current.slope
		l.GrowthBytesPerSecond = s.current.slope * each
		l.GrowthMarginBytesPerSecond = s.current.margin * each
		return l
	}
	l.GrowthBytesPerSecond, l.GrowthMarginBytesPerSecond = s.current.slope, s.current.margin
	if each > 0 {
		l.GrowthObjectsPerSecond = s.current.slope / each
	}
	return l
}

// toLimit sets SecondsToLimit.
func (l *Leak) toLimit(used, limit int64) {
	if limit <= 0 || l.GrowthBytesPerSecond <= 0 {
		return
	}
	l.SecondsToLimit = min(float64(max(limit-used, 0))/l.GrowthBytesPerSecond, math.MaxInt32)
}
