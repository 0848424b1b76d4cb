package load

import (
	"math"
	"math/rand/v2"
	"time"
)

// Arrival is one request of a schedule.
type Arrival struct {
	// At is when the request is due, counted from the start.
	At time.Duration
	// Path is what it asks for.
	Path string
}

// Poisson returns the arrivals of a Poisson process of perSecond over a length of time.
// path makes the path of each; it is given the schedule's own random source, so that one
// seed gives one schedule, the same for every target.
func Poisson(seed uint64, perSecond float64, length time.Duration, path func(*rand.Rand) string) []Arrival {
	rng := rand.New(rand.NewPCG(seed, 0x75707368696674))
	arrivals := make([]Arrival, 0, int(perSecond*length.Seconds()*1.1)+16)
	mean := float64(time.Second) / perSecond
	at := rng.ExpFloat64() * mean
	for at < float64(length) {
		arrivals = append(arrivals, Arrival{At: time.Duration(at), Path: path(rng)})
		at += rng.ExpFloat64() * mean
	}
	return arrivals
}

// Lognormal draws a duration by its median and the deviation of its logarithm, at most
// longest.
func Lognormal(rng *rand.Rand, median time.Duration, sigma float64, longest time.Duration) time.Duration {
	d := float64(median) * math.Exp(sigma*rng.NormFloat64())
	return min(time.Duration(d), longest)
}
