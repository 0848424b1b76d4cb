package balancer

import (
	"fmt"
	"strings"
	"sync/atomic"
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
	residue  float64 // recent delay that the calls in flight do not explain, seconds
	overdue  float64 // how much later than expected the oldest call in flight is, seconds
	success  float64 // recent share of successes, above 0
	usual    float64 // recent response time of the median server, seconds
	load     float64 // reported load, 0..1, faded into the pool's mean
}

// price is what a call costs: base + size × perUnit. Strategies that take turns use only
// share, the part of a full turn that the server gets.
type price struct{ base, perUnit, share float64 }

// row is the price of one server as the next pick sees it.
type row struct {
	base, rate atomic.Uint64 // see scan.go
	share      atomic.Int64  // of a turn in 1/fullTurn; 0 when the server takes no calls
	turn       int64         // owned by a turn-taking strategy, under its lock
}

// fullTurn is the share of a server of weight 1.
const fullTurn = 1 << 20

// set prices the row of the index.
func (r *row) set(p price, index int, rnd uint64) {
	r.rate.Store(rate(p.perUnit))
	r.share.Store(max(int64(p.share*fullTurn), 1))
	r.base.Store(basePrice(p.base, index, rnd))
}

// shut takes the row out of the next picks.
func (r *row) shut() {
	r.base.Store(noPrice)
	r.share.Store(0)
}

func (r *row) available() bool { return r.base.Load() < noPrice }

// job is the call to be placed.
type job struct {
	now   int64   // nanoseconds since the pool's epoch
	size  float64 // expected work, seconds on a median server
	class sizeClass
	rnd   uint64  // random bits
	asked *Prompt // nil: no prompt
	again bool    // it was tried before
}
