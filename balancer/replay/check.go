package replay

import "math"

const (
	// quarters is into how many pieces a log is cut to look for drift.
	quarters = 4
	// Beyond these factors something changed while the log was made.
	maxSpeedDrift = 1.3
	maxRateDrift  = 2.0
	// sure is how many standard errors make a difference.
	sure = 4.0
	// maxCoupling is by how much the service may grow with each e-fold of calls in flight.
	maxCoupling = 0.15
)

// check looks for what contradicts the model: drift, and servers that are no queues.
func (f *fit) check() error {
	if math.Abs(f.coupling.slope) > maxCoupling && math.Abs(f.coupling.t) > sure {
		return cannotTell("calls take %.0f %% longer where the calls in flight double, in a way that "+
			"queues in front of equal slots do not explain", 100*(math.Exp2(f.coupling.slope)-1))
	}
	piece := f.log.length().Seconds() / quarters
	var total [quarters]float64
	for i, of := range f.samples {
		var sum, count [quarters]float64
		for _, s := range of {
			q := min(int(s.at/piece), quarters-1)
			count[q]++
			total[q]++
			sum[q] += s.leftover
		}
		for q, n := range count {
			shift := sum[q] / max(n, 1)
			if n >= 8 && math.Abs(shift) > math.Log(maxSpeedDrift) && math.Abs(shift) > sure*f.spread/math.Sqrt(n) {
				return cannotTell("server %s drifted: in the %s quarter its calls took %.1f × as long as usual",
					f.log.Servers[i].ID, ordinals[q], math.Exp(shift))
			}
		}
	}
	return checkRates(total)
}

var ordinals = [quarters]string{"first", "second", "third", "last"}

// checkRates looks at how many calls came.
func checkRates(total [quarters]float64) error {
	all := 0.0
	for _, n := range total {
		all += n
	}
	for q, n := range total {
		if usual := all / quarters; n > usual*maxRateDrift || n < usual/maxRateDrift {
			return cannotTell("the traffic drifted: the %s quarter had %.1f × the calls of the mean", ordinals[q], n/usual)
		}
	}
	return nil
}
