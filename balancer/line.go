package balancer

import (
	"math"
	"time"
)

const (
	replicaForget = 0.98             // per observation: a memory of some 50
	replicaMemory = 20 * time.Second // and in silence
	replicaPrior  = 2.0              // observations that the first guess weighs
)

// line learns y = a + b × x by weighted least squares with forgetting. Observations are
// divided by their expected value, so that errors count relatively.
type line struct {
	n, x, xx, y, xy float64
	at              int64
}

func (l *line) keep(part float64) {
	l.n, l.x, l.xx, l.y, l.xy = l.n*part, l.x*part, l.xx*part, l.y*part, l.xy*part
}

func (l *line) observe(now int64, x, y, expected float64) {
	l.keep(replicaForget * fade(now-l.at, replicaMemory))
	l.at = now
	w := 1 / max(expected*expected, 1e-12)
	l.n += w
	l.x += w * x
	l.xx += w * x * x
	l.y += w * y
	l.xy += w * x * y
}

// solve returns a and b, both at least 0. The prior weighs as much as replicaPrior
// observations of its own expected values at 0 and at x1.
func (l *line) solve(a, b, x1 float64) (float64, float64) {
	w0, w1 := replicaPrior/max(a*a, 1e-12), replicaPrior/max((a+b*x1)*(a+b*x1), 1e-12)
	n, x, xx := l.n+w0+w1, l.x+w1*x1, l.xx+w1*x1*x1
	y, xy := l.y+w0*a+w1*(a+b*x1), l.xy+w1*x1*(a+b*x1)
	det := n*xx - x*x
	slope := (n*xy - x*y) / det
	base := (y - slope*x) / n
	if base < 0 || slope < 0 || det <= 0 || math.IsNaN(slope) {
		// not both can be seen: keep their proportion
		k := (y*a + xy*b) / (n*a*a + 2*x*a*b + xx*b*b)
		return k * a, k * b
	}
	return base, slope
}
