package balancer

import (
	"math"
	"sync/atomic"
	"time"
)

// atomicFloat is a float64 that is read and written as one.
type atomicFloat struct{ bits atomic.Uint64 }

func (f *atomicFloat) Load() float64   { return math.Float64frombits(f.bits.Load()) }
func (f *atomicFloat) Store(v float64) { f.bits.Store(math.Float64bits(v)) }

// splitmix turns a counter into random bits (Steele, Lea, Flood 2014).
func splitmix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// unit turns random bits into a number in [0, 1).
func unit(bits uint64) float64 { return float64(bits>>11) / (1 << 53) }

func seconds(ns int64) float64 { return time.Duration(ns).Seconds() }

// fade is what is left of something after dt nanoseconds with the time constant tau.
func fade(dt int64, tau time.Duration) float64 {
	if dt <= 0 {
		return 1
	}
	return math.Exp(-float64(dt) / float64(tau))
}

// latencyEstimate is a moving mean of response times in which a sample counts the more the
// longer none came.
type latencyEstimate struct {
	seconds float64 // 0: nothing known
	samples float64
	at      int64 // when it last changed
}

// Time constants of what is learnt about a server.
const (
	latencyMemory = 5 * time.Second
	successMemory = 10 * time.Second
	speedMemory   = 20 * time.Second
	idleMemory    = 10 * time.Second // how fast an unused server becomes a median one
	minLatency    = 1e-6
)

func (e *latencyEstimate) observe(now int64, sample float64) {
	e.samples++
	share := max(1-fade(now-e.at, latencyMemory), 1/min(e.samples, 32))
	e.seconds += share * (sample - e.seconds)
	e.at = now
}

// relax moves the estimate of an unused server toward the pool's median.
func (e *latencyEstimate) relax(now int64, median float64) {
	if e.samples == 0 || median <= 0 || now-e.at < int64(probeAfter) {
		return
	}
	e.seconds += (1 - fade(int64(refreshEvery), idleMemory)) * (median - e.seconds)
}

// successEstimate is a recent share of successes that starts, and in silence returns to, 1.
type successEstimate struct {
	good, bad float64
	at        int64
}

// successPrior is how many successes an unknown server is credited with.
const successPrior = 2

func (e *successEstimate) observe(now int64, ok bool) {
	e.age(now)
	// Beyond some hundred samples the mean is good; forgetting keeps it quick.
	if e.good+e.bad > 200 {
		e.good, e.bad = e.good*0.99, e.bad*0.99
	}
	if ok {
		e.good++
	} else {
		e.bad++
	}
}

func (e *successEstimate) age(now int64) {
	keep := fade(now-e.at, successMemory)
	e.good, e.bad, e.at = e.good*keep, e.bad*keep, now
}

func (e *successEstimate) ratio() float64 {
	return (e.good + successPrior) / (e.good + e.bad + successPrior)
}

// speed predicts a response time: size × perUnit + work ahead × perAhead. On a median
// server perUnit is 1.
type speed struct{ perUnit, perAhead float64 }

// speedEstimate learns a [speed] by weighted least squares with forgetting. Observations
// are divided by their expected value, so that errors count relatively and large calls do
// not rule. A prior of priorSamples pulls it toward the first guess; as observations fade
// in silence, an unused server becomes a median one again.
type speedEstimate struct {
	ss, sa, aa float64 // sums of products of size and ahead
	sy, ay     float64 // and of each with the response time
	surprises  int     // in a row: above 0 too slow, below 0 too fast
	at         int64
}

const (
	priorSamples = 1.0
	aheadPrior   = 0.25  // as if four calls were worked on at a time
	speedForget  = 0.985 // per observation: a memory of some 66
	surprise     = 4     // times off what was predicted, or one over it
	shock        = 0.4   // what each surprise after a first in a row leaves of the memory
)

// observe learns from a response for which predicted seconds were expected. Surprises in
// a row mean that the server has changed: the past is forgotten faster.
func (e *speedEstimate) observe(now int64, size, ahead, latency, predicted float64) {
	e.age(now)
	switch {
	case latency > surprise*predicted:
		e.surprises = max(e.surprises, 0) + 1
	case latency*surprise < predicted:
		e.surprises = min(e.surprises, 0) - 1
	default:
		e.surprises = 0
	}
	if e.surprises > 1 || e.surprises < -1 {
		e.keep(shock)
	}
	e.keep(speedForget)
	scale := 1 / (size + aheadPrior*ahead)
	s, a, y := size*scale, ahead*scale, latency*scale
	e.ss, e.sa, e.aa = e.ss+s*s, e.sa+s*a, e.aa+a*a
	e.sy, e.ay = e.sy+s*y, e.ay+a*y
}

func (e *speedEstimate) age(now int64) {
	e.keep(fade(now-e.at, speedMemory))
	e.at = now
}

func (e *speedEstimate) keep(part float64) {
	e.ss, e.sa, e.aa, e.sy, e.ay = e.ss*part, e.sa*part, e.aa*part, e.sy*part, e.ay*part
}

// estimate solves for the speed; first is the speed assumed when nothing is known.
func (e *speedEstimate) estimate(first float64) speed {
	firstAhead := first * aheadPrior
	ss, aa := e.ss+priorSamples, e.aa+priorSamples
	sy, ay := e.sy+priorSamples*first, e.ay+priorSamples*firstAhead
	det := ss*aa - e.sa*e.sa // positive: Cauchy-Schwarz, and the prior
	v := speed{perUnit: (sy*aa - ay*e.sa) / det, perAhead: (ay*ss - sy*e.sa) / det}
	if v.perAhead < 0 || v.perUnit <= 0 { // not both can be seen: keep their proportion
		all := (sy + aheadPrior*ay) / (ss + 2*aheadPrior*e.sa + aheadPrior*aheadPrior*aa)
		v = speed{perUnit: all, perAhead: all * aheadPrior}
	}
	v.perUnit = min(max(v.perUnit, 1e-4), 1e4)
	v.perAhead = min(v.perAhead, v.perUnit)
	return v
}
