package replay

import (
	"math"
	"slices"
)

// endings are the times at which calls of a server end, of as many as matter.
type endings struct{ times []float64 } // ascending

// add notes an ending; only the latest keep matter.
func (e *endings) add(end float64, keep int) {
	at, _ := slices.BinarySearch(e.times, end)
	e.times = slices.Insert(e.times, at, end)
	if len(e.times) > keep {
		e.times = e.times[len(e.times)-keep:]
	}
}

// freeAt returns when one of the slots is free for a next call.
func (e *endings) freeAt(slots int) float64 {
	if len(e.times) < slots {
		return math.Inf(-1)
	}
	return e.times[len(e.times)-slots]
}

// after drops what ended by then and returns how many are left.
func (e *endings) after(at float64) int {
	i, _ := slices.BinarySearch(e.times, at)
	e.times = e.times[i:]
	return len(e.times)
}

// line is a straight line through samples; t is how many standard errors its slope is away
// from none.
type line struct{ slope, t float64 }

func regress(of []sample, of2 func(*sample) (x, y float64)) line {
	var n, sx, sy float64
	for i := range of {
		x, y := of2(&of[i])
		n, sx, sy = n+1, sx+x, sy+y
	}
	var xx, xy, yy float64
	for i := range of {
		x, y := of2(&of[i])
		x, y = x-sx/n, y-sy/n
		xx, xy, yy = xx+x*x, xy+x*y, yy+y*y
	}
	if n < 3 || xx < 1e-12 {
		return line{}
	}
	slope := xy / xx
	return line{slope, slope / math.Sqrt(max((yy-slope*xy)/(n-2)/xx, 1e-30))}
}

func mean(of []sample, value func(*sample) float64) float64 {
	sum := 0.0
	for i := range of {
		sum += value(&of[i])
	}
	return sum / float64(max(len(of), 1))
}
