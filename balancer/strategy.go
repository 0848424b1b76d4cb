package balancer

import (
	"fmt"
	"math"
	"strings"
)

// The names of the strategies.
const (
	RoundRobin         = "round_robin"
	WeightedRoundRobin = "weighted_round_robin"
	LeastConnections   = "least_connections"
	LeastResponseTime  = "least_response_time"
	ResourceBased      = "resource_based"
	Adaptive           = "adaptive"
)

// Strategies returns the names of all strategies.
func Strategies() []string {
	return []string{RoundRobin, WeightedRoundRobin, LeastConnections, LeastResponseTime, ResourceBased, Adaptive}
}

// strategy decides where a call goes. It prices a server whenever something about it
// changed, and chooses among the rows that hold the prices.
type strategy interface {
	// price is what a call costs on the server now.
	price(r reading) price
	// choose returns the index of the chosen row, or -1 when no row is available.
	choose(rows []row, j job) int
}

// newStrategy returns the strategy of the name, with no state yet.
func newStrategy(name string) (strategy, bool) {
	switch name {
	case RoundRobin:
		return &roundRobin{}, true
	case WeightedRoundRobin:
		return &weightedRoundRobin{}, true
	case LeastConnections:
		return leastConnections{}, true
	case LeastResponseTime:
		return leastResponseTime{}, true
	case ResourceBased:
		return resourceBased{}, true
	case Adaptive:
		return adaptive{}, true
	}
	return nil, false
}

// explores reports whether servers that the strategy leaves unused must be tried now and
// then, since it prices them by what they did in the past.
func explores(s strategy) bool {
	switch s.(type) {
	case adaptive, leastResponseTime, resourceBased:
		return true
	}
	return false
}

func unknownStrategy(field, got string) error {
	return &FieldError{
		Field: field, Err: ErrUnknownStrategy,
		Problem: fmt.Sprintf("must be one of %s (got %q)", strings.Join(Strategies(), ", "), got),
	}
}

// reading is all that a strategy may know of a server.
type reading struct {
	weight   float64 // as configured, above 0
	inFlight float64 // calls
	work     float64 // expected work of the calls in flight, seconds on a median server
	latency  float64 // recent response time, seconds, above 0
	speed    speed   // learnt by the adaptive strategy
	overdue  float64 // how much later than expected the oldest call in flight is, seconds
	success  float64 // recent share of successes, above 0
	load     float64 // reported load, 0..1, faded into the pool's mean
}

// price is what a call costs: base + size × perUnit. Strategies that take turns use only
// share, the part of a full turn that the server gets.
type price struct{ base, perUnit, share float64 }

// row is the price of one server as the next pick sees it. An infinite base means that
// the server takes no calls now.
type row struct {
	base, perUnit, share atomicFloat
	turn                 float64 // owned by a turn-taking strategy, under its lock
}

func (r *row) set(p price) {
	r.perUnit.Store(p.perUnit)
	r.share.Store(p.share)
	r.base.Store(p.base)
}

func (r *row) available() bool { return !math.IsInf(r.base.Load(), 1) }

// job is the call to be placed.
type job struct {
	now   int64   // nanoseconds since the pool's epoch
	size  float64 // expected work, seconds on a median server
	class sizeClass
	rnd   uint64 // random bits
}

// Above fullScan servers only sampleSize random ones are looked at.
const (
	fullScan   = 64
	sampleSize = 32
)

// cheapest returns the row with the lowest price for the job, a random one among equals,
// or -1 when none is available. Large pools are sampled.
func cheapest(rows []row, j job) int {
	if len(rows) <= fullScan {
		return cheapestOf(rows, j)
	}
	best, at := math.Inf(1), -1
	i, n := int(j.rnd%uint64(len(rows))), len(rows)
	step := 1 + int((j.rnd>>32)%uint64(n-1))
	for range sampleSize {
		if c := rows[i].base.Load() + j.size*rows[i].perUnit.Load(); c < best {
			best, at = c, i
		}
		if i += step; i >= n {
			i -= n
		}
	}
	if at < 0 {
		return cheapestOf(rows, j)
	}
	return at
}

func cheapestOf(rows []row, j job) int {
	best, at, ties := math.Inf(1), -1, uint64(0)
	for i := range rows {
		c := rows[i].base.Load() + j.size*rows[i].perUnit.Load()
		if c < best {
			best, at, ties = c, i, 1
		} else if c == best {
			ties++
		}
	}
	if at < 0 || ties == 1 {
		return at
	}
	nth := j.rnd % ties
	for i := range rows {
		if rows[i].base.Load()+j.size*rows[i].perUnit.Load() != best {
			continue
		}
		if nth == 0 {
			return i
		}
		nth--
	}
	return at // a price changed meanwhile
}
