package memory

import (
	"math"
	"slices"
)

// point is a value at a time in seconds.
type point struct{ at, value float64 }

// blockMinima cuts the span of points, which are in order of time, into n equal parts and
// returns the lowest point of each that has one: the lower envelope. What is allocated and
// let go again does not lift it; what is kept does.
func blockMinima(points []point, n int) []point {
	if len(points) == 0 {
		return nil
	}
	from := points[0].at
	width := (points[len(points)-1].at - from) / float64(n)
	if width <= 0 {
		return points[:1]
	}
	minima := make([]point, 0, n)
	block := -1
	for _, p := range points {
		b := min(int((p.at-from)/width), n-1)
		switch {
		case b != block:
			minima, block = append(minima, p), b
		case p.value < minima[len(minima)-1].value:
			minima[len(minima)-1] = p
		}
	}
	return minima
}

// mannKendall returns the share of pairs that rise less the share that fall, -1 to 1: the
// statistic S of Mann (1945) and Kendall (1975) over its largest value.
func mannKendall(points []point) float64 {
	n := len(points)
	if n < 2 {
		return 0
	}
	s := 0
	for i := range points {
		for _, later := range points[i+1:] {
			switch {
			case later.value > points[i].value:
				s++
			case later.value < points[i].value:
				s--
			}
		}
	}
	return float64(s) / float64(n*(n-1)/2)
}

// theilSen returns the median of the slopes of all pairs (Theil 1950, Sen 1968), which a
// few wild points do not move. It takes n²/2 steps; 0 for fewer than two points.
func theilSen(points []point) float64 {
	slopes := make([]float64, 0, len(points)*(len(points)-1)/2)
	for i, p := range points {
		for _, later := range points[i+1:] {
			if later.at > p.at {
				slopes = append(slopes, (later.value-p.value)/(later.at-p.at))
			}
		}
	}
	return median(slopes)
}

// median sorts values and returns the middle one; 0 of none.
func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	switch {
	case n == 0:
		return 0
	case n%2 == 1:
		return values[n/2]
	}
	return (values[n/2-1] + values[n/2]) / 2
}

// straightness is the share of the variance that the least-squares line explains, 0 to 1.
func straightness(points []point) float64 {
	n := float64(len(points))
	var mt, mv float64
	for _, p := range points {
		mt, mv = mt+p.at/n, mv+p.value/n
	}
	var tt, tv, vv float64
	for _, p := range points {
		dt, dv := p.at-mt, p.value-mv
		tt, tv, vv = tt+dt*dt, tv+dt*dv, vv+dv*dv
	}
	if tt == 0 || vv == 0 {
		return 0
	}
	return tv * tv / (tt * vv)
}

// scatter is how far points lie from a line of that slope: 1.4826 times the median
// distance from the median, which for normal noise is the standard deviation.
func scatter(points []point, slope float64) float64 {
	rest := make([]float64, len(points))
	for i, p := range points {
		rest[i] = p.value - slope*p.at
	}
	middle := median(rest)
	for i := range rest {
		rest[i] = math.Abs(rest[i] - middle)
	}
	return 1.4826 * median(rest)
}
