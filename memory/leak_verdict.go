package memory

import (
	"math"
	"time"
)

// What a trend must show to be taken for a leak. The figures were fixed on simulated
// series; see leak_simulation_test.go, which holds them to fresh ones.
const (
	leakWindow   = 18 * time.Minute // shortest look back
	leakPoints   = 9                // fewest different half minutes in it
	leakBlocks   = 12               // parts of the lower envelope
	leakRising   = 0.8              // share of pairs of the envelope that rise, less those that fall
	leakStraight = 0.92             // share of the envelope's variance that a line explains
	leakSteady   = 0.8              // slope of the last third against that before
	leakDoubt    = 0.8              // margins of the last third in its favour
	leakGrowth   = 0.2              // growth in the window against its low
	leakJump     = 3                // growth of a late leak against the range before it
	leakGrains   = 16               // growth in profile samples: 4 standard deviations
)

// trend is the growth that a series shows.
type trend struct {
	slope  float64 // units a second
	margin float64 // 1.96 standard errors of slope
	growth float64 // over the window
	span   float64 // of the window, seconds
}

// leaking looks for steady growth: over all that is kept, or beginning after a level
// past. least is the growth that matters.
func (s *series) leaking(least float64) (trend, bool) {
	all := s.points()
	if t, ok := steady(all, s.grain, least, nil); ok {
		return t, true
	}
	for _, back := range []time.Duration{leakWindow, 3 * leakWindow / 2} {
		if len(all) == 0 {
			break
		}
		start := all[len(all)-1].at - back.Seconds()
		cut := 0
		for cut < len(all) && all[cut].at < start {
			cut++
		}
		if cut == 0 || all[cut-1].at < back.Seconds()/2 {
			continue
		}
		if t, ok := steady(all[cut:], s.grain, least, all[:cut]); ok {
			return t, true
		}
	}
	return trend{}, false
}

// steady judges the growth of points after what was before them.
func steady(points []point, grain, least float64, before []point) (trend, bool) {
	if len(points) < leakPoints {
		return trend{}, false
	}
	span := points[len(points)-1].at - points[0].at
	if span < (leakWindow - slotWidth).Seconds() {
		return trend{}, false
	}
	minima := blockMinima(points, leakBlocks)
	n := len(minima)
	lowest, newest := math.Inf(1), minima[n-1].value
	for _, p := range minima[:n-1] {
		lowest = min(lowest, p.value)
		if p.value >= newest {
			return trend{}, false
		}
	}
	growth := newest - minima[0].value
	if growth < least || growth < leakGrains*grain || growth < leakGrowth*lowest && straightness(minima) < 0.97 {
		return trend{}, false
	}
	if mannKendall(minima) < leakRising || straightness(minima) < leakStraight {
		return trend{}, false
	}
	third := len(points) / 3
	early, late := measure(points[:len(points)-third], grain), measure(points[len(points)-third:], grain)
	if late.slope+leakDoubt*late.margin < leakSteady*early.slope {
		return trend{}, false
	}
	if len(before) > 0 && growth < leakJump*spread(blockMinima(before, leakBlocks)) {
		return trend{}, false
	}
	return measure(points[onset(points):], grain), true
}

// onset returns where growth begins: the index of the point at which a line that leaves a
// level fits best. It is in the first half, so that enough is left to measure.
func onset(points []point) int {
	minima := blockMinima(points, 2*leakBlocks)
	best, least := 0.0, math.Inf(1)
	for i := range len(minima) / 2 {
		if rest := hinge(minima, minima[i].at); rest < least*(1-1e-9) {
			best, least = minima[i].at, rest
		}
	}
	at := 0
	for points[at].at < best {
		at++
	}
	return at
}

// hinge returns the squares left by the best line that is level until from.
func hinge(points []point, from float64) float64 {
	n := float64(len(points))
	var mx, mv float64
	for _, p := range points {
		mx, mv = mx+max(p.at-from, 0)/n, mv+p.value/n
	}
	var xx, xv, vv float64
	for _, p := range points {
		dx, dv := max(p.at-from, 0)-mx, p.value-mv
		xx, xv, vv = xx+dx*dx, xv+dx*dv, vv+dv*dv
	}
	if xx == 0 {
		return vv
	}
	return vv - xv*xv/xx
}

// measure returns the slope with its margin. Two things blur it: the points lie around
// the line, and growth is known by the samples of the profile that stay, each of one grain.
func measure(points []point, grain float64) trend {
	span := points[len(points)-1].at - points[0].at
	slope := theilSen(blockMinima(points, 3*leakBlocks))
	growth := slope * span
	noise := scatter(points, slope)
	variance := 1.2*max(growth, 0)*grain + 12*noise*noise/float64(len(points))
	return trend{slope: slope, margin: 1.96 * math.Sqrt(variance) / span, growth: growth, span: span}
}

// spread is the difference between the highest and the lowest point.
func spread(points []point) float64 {
	low, high := math.Inf(1), math.Inf(-1)
	for _, p := range points {
		low, high = min(low, p.value), max(high, p.value)
	}
	return max(high-low, 0)
}
