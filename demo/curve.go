package demo

import (
	"math"
	"math/rand/v2"
	"time"
)

// day is how many times the mean rate each hour of a working day has: two humps, a quiet
// night, peak 1.7. The mean of its values is 1. It is drawn by hand, after the kind of curve
// that public traces of chat services show.
var day = [24]float64{
	0.42, 0.35, 0.31, 0.30, 0.34, 0.46, 0.68, 0.98, 1.32, 1.58, 1.70, 1.62,
	1.36, 1.42, 1.60, 1.66, 1.56, 1.34, 1.12, 0.98, 0.90, 0.80, 0.66, 0.54,
}

const (
	// dayLength is what one day of the curve takes in the demo.
	dayLength = 8 * time.Minute
	// firstHour is where the demo begins: a morning, when it becomes busy.
	firstHour = 7
	// burstiness is the coefficient of variation of the gaps between arrivals. One would be
	// a Poisson process; chat traffic has two to three.
	burstiness = 2.0
)

// load is the rate at one moment in multiples of the mean rate, between the values of day.
func load(elapsed time.Duration) float64 {
	hours := math.Mod(firstHour+24*elapsed.Seconds()/dayLength.Seconds(), 24)
	i := int(hours)
	share := hours - float64(i)
	return day[i%24]*(1-share) + day[(i+1)%24]*share
}

// gap draws the time from one arrival to the next at a rate of perSecond: a gamma
// distribution with the mean 1/perSecond.
func gap(rng *rand.Rand, perSecond float64) time.Duration {
	const shape = 1 / (burstiness * burstiness)
	seconds := gamma(rng, shape) / shape / perSecond
	return time.Duration(min(seconds, 60) * float64(time.Second))
}

// gamma draws from a gamma distribution with scale 1 by Marsaglia and Tsang, "A simple
// method for generating gamma variables" (2000), with their boost for shapes below 1.
func gamma(rng *rand.Rand, shape float64) float64 {
	if shape < 1 {
		return gamma(rng, shape+1) * math.Pow(1-rng.Float64(), 1/shape)
	}
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := rng.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		if math.Log(1-rng.Float64()) < 0.5*x*x+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}

// tokens draws how long an answer is: lognormal, most short, some long.
func tokens(rng *rand.Rand) int {
	const median, spread, most = 40.0, 0.7, 300
	return max(1, min(int(median*math.Exp(spread*rng.NormFloat64())), most))
}
